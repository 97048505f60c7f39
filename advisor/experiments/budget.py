"""How many blocks a time budget allows, from what the first block took."""

import math
from collections.abc import Sequence

from advisor.errors import AdvisorError
from advisor.words import duration


def blocks_within(
    budget_seconds: float,
    *,
    first_block: Sequence[float],
    elapsed: float,
    workers: int,
    max_blocks: int,
    done: bool = True,
) -> int:
    """The number of blocks, the first included, that `budget_seconds` of wall time allows.

    Args:
        first_block: training seconds of each run of the first block.
        elapsed: wall seconds since the start, the first block included.
        workers: runs at a time.
        done: whether the first block has been trained; if not, its seconds are expected ones.

    Raises:
        AdvisorError: fewer than two blocks fit, which no paired comparison can be made from.
    """
    block = max(sum(first_block) / min(workers, len(first_block)), 1e-3)
    blocks = int(done) + math.floor(max(0.0, budget_seconds - elapsed) / block)
    if blocks < 2:
        needed = math.ceil((elapsed + (1 if done else 2) * block) * 1.2)
        course = (
            f"the first block of {len(first_block)} runs was done after {duration(elapsed)} and the second would take "
            f"about {duration(block)}"
            if done
            else f"each block of {len(first_block)} runs would take about {duration(block)}"
        )
        raise AdvisorError(
            f"The budget of {duration(budget_seconds)} is too small for two blocks: {course}. Set budget: {needed}s or "
            "more, or train for fewer epochs."
        )
    return min(blocks, max_blocks)
