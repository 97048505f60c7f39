"""Following paired differences block by block: which arms are settled, since when, and what is known of them.

Each arm's differences are looked at after every block. An arm is settled when its t-test crosses a bound that keeps the
chance of any false verdict, over all looks and arms, at the error rate (`advisor.experiments.boundary`, exact for
normal differences; over the arms by Holm 1979 on the sequential p-values); when its interval lies inside the minimum
effect; when it ended every block exactly like the baseline; or when more blocks would hardly settle it. Intervals hold
at every look together (Jennison & Turnbull 2000, chapter 9), so that stopping when one likes does not break them, and
what all looks so far allow is their intersection.

Where splits are resampled, runs share training examples; the standard error is then Nadeau & Bengio's (2003).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from advisor.contract import Frozen
from advisor.experiments.boundary import FIRST_LOOK, bound, looks, sequential_p_value, weights

# An arm is given up when a verdict by the last block is less likely than this, given what it showed so far.
FUTILE = 0.025
Settled = Literal["", "effect", "equivalent", "identical", "futile", "not finite"]


class Look(Frozen):
    """What one arm showed after n differences. The bound is that on the p-value, at the arm's level then."""

    n: int
    mean: float
    low: float
    high: float
    p_value: float
    bound: float


class Course(Frozen):
    """One arm's way. `settled` says why it needs no more blocks; empty while it does."""

    blocks: int  # that count for it, those with a missing difference included
    settled: Settled = ""
    looks: tuple[Look, ...] = ()
    interval: tuple[float, float] | None = None  # holds at all looks together; the one that decides
    level: float  # of that interval
    p_value: float | None = None  # adjusted for looks and arms


@dataclass(frozen=True)
class Rule:
    """What was fixed before the first run.

    alpha: error rate over all looks and arms. horizon: the largest number of blocks. minimum_effect: in the metric's
    units. test_train_ratio: test over training examples where splits are resampled, else None. early: whether arms are
    settled before the horizon; if not, the only look is the last.
    """

    alpha: float
    horizon: int
    minimum_effect: float
    test_train_ratio: float | None = None
    early: bool = True

    def at(self) -> range:
        """The numbers of differences at which an arm is looked at."""
        return looks(self.horizon) if self.early else range(self.horizon, self.horizon + 1)

    def bounds(self, level: float) -> NDArray[np.float64]:
        """The bounds on the two-sided p-value at each look, for one arm at this level."""
        if not self.early:
            return np.array([level])
        return np.minimum(1.0, bound(level, self.horizon) * weights(self.horizon))

    def p_value(self, smallest: float) -> float:
        """Of one arm, from the smallest p-value over weight of its looks."""
        return sequential_p_value(smallest, self.horizon) if self.early else min(1.0, smallest)


class _Arm:
    """One arm while it is followed."""

    def __init__(self, values: Sequence[float | None], rule: Rule) -> None:
        self.rule = rule
        self.counts = np.cumsum([value is not None for value in values])
        kept = np.array([value for value in values if value is not None], dtype=np.float64)
        self.mean, self.error, self.p = _t_tests(kept, rule.test_train_ratio)
        self.finite = np.isfinite(kept)
        self.seen: list[int] = []  # numbers of differences at which it was looked at
        self.smallest = math.inf
        self.share = 0.0  # of the error rate that it may use
        self.settled: Settled = ""
        self.blocks = len(values)

    def look(self, block: int) -> bool:
        """Look after this block; whether there was something new to see."""
        n = int(self.counts[block - 1])
        at = self.rule.at()
        if n not in at or n in self.seen:
            return False
        self.seen.append(n)
        weight = float(weights(self.rule.horizon)[n - at.start]) if self.rule.early else 1.0
        self.smallest = min(self.smallest, float(self.p[n - 1]) / weight)
        return True

    def half_widths(self) -> NDArray[np.float64]:
        from scipy import stats

        n = np.array(self.seen)
        bounds = self.rule.bounds(self.share)[n - self.rule.at().start]
        return np.asarray(stats.t.isf(bounds / 2, n - 1) * self.error[n - 1])

    def interval(self) -> tuple[float, float] | None:
        places = np.array(self.seen, dtype=int) - 1
        if not len(places) or not (self.error[places[-1]] > 0):
            return None
        half, mean = self.half_widths(), self.mean[places]
        half = np.where(self.error[places] > 0, half, np.inf)
        low, high = float((mean - half).max()), float((mean + half).min())
        if low > high:  # looks that contradict one another: the last one counts
            low, high = float(mean[-1] - half[-1]), float(mean[-1] + half[-1])
        return low, high

    def course(self, adjusted: float | None) -> Course:
        places = np.array(self.seen, dtype=int) - 1
        path: tuple[Look, ...] = ()
        if len(places) and self.share:
            bounds = self.rule.bounds(self.share)[places + 1 - self.rule.at().start]
            path = tuple(
                Look(n=place + 1, mean=self.mean[place], low=self.mean[place] - half, high=self.mean[place] + half,
                     p_value=self.p[place], bound=limit)
                for place, half, limit in zip(places.tolist(), self.half_widths(), bounds, strict=True)
            )  # fmt: skip
        interval = self.interval() if self.finite.all() else None
        return Course(
            blocks=self.blocks, settled=self.settled, looks=path if self.finite.all() else (), interval=interval,
            level=1 - self.share, p_value=adjusted if interval else None,
        )  # fmt: skip


