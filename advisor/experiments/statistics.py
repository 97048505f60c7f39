"""The paired comparison: mean difference over blocks, its interval, and the verdict.

The number of blocks is fixed before the differences are seen, so an ordinary t interval on them is valid. Arms are
many and tested together: the interval's level and the p-value are adjusted for that (Bonferroni), and the interval
that is printed is the one that decides. Where splits are resampled, the runs share training examples and the
variance is corrected (Nadeau & Bengio 2003).
"""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from advisor.experiments.evidence import Comparison, Verdict
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


def judge(
    comparison: Comparison,
    *,
    direction: Literal["min", "max"],
    minimum_effect: float,
    identical: bool,
    outcome: str = "weights",
) -> tuple[Verdict, str]:
    """The verdict on one arm and a sentence that states it with its numbers.

    `identical`: in every block the arm ended with the baseline's very `outcome`; then nothing is left to estimate.
    """
    metric = metric_title(comparison.metric)
    blocks = f"{comparison.n} paired blocks"
    if identical:
        return "equivalent", f"Equivalent: in all {blocks} it ended with exactly the baseline's {outcome}."
    if comparison.mean is None:
        return "undecided", f"Undecided: {metric} was not finite in some of {blocks}; look at the diverged runs."
    if comparison.interval is None:
        return (
            "undecided",
            f"Undecided: {metric} differed by exactly {change(comparison.mean, comparison.metric)} in all {blocks}, "
            "so there is no spread to judge by; a larger test split would resolve more.",
        )
    low, high = comparison.interval
    sign = 1 if direction == "max" else -1
    stated = (
        f"{metric} {change(comparison.mean, comparison.metric)} "
        f"({100 * comparison.level:.4g} % interval {interval(low, high, comparison.metric)}, {blocks})"
    )
    margin = change(minimum_effect, comparison.metric).lstrip("+")
    if -minimum_effect <= low and high <= minimum_effect:
        return "equivalent", f"Equivalent: {stated}; the interval lies inside the minimum effect of {margin}."
    if low > 0 or high < 0:
        verdict: Verdict = "helps" if sign * comparison.mean > 0 else "hurts"
        return verdict, f"{verdict.capitalize()}: {stated}."
    return "undecided", f"Undecided: {stated}; the interval holds 0. {_blocks_needed(comparison, minimum_effect)}"


def _blocks_needed(comparison: Comparison, minimum_effect: float) -> str:
    effect = max(abs(comparison.mean or 0.0), minimum_effect)
    if not comparison.sd or not effect:
        return "More blocks would narrow it."
    from scipy import stats

    # Normal approximation with power 0.8 at this level: a planning figure, not a promise.
    z = float(stats.norm.ppf(0.5 + comparison.level / 2) + stats.norm.ppf(0.8))
    needed = math.ceil((z * comparison.sd / effect) ** 2) + 1
    if needed > 500:
        return f"An effect of {change(effect, comparison.metric)} would need over 500 blocks."
    more = max(needed, comparison.n + 2)
    return f"About {more} blocks would find an effect of {change(effect, comparison.metric)} with power 0.8."
