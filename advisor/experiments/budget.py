"""How many blocks a time budget allows, from what the first block took, and when it is spent."""

import math
from collections.abc import Sequence

from pydantic import Field

from advisor.contract import Frozen
from advisor.errors import AdvisorError
from advisor.experiments.boundary import FIRST_LOOK
from advisor.words import duration


class Allowance(Frozen):
    """The number of blocks, and the seconds from which follows when they end earlier. Logged, and replayed on resume.

    As arms are settled the others get their time, so that more blocks may fit than with all arms. seconds: of one run
    of each arm; left: of wall time, for the blocks after the first.
    """

    horizon: int
    seconds: dict[str, float]
    left: float
    workers: int = Field(ge=1)

    def of_block(self, arms: Sequence[str]) -> float:
        """Wall seconds of a block of these arms."""
        return block_seconds([self.seconds[arm] for arm in arms], self.workers)


def allowance(
    seconds: dict[str, float], *, budget_seconds: float, elapsed: float, workers: int, max_blocks: int, done: bool
) -> Allowance:
    """How many blocks to plan for, `baseline` and all arms in `seconds`; see `blocks_within`.

    With time for five blocks and more the horizon is what fits once half of the arms, the costly ones, are left.
    """
    arms = sorted((arm for arm in seconds if arm != "baseline"), key=lambda arm: -seconds[arm])

    def fitting(kept: Sequence[str]) -> int:
        return blocks_within(
            budget_seconds, first_block=[seconds["baseline"], *(seconds[arm] for arm in kept)], elapsed=elapsed,
            workers=workers, max_blocks=max_blocks, done=done,
        )  # fmt: skip

    horizon = fitting(arms)
    if horizon >= FIRST_LOOK:
        horizon = max(horizon, fitting(arms[: math.ceil(len(arms) / 2)]))
    left = max(0.0, budget_seconds - elapsed)
    if not done:
        left -= block_seconds(list(seconds.values()), workers)
    return Allowance(horizon=horizon, seconds=seconds, left=left, workers=workers)


def block_seconds(runs: Sequence[float], workers: int) -> float:
    """Wall seconds of a block whose runs take so long, on so many workers."""
    return max(sum(runs) / min(workers, len(runs)), 1e-3)


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
    block = block_seconds(first_block, workers)
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