def follow(
    differences: Mapping[str, Sequence[float | None]],
    rule: Rule,
    *,
    identical: Mapping[str, Sequence[bool]] | None = None,
) -> dict[str, Course]:
    """Every arm's way through the blocks so far.

    Args:
        differences: arm -> arm minus baseline in each block, in block order; None where a run gave no value. All arms
            have the same number of blocks; what follows an arm's settling is not looked at.
        identical: arm -> whether it ended the block with the very outcome of the baseline; such arms settle at once.
    """
    arms = {name: _Arm(values, rule) for name, values in differences.items()}
    same = {name: list(values) for name, values in (identical or {}).items()}
    blocks = max((len(values) for values in differences.values()), default=0)
    for arm in arms.values():
        arm.share = rule.alpha / len(arms)
    for block in range(1, blocks + 1):
        going = {name: arm for name, arm in arms.items() if not arm.settled}
        looked = []
        for name, arm in going.items():
            if not arm.finite[: int(arm.counts[block - 1])].all():
                arm.settled, arm.blocks = "not finite", block
            elif same.get(name) and block >= min(FIRST_LOOK, rule.horizon) and all(same[name][:block]):
                arm.settled, arm.blocks = "identical", block
            elif arm.look(block):
                looked.append(arm)
        _reject(arms, rule, block)
        for arm in looked:
            _settle(arm, rule, block)
    adjusted = _holm({name: rule.p_value(arm.smallest) for name, arm in arms.items() if arm.seen})
    return {name: arm.course(adjusted.get(name)) for name, arm in arms.items()}


def _reject(arms: Mapping[str, _Arm], rule: Rule, block: int) -> None:
    """Holm's steps: the fewer hypotheses are left, the larger the share of the error rate for each of them."""
    while True:
        left = [arm for arm in arms.values() if arm.settled != "effect"]
        open_ones = [arm for arm in left if not arm.settled]
        for arm in open_ones:
            arm.share = rule.alpha / len(left)
        best = min(open_ones, key=lambda arm: arm.smallest, default=None)
        if best is None or not math.isfinite(best.smallest):
            return
        last = bound(best.share, rule.horizon) if rule.early else best.share
        if best.smallest > last:
            return
        best.settled, best.blocks = "effect", block


def _settle(arm: _Arm, rule: Rule, block: int) -> None:
    """Equivalence, which wins over the sign, and giving up."""
    interval = arm.interval()
    if interval is None or arm.settled not in {"", "effect"}:
        return
    if -rule.minimum_effect <= interval[0] and interval[1] <= rule.minimum_effect:
        arm.settled, arm.blocks = "equivalent", block
    elif not arm.settled and rule.early and arm.seen[-1] < rule.horizon and _chance(arm, rule) < FUTILE:
        arm.settled, arm.blocks = "futile", block


def _chance(arm: _Arm, rule: Rule) -> float:
    """Probability that the last look gives a verdict, if the blocks to come are like those seen."""
    from scipy import stats

    n, last = arm.seen[-1], rule.horizon
    mean, sd = float(arm.mean[n - 1]), float(arm.error[n - 1]) / math.sqrt(1 / n + (rule.test_train_ratio or 0.0))
    half = (
        stats.t.isf(rule.bounds(arm.share)[-1] / 2, last - 1)
        * sd
        * math.sqrt(1 / last + (rule.test_train_ratio or 0.0))
    )
    spread = (1 - n / last) * sd * math.sqrt(1 / n + 1 / (last - n))  # of the last mean, predicted
    beyond = stats.t.sf((half - mean) / spread, n - 1) + stats.t.cdf((-half - mean) / spread, n - 1)
    room = rule.minimum_effect - half
    inside = 0.0
    if room > 0:
        inside = stats.t.cdf((room - mean) / spread, n - 1) - stats.t.cdf((-room - mean) / spread, n - 1)
    return float(beyond + inside)


def _t_tests(
    values: NDArray[np.float64], ratio: float | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Mean, standard error and two-sided p-value of the first n values, for every n.

    Without spread the error is 0 and the p-value 1: equal differences may come from a coarse metric.
    """
    from scipy import stats

    n = np.arange(1, len(values) + 1)
    if not len(values):
        return values, values, values
    with np.errstate(invalid="ignore", over="ignore"):
        mean = np.cumsum(values) / n
        # Around the first value, so that equal values have no spread from rounding.
        shifted = values - values[0]
        squares = np.cumsum(shifted**2) - np.cumsum(shifted) ** 2 / n
        sd = np.sqrt(np.maximum(squares, 0.0) / np.maximum(n - 1, 1))
    largest = np.maximum(np.maximum.accumulate(np.abs(values)), 1.0)
    spread = np.maximum.accumulate(values) - np.minimum.accumulate(values)
    sd = np.where(spread > 1e-12 * largest, sd, 0.0)
    error = sd * np.sqrt(1 / n + (ratio or 0.0))
    p = np.ones(len(values))
    some = error > 0
    p[some] = 2 * stats.t.sf(np.abs(mean[some]) / error[some], n[some] - 1)
    return mean, error, p


def _holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's adjusted p-values."""
    adjusted: dict[str, float] = {}
    largest = 0.0
    for place, (name, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        largest = max(largest, min(1.0, (len(p_values) - place) * p))
        adjusted[name] = largest
    return adjusted
