"""What more data would bring, and how much data a recipe is worth: two readings of one curve."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from advisor.contract import Frozen
from advisor.errors import AdvisorError
from advisor.experiments.learning_curves.curve import LearningCurve, predict, written
from advisor.experiments.learning_curves.interval import TAILS, summary
from advisor.experiments.learning_curves.points import Floats
from advisor.experiments.learning_curves.posterior import Posterior, between

MOST_DATA = 16.0  # times the measured sizes: further than any curve was checked, no answer is given
STEPS = 16  # of the multiple of data, by equal factors, on either side of 1
Verdict = Literal["worth more", "worth less", "undecided", "no amount", "below the range"]


class MoreData(Frozen):
    """The metric with `factor` times the data; `change` is against the curve at the largest size, both of level 0.9."""

    factor: float
    size: float
    value: float
    interval: tuple[float, float]
    change: float
    change_interval: tuple[float, float]
    sentence: str


class Worth(Frozen):
    """How many times the data the baseline would need to do as well.

    None stands for an end out of reach: on the left below the smallest measured size, on the right (and for both with
    verdict "no amount") beyond `most` times the data.
    """

    size: float
    factor: float | None
    interval: tuple[float | None, float | None]  # level 0.9
    reach: float  # the chance that the baseline does as well with up to `most` times the data
    most: float
    verdict: Verdict
    sentence: str


def what_more_data_brings(curve: LearningCurve, factors: Sequence[float] = (2.0, 4.0)) -> tuple[MoreData, ...]:
    """The predicted metric at multiples of the largest size, with 90 % intervals.

    Raises:
        AdvisorError: a factor that is not above 1.
    """
    for factor in factors:
        if not (np.isfinite(factor) and factor > 1):
            raise AdvisorError(f"A multiple of the data must be above 1 but got {factor:g}; ask for 2 or 4.")
    fitted = curve.fitted()
    return tuple(_more(curve, fitted, float(factor)) for factor in factors)


def _more(curve: LearningCurve, fitted: Posterior, factor: float) -> MoreData:
    prediction = predict(fitted, factor * fitted.last)
    now = curve.values[-1]
    change = between(fitted, factor * fitted.last, fitted.last)
    low, middle, high = (
        now * float(np.expm1(x)) for x in summary(fitted, change, factor * fitted.last, fitted.last)
    )  # fmt: skip
    metric = curve.metric
    stated = f"{written(prediction.value, metric)} (90 % interval {written(prediction.interval[0], metric)} to "
    start = f"{factor:g} times the data ({prediction.size:.0f} examples) would bring {curve.metric} to {stated}"
    end = "" if high < 0 else "; that it would help at all is not certain" if low < 0 else "; it would not help"
    return MoreData(
        factor=factor, size=prediction.size, value=prediction.value, interval=prediction.interval,
        change=middle, change_interval=(low, high),
        sentence=f"{start}{written(prediction.interval[1], metric)}), from {written(now, metric)} now{end}.",
    )  # fmt: skip


def worth(
    curve: LearningCurve,
    value: float,
    *,
    size: float | None = None,
    standard_error: float | None = None,
    most: float = MOST_DATA,
) -> Worth:
    """How many times its data the baseline would need to reach a recipe's value.

    Args:
        curve: the baseline's.
        value: the recipe's error or loss with `size` training examples.
        size: one of the curve's sizes; the largest if None.
        standard_error: of the difference recipe minus baseline at `size`, paired if the runs were; if None, that of
            two independent means with the baseline's noise.
        most: the largest multiple that is considered, up to 16.

    Raises:
        AdvisorError: a value or standard error that cannot be, or a size that was not measured.
    """
    _check(value, standard_error, most)
    size = curve.sizes[-1] if size is None else float(size)
    if size not in curve.sizes:
        known = ", ".join(f"{known:g}" for known in curve.sizes)
        raise AdvisorError(f"The baseline was not measured at size {size:g}; compare at one of {known}.")
    here = curve.sizes.index(size)
    fitted = curve.fitted()
    points = fitted.candidates.points
    baseline = float(points.values[here] + points.offset)
    target = float(np.log((value + points.offset) / baseline)) if value + points.offset > 0 else -np.inf
    if standard_error is None:
        blind = float(fitted.candidates.nuggets[fitted.state] @ fitted.weight) ** 2
        spread = float(np.sqrt(2 * (points.variances[here] + (0.0 if points.noise_known else blind))))
    else:
        # On the scale of the logarithm; the mean of both values stands for the slope between them.
        spread = standard_error / ((value + points.offset + baseline) / 2)
    factors, edges, reach = _needed(fitted, size, curve.sizes[0] / size, most, target, spread)
    return _verdict(
        curve, value, size, float(factors[0]), [_crossing(factors, edge, target) for edge in edges], reach, most
    )


def _check(value: float, standard_error: float | None, most: float) -> None:
    if not (np.isfinite(value) and value >= 0):
        raise AdvisorError(
            f"The recipe's value must be finite and not negative but got {value:g}; give an error or loss."
        )
    if standard_error is not None and not (np.isfinite(standard_error) and standard_error >= 0):
        raise AdvisorError(
            f"The standard error must be finite and not negative but got {standard_error:g}; give None if unknown."
        )
    if not 1 < most <= MOST_DATA:
        raise AdvisorError(
            f"most must be above 1 and at most {MOST_DATA:g} but got {most:g}; no curve reaches further."
        )


def _needed(
    fitted: Posterior, size: float, least: float, most: float, target: float, spread: float
) -> tuple[Floats, Floats, float]:
    """The baseline's curve in multiples of `size`, as log of its value over that at `size`.

    Returns the multiples, (k,); lower edge, median and upper edge at each, (3, k), made to fall; and the chance
    that the largest multiple does as well as the target.
    """
    from scipy.special import ndtr

    down = np.exp(np.linspace(np.log(least), 0, STEPS)) if least < 1 else np.ones(1)
    factors = np.concatenate([down[:-1], np.exp(np.linspace(0, np.log(most), STEPS))])
    noise = spread * float(-_normal_quantile(TAILS[0]))
    rows, reach = [], 0.0
    for factor in factors:
        change = between(fitted, factor * size, size)
        low, middle, high = summary(fitted, change, factor * size, size)
        rows.append([middle - np.hypot(middle - low, noise), middle, middle + np.hypot(high - middle, noise)])
        if factor >= 1:
            reach = max(reach, float(change.weight @ ndtr((target - change.mean) / np.hypot(change.sd, spread))))
    # Less data is never counted as better than all of it, nor more as worse: else on a rising curve a good recipe would
    # be "worth" less than the data that made the baseline bad.
    table, here = np.array(rows).T, len(down) - 1
    table[:, : here + 1] = np.maximum.accumulate(table[:, here::-1], axis=1)[:, ::-1]
    table[:, here:] = np.minimum.accumulate(table[:, here:], axis=1)
    return factors, table, reach


def _normal_quantile(probability: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(probability))


def _crossing(factors: Floats, edge: Floats, target: float) -> float | None:
    """The multiple at which a falling edge reaches the target: 0 below the range, None beyond it."""
    if edge[-1] > target:
        return None
    if edge[0] <= target:
        return 0.0
    return float(np.exp(np.interp(-target, -edge, np.log(factors))))


def _verdict(
    curve: LearningCurve,
    value: float,
    size: float,
    least: float,
    needed: list[float | None],
    reach: float,
    most: float,
) -> Worth:
    low, middle, high = needed
    given = f"{written(value, curve.metric)} with {size:.0f} examples"
    lower = f"more than {most:g}" if low is None else f"less than {least:.2g}" if low == 0 else f"{low:.2g}"
    upper = f"more than {most:g}" if high is None else f"less than {least:.2g}" if high == 0 else f"{high:.2g}"
    verdict: Verdict
    if low is not None and low < 1 and (high is None or high > 1):
        verdict = "undecided"
        sentence = (
            f"Undecided: {given} is worth {lower} to {upper} times your data (90 % interval), which holds 1; "
            "more runs of both would narrow it."
        )
    elif middle is None:
        verdict = "no amount"
        sentence = (
            f"Beyond the baseline's curve: up to {most:g} times the data is not expected to bring it to {given} "
            f"(chance {100 * reach:.0f} %); the recipe is worth {lower if low is None else f'at least {lower}'} times "
            "your data."
        )
    elif middle == 0:
        verdict = "below the range"
        sentence = f"The recipe is worth {lower} times your data: the baseline reaches {given} with its smallest size."
    else:
        verdict = "worth more" if middle > 1 else "worth less"
        sentence = f"The recipe is worth {middle:.2g} times your data (90 % interval {lower} to {upper}): {given}."
    return Worth(
        size=size, factor=middle or None, interval=(low or None, high or None), reach=reach, most=most,
        verdict=verdict, sentence=sentence,
    )  # fmt: skip
