"""Runs paired by block: the differences that everything is decided on."""

from collections.abc import Sequence
from typing import NamedTuple

from advisor.experiments.evidence import RunResult
from advisor.experiments.sequential import Course, Rule, follow


class Pairs(NamedTuple):
    """One arm beside the baseline, block by block from the first on."""

    arm: tuple[RunResult, ...]
    baseline: tuple[RunResult, ...]

    @property
    def finished(self) -> list[tuple[RunResult, RunResult]]:
        """The blocks in which both have values."""
        return [(run, base) for run, base in zip(*self, strict=True) if not (run.failure or base.failure)]

    def differences(self, metric: str) -> list[float | None]:
        """Arm minus baseline on the test split in each block; None where one of them failed."""
        return [
            None if run.failure or base.failure else run.test[metric] - base.test[metric]
            for run, base in zip(*self, strict=True)
        ]

    def same(self) -> list[bool]:
        """Whether the arm ended the block with the very outcome of the baseline; failed blocks say nothing."""
        return [
            bool(run.failure or base.failure) or run.outcome_digest == base.outcome_digest
            for run, base in zip(*self, strict=True)
        ]

    def first(self, blocks: int) -> "Pairs":
        """The first so many blocks."""
        return Pairs(self.arm[:blocks], self.baseline[:blocks])


def pair(runs: Sequence[RunResult], arms: Sequence[str]) -> dict[str, Pairs]:
    """Each arm's runs beside the baseline's, up to the first block that lacks one of them."""
    known = {(run.arm, run.block): run for run in runs}
    pairs = {}
    for arm in arms:
        blocks = 0
        while (arm, blocks) in known and ("baseline", blocks) in known:
            blocks += 1
        pairs[arm] = Pairs(
            tuple(known[arm, block] for block in range(blocks)),
            tuple(known["baseline", block] for block in range(blocks)),
        )
    return pairs


def courses(pairs: dict[str, Pairs], metric: str, rule: Rule, *, aa: bool, whole: bool = True) -> dict[str, Course]:
    """How far each arm is settled.

    aa: identical arms are then the point, and go on to the last block. whole: whether one equal outcome of a block is
    the whole outcome, so that an arm equal in all of them needs no test. Where no arm ends before the last block, all
    blocks count for every arm, whatever settled it.
    """
    same = {} if aa or not whole else {name: found.same() for name, found in pairs.items() if found.finished}
    ways = follow({name: found.differences(metric) for name, found in pairs.items()}, rule, identical=same)
    if rule.early:
        return ways
    return {name: way.model_copy(update={"blocks": len(pairs[name].arm)}) for name, way in ways.items()}
