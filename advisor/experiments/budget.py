"""How many blocks a time budget allows, from what the first block took."""

import math
from collections.abc import Sequence

from advisor.errors import AdvisorError
from advisor.words import duration


def blocks_within(
    budget_seconds: float, *, first_block: Sequence[float], elapsed: float, workers: int, max_blocks: int
) -> int:
    """The number of blocks, the first included, that `budget_seconds` of wall time allows.

    Args:
        first_block: training seconds of each run of the first block.
        elapsed: wall seconds since the start, the first block included.
        workers: runs at a time.

    Raises:
        AdvisorError: fewer than two blocks fit, which no paired comparison can be made from.
    """
    block = max(sum(first_block) / min(workers, len(first_block)), 1e-3)
    blocks = 1 + math.floor(max(0.0, budget_seconds - elapsed) / block)
    if blocks < 2:
        needed = math.ceil((elapsed + block) * 1.2)
        raise AdvisorError(
            f"The budget of {duration(budget_seconds)} is too small for two blocks: the first block of "
            f"{len(first_block)} runs was done after {duration(elapsed)} and the second would take about "
            f"{duration(block)}. Set budget: {needed}s or more, or train for fewer epochs."
        )
    return min(blocks, max_blocks)
