"""The paired comparison in words: mean difference over blocks, its interval, and the verdict.

`compare` is the comparison over a number of blocks that was fixed before. What was followed block by block has its
interval and p-value from `advisor.experiments.sequential`; `judge` says what they mean.
"""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from advisor.contract import Frozen
from advisor.experiments.evidence import Comparison, Verdict
from advisor.experiments.power import MOST_BLOCKS, WANTED_POWER, needed, power_of
from advisor.experiments.sequential import Course, Rule
from advisor.words import change, interval, metric_title


def compare(
    differences: Sequence[float], *, metric: str, alpha: float, arms: int = 1, test_train_ratio: float | None = None
) -> Comparison:
    """The paired comparison of one arm with the baseline.

    Args:
        differences: arm minus baseline, one a block.
        alpha: error rate over all arms together.
        arms: how many are decided on.
        test_train_ratio: test over training examples where splits are resampled, else None.

    A difference that is not finite, or no spread at all, leaves the interval and the p-value None.
    """
    values = np.asarray(differences, dtype=np.float64)
    n = len(values)
    level = 1 - alpha / arms
    finite = bool(np.isfinite(values).all()) and n > 0
    mean = float(values.mean()) if finite else None
    sd = float(values.std(ddof=1)) if finite and n > 1 else None
    # Equal differences can have a tiny standard deviation from rounding alone.
    spread = sd is not None and np.ptp(values) > 1e-12 * max(1.0, float(np.abs(values).max()))
    bounds, p_value = None, None
    if spread and sd is not None and mean is not None:
        from scipy import stats

        standard_error = sd * math.sqrt(1 / n + (test_train_ratio or 0.0))
        half = float(stats.t.ppf(0.5 + level / 2, n - 1)) * standard_error
        bounds = (mean - half, mean + half)
        p_value = min(1.0, arms * 2 * float(stats.t.sf(abs(mean) / standard_error, n - 1)))
    return Comparison(
        metric=metric, differences=tuple(float(v) for v in values), n=n, mean=mean, sd=sd, interval=bounds,
        level=level, p_value=p_value,
    )  # fmt: skip


class Outlook(Frozen):
    """What the blocks so far were good for, and what more of them would be."""

    probability_better: float | None = None  # that the arm beats the baseline in a new pair of runs
    power: float | None = None  # with which these blocks find the effect that matters
    blocks_needed: int | None = None  # for a power of 0.8; None: over MOST_BLOCKS, or not known


def outlook(comparison: Comparison, course: Course, rule: Rule, direction: Literal["min", "max"]) -> Outlook:
    """From the mean and spread of the differences, as if these were normal.

    The effect that matters is the minimum effect, or where that is smaller the effect seen.
    """
    from scipy import stats

    mean, sd, n = comparison.mean, comparison.sd, comparison.n
    if mean is None or sd is None or comparison.interval is None:
        return Outlook()
    better = mean if direction == "max" else -mean
    probability = float(stats.t.cdf(better / (sd * math.sqrt(1 + 1 / n)), n - 1))
    effect = max(abs(mean), rule.minimum_effect)
    if not effect:
        return Outlook(probability_better=probability)
    level = 1 - course.level
    place = min(n, rule.horizon) - rule.at().start
    limit = float(rule.bounds(level)[max(0, place)])
    ratio = rule.test_train_ratio or 0.0
    return Outlook(
        probability_better=probability,
        power=power_of(effect / sd, n, limit, ratio),
        blocks_needed=needed(effect / sd, level, more_than=n, ratio=ratio),
    )


def judge(
    comparison: Comparison,
    course: Course,
    rule: Rule,
    *,
    direction: Literal["min", "max"],
    outcome: str = "weights",
) -> tuple[Verdict, str, Outlook]:
    """The verdict on one arm, a sentence that states it with its numbers, and what more blocks would bring.

    `outcome`: what an identical arm shares with the baseline in every block.
    """
    metric = metric_title(comparison.metric)
    blocks = f"{comparison.n} paired blocks"
    if course.settled == "identical":
        return "equivalent", f"Equivalent: in all {blocks} it ended with exactly the baseline's {outcome}.", Outlook()
    if course.settled == "not finite" or comparison.mean is None:
        text = f"Undecided: {metric} was not finite in some of {blocks}; look at the diverged runs."
        return "undecided", text, Outlook()
    seen = outlook(comparison, course, rule, direction)
    if comparison.interval is None:
        if comparison.sd:
            text = f"Undecided: {blocks} are too few to be looked at; the first look comes after {rule.at().start}."
        else:
            text = (
                f"Undecided: {metric} differed by exactly {change(comparison.mean, comparison.metric)} in all "
                f"{blocks}, so there is no spread to judge by; a larger test split would resolve more."
            )
        return "undecided", text, seen
    low, high = comparison.interval
    stated = (
        f"{metric} {change(comparison.mean, comparison.metric)} "
        f"({100 * comparison.level:.4g} % interval {interval(low, high, comparison.metric)}, {blocks})"
    )
    margin = change(rule.minimum_effect, comparison.metric).lstrip("+")
    if course.settled == "equivalent":
        text = f"Equivalent: {stated}; the interval lies inside the minimum effect of {margin}."
        return "equivalent", text, seen
    if course.settled == "effect":
        verdict: Verdict = "helps" if (low > 0) == (direction == "max") else "hurts"
        sure = f"P(better in a new pair of runs) {seen.probability_better:.2f}"
        return verdict, f"{verdict.capitalize()}: {stated}; {sure}.", seen
    given_up = f", given up early of at most {rule.horizon}" if course.settled == "futile" else ""
    return (
        "undecided",
        f"Undecided{given_up}: {stated}; the interval holds 0. {_prospect(comparison, rule, seen)}",
        seen,
    )


def _prospect(comparison: Comparison, rule: Rule, seen: Outlook) -> str:
    """What it would take to decide."""
    text = f"P(better in a new pair of runs) {seen.probability_better:.2f}"
    if seen.power is None:
        return f"{text}."
    effect = change(max(abs(comparison.mean or 0.0), rule.minimum_effect), comparison.metric).lstrip("+")
    text += f"; these blocks find a change of {effect} with power {seen.power:.2f}"
    if seen.blocks_needed is None:
        return f"{text}, and even {MOST_BLOCKS} would not with power {WANTED_POWER:g}."
    return f"{text}, about {seen.blocks_needed} would with {WANTED_POWER:g}."
