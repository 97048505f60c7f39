"""Bias and variance of networks that were trained on disjoint samples (Yang et al. 2020; Domingos 2000).

Cross-entropy and squared loss follow Yang et al. 2020, "Rethinking Bias-Variance Trade-off for Generalization of
Neural Networks" (ICML): a pool of training data is cut into R disjoint splits, one network is trained on each, and the
cut may be repeated (a group each time). 0-1 loss follows Domingos 2000, "A Unified Bias-Variance Decomposition"
(ICML). "Variance" is all that differs between trainings: the sample, the initialisation and the order of the data.

Few splits bias what is measured. Every split gets a jackknife pseudo-value (Tukey 1958), R times the estimate of its
group minus R - 1 times the estimate without that split. Their mean is the corrected estimate: exactly unbiased for
squared loss (it is Yang et al.'s Algorithm 1), wrong by the order 1/R^2 instead of 1/R for cross-entropy. Their spread
is the uncertainty that comes from the training samples.

Three losses, one way to an interval and the advice that reads it: apart, each would need the others' insides.
"""

import math
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from advisor.contract import Contract, Frozen
from advisor.errors import AdvisorError

Array = NDArray[np.float64]
Loss = Literal["cross_entropy", "squared"]
Covers = Literal["training samples and test examples", "test examples"]

UNITS = {"cross_entropy": "nats", "squared": "squared units of the target"}
CORRECTION = {
    "cross_entropy": "jackknife over splits; what remains is of the order 1/splits^2",
    "squared": "unbiased for any number of splits",
}


class Estimate(Frozen):
    """A number with the interval that covers the true one, in the unit of the loss."""

    value: float
    standard_error: float
    interval: tuple[float, float]


class Decomposition(Contract):
    """risk = noise + bias + variance, means over test examples, in nats or squared units of the target.

    `bias` is the squared bias: KL(target || average network), or the squared distance. Where targets are observed
    labels, it holds the noise of the labels as well, for one label an example cannot tell the two apart. It is risk
    minus variance, so that chance can make it negative; it is not cut at 0, which would bias it.
    """

    loss: Loss
    groups: int
    splits: int  # in each group
    examples: int
    level: float
    covers: Covers  # which variation the intervals cover
    risk: Estimate
    noise: float  # mean entropy of the targets: 0 for labels and for real values
    bias: Estimate
    variance: Estimate
    lead: Estimate  # variance minus bias, paired by run and example
    uncorrected_bias: float
    uncorrected_variance: float
    correction: str


class ZeroOne(Contract):
    """risk = bias + unbiased_variance - biased_variance, shares of the test examples (Domingos 2000).

    The main prediction is the class that most networks name; ties go to the class with the greater geometric mean of
    the probabilities. The mode of few answers agrees with these answers too often, so variance is too small, by up to
    the order 1/runs for examples near a tie. No correction is made: the mode is not smooth, and the jackknife fails.
    """

    runs: int
    examples: int
    level: float
    covers: Covers
    risk: Estimate  # how often a network is wrong
    bias: Estimate  # how often the main prediction is wrong
    variance: Estimate  # how often a network differs from the main prediction
    unbiased_variance: Estimate  # where the main prediction is right: differing costs
    biased_variance: Estimate  # where it is wrong, how often a network is right all the same: differing helps


class CurvePoint(Frozen):
    """The decomposition at one epoch, width or size."""

    at: float
    decomposition: Decomposition


class BiasVarianceCurve(Contract):
    """Bias and variance along epochs, widths, parameters or training sizes."""

    unit: str
    points: tuple[CurvePoint, ...]  # in order of `at`
    lowest_risk_at: float
    most_variance_at: float
    variance_leads_from: float | None  # from here to the end the lead's interval lies above 0


class Advice(Frozen):
    """What dominates the risk, and what acts on it."""

    dominant: Literal["variance", "bias", "noise", "undecided"]
    sentence: str


def cross_entropy(log_probabilities: ArrayLike, targets: ArrayLike, *, level: float = 0.95) -> Decomposition:
    """The decomposition of cross-entropy around the normalised geometric mean of the networks.

    Args:
        log_probabilities: (groups, splits, examples, classes), or (splits, examples, classes) for one group.
        targets: (examples,) class ids, or (examples, classes) probabilities.
        level: of the intervals.

    Raises:
        AdvisorError: shapes that do not fit, fewer than 2 splits or examples, values that are not log-probabilities.
    """
    logs = _runs(log_probabilities, "log_probabilities", example_axes=2)
    _, splits, examples, classes = logs.shape
    logs = _normalised(logs)
    shares = _target_shares(targets, examples, classes)
    entropy = -np.sum(shares * np.log(np.where(shares > 0, shares, 1.0)), axis=1)
    risk = -np.einsum("grnk,nk->grn", logs, shares)
    total = logs.sum(axis=1, keepdims=True)
    # The mean of KL(average || network) over the networks is minus the logarithm of the average's normaliser.
    plug_in = -_log_sum(total / splits)  # (groups, 1, examples)
    without = -_log_sum((total - logs) / (splits - 1))
    pseudo = splits * plug_in - (splits - 1) * without
    return _decomposition("cross_entropy", risk, entropy, pseudo, float(plug_in.mean()), level)


def squared(predictions: ArrayLike, targets: ArrayLike, *, level: float = 0.95) -> Decomposition:
    """The decomposition of squared loss around the mean of the networks, unbiased for any number of splits.

    Args:
        predictions: (groups, splits, examples) or (groups, splits, examples, outputs); without groups, one group.
        targets: (examples,) or (examples, outputs); outputs are summed over.
        level: of the intervals.

    Raises:
        AdvisorError: shapes that do not fit, fewer than 2 splits or examples, values that are not finite.
    """
    truth = np.asarray(targets, dtype=np.float64)
    _check_finite(truth, "targets")
    values = _runs(predictions, "predictions", example_axes=truth.ndim)
    if values.shape[2:] != truth.shape:
        raise AdvisorError(
            f"targets have the shape {truth.shape} but the predictions of a run {values.shape[2:]}; "
            "give one target for each predicted value."
        )
    shape = (*values.shape[:3], -1)
    values, truth = values.reshape(shape), truth.reshape(len(truth), -1)
    splits = shape[1]
    risk = np.sum((values - truth) ** 2, axis=3)
    distance = np.sum((values - values.mean(axis=1, keepdims=True)) ** 2, axis=3)
    pseudo = distance * (splits / (splits - 1))  # what the pseudo-values come to for this loss
    return _decomposition("squared", risk, np.zeros(len(truth)), pseudo, float(distance.mean()), level)


def zero_one(log_probabilities: ArrayLike, labels: ArrayLike, *, level: float = 0.95) -> ZeroOne:
    """Domingos's decomposition of the error rate, over all networks of all groups.

    Args:
        log_probabilities: (groups, splits, examples, classes), or (splits, examples, classes).
        labels: (examples,) class ids.
        level: of the intervals, which cover the choice of test examples and not that of training samples.

    Raises:
        AdvisorError: as `cross_entropy`.
    """
    logs = _runs(log_probabilities, "log_probabilities", example_axes=2)
    classes = logs.shape[3]
    logs = _normalised(logs).reshape(-1, *logs.shape[2:])
    right = _target_shares(labels, logs.shape[1], classes).argmax(axis=1)
    mean = logs.mean(axis=0)
    shares = np.eye(classes)[logs.argmax(axis=2)].mean(axis=0)  # (examples, classes): how often each is named
    tie_break = np.exp(mean - _log_sum(mean)[:, None]) / (2 * len(logs))  # below the share of one network
    main = (shares + tie_break).argmax(axis=1)
    rows = np.arange(len(main))
    biased, agree, hit = main != right, shares[rows, main], shares[rows, right]

    return ZeroOne(
        runs=len(logs), examples=len(main), level=level, covers="test examples",
        risk=_share(1 - hit, level), bias=_share(biased.astype(np.float64), level), variance=_share(1 - agree, level),
        unbiased_variance=_share(np.where(biased, 0.0, 1 - agree), level),
        biased_variance=_share(np.where(biased, hit, 0.0), level),
    )  # fmt: skip


def curve(
    sets: Iterable[tuple[float, ArrayLike]],
    targets: ArrayLike,
    *,
    loss: Loss = "cross_entropy",
    unit: str = "epoch",
    level: float = 0.95,
) -> BiasVarianceCurve:
    """The decomposition at each of several epochs, widths or sizes.

    Args:
        sets: (epoch, predictions) pairs as `cross_entropy` or `squared` takes them, read one at a time.
        targets: the same for all.
        unit: what is counted: "epoch", "width", "parameters", "training_size".

    Raises:
        AdvisorError: no sets, or one that does not decompose, named by its place.
    """
    decompose = cross_entropy if loss == "cross_entropy" else squared
    points = []
    for at, predictions in sets:
        try:
            points.append(CurvePoint(at=at, decomposition=decompose(predictions, targets, level=level)))
        except AdvisorError as error:
            raise AdvisorError(f"At {unit} {at:g}: {error}", exit_status=error.exit_status) from error
    if not points:
        raise AdvisorError("A curve needs at least 1 set of predictions but got 0; record them after some epochs.")
    points.sort(key=lambda point: point.at)
    leads_from = None
    for point in reversed(points):
        if point.decomposition.covers == "test examples" or point.decomposition.lead.interval[0] <= 0:
            break
        leads_from = point.at
    return BiasVarianceCurve(
        unit=unit,
        points=tuple(points),
        lowest_risk_at=min(points, key=lambda point: point.decomposition.risk.value).at,
        most_variance_at=max(points, key=lambda point: point.decomposition.variance.value).at,
        variance_leads_from=leads_from,
    )


def label_noise_entropy(rate: float, classes: int) -> float:
    """The cross-entropy, in nats, that no model avoids where this share of labels is another class at random."""
    if not 0 <= rate < 1 or classes < 2:
        raise AdvisorError(
            f"A noise rate of {rate} over {classes} classes cannot be; give 0 <= rate < 1, classes >= 2."
        )
    if rate == 0:
        return 0.0
    return -(1 - rate) * math.log(1 - rate) - rate * math.log(rate / (classes - 1))


def advice(found: Decomposition, *, noise: float = 0.0) -> Advice:
    """What dominates and what to do. No threshold decides, only the interval of variance minus bias.

    That interval pairs both by run and example, so that it tells more than whether two intervals overlap.

    Args:
        found: the decomposition.
        noise: risk that no model avoids beyond `found.noise`, where it is known, in the unit of the loss (see
            `label_noise_entropy`); it is taken out of the bias.

    Raises:
        AdvisorError: noise below 0 or beyond what the bias leaves room for.
    """
    low, high = found.bias.interval
    if not 0 <= noise <= max(0.0, high):
        raise AdvisorError(
            f"A noise of {noise:g} is not between 0 and {max(0.0, high):.3g}, the upper limit of bias and noise "
            f"together; give the risk that no model avoids, in {UNITS[found.loss]}."
        )
    lead = found.lead.value + noise
    lead_low, lead_high = (end + noise for end in found.lead.interval)
    percent = f"{100 * found.level:.4g} %"
    name = "bias" if noise else "bias and noise together" if found.noise == 0 else "bias"
    stated = (
        f"variance {found.variance.value:.3g} ({_range(*found.variance.interval)}), "
        f"{name} {found.bias.value - noise:.3g} ({_range(low - noise, high - noise)})"
        + (f", noise {noise + found.noise:.3g}" if noise + found.noise else "")
        + f" of a risk of {found.risk.value:.3g} {UNITS[found.loss]}; {percent} intervals over {found.covers}, "
        f"{_counted(found.groups, 'group')} of {found.splits} disjoint samples, {found.examples} examples"
    )
    difference = f"variance minus {name} is {lead:+.3g} ({_range(lead_low, lead_high)})"
    if found.covers == "test examples":
        return Advice(
            dominant="undecided",
            sentence=f"It cannot be told what dominates: {stated}. Two samples do not show how far other samples would "
            "lie from them; train on at least 3 disjoint samples, or cut the pool in at least 3 ways.",
        )
    known_noise = noise + found.noise
    if found.variance.interval[1] < known_noise and high - noise < known_noise:
        return Advice(
            dominant="noise",
            sentence=f"Noise dominates: {stated}; bias and variance are each below the noise. Cleaner labels or better "
            "inputs act on it; model size and regularization hardly can.",
        )
    if lead_low > 0:
        return Advice(
            dominant="variance",
            sentence=f"Variance dominates: {stated}; {difference}. More training data, an ensemble, weight averaging "
            "or stronger regularization act on it.",
        )
    if lead_high < 0:
        doubt = "" if name == "bias" else " If the labels are noisy, part of it is noise that none of these removes."
        return Advice(
            dominant="bias",
            sentence=f"Bias dominates: {stated}; {difference}. A larger model, longer training or less regularization "
            f"act on it.{doubt}",
        )
    return Advice(
        dominant="undecided",
        sentence=f"It cannot be told what dominates: {stated}; {difference}, which holds 0. More disjoint samples, "
        "more groups or more test examples would narrow it.",
    )


def _decomposition(
    loss: Loss, risk: Array, entropy: Array, pseudo: Array, uncorrected: float, level: float
) -> Decomposition:
    """From the risk and the variance's pseudo-values (groups, splits, examples) and the entropy (examples,)."""
    if not 0 < level < 1:
        raise AdvisorError(f"An interval's level lies between 0 and 1 but got {level}; use 0.95.")
    groups, splits, examples = risk.shape
    if splits > 2:
        # The estimate that is left out one split of is corrected too; for squared loss this makes the pseudo-values
        # exactly those of the corrected estimate, whose spread is not too small for few splits.
        centre = pseudo.mean(axis=1, keepdims=True)
        pseudo = centre + (pseudo - centre) * ((splits - 1) / (splits - 2))
    bias = risk - entropy - pseudo
    noise = float(entropy.mean())
    return Decomposition(
        loss=loss, groups=groups, splits=splits, examples=examples, level=level,
        covers="training samples and test examples" if splits > 2 or groups > 2 else "test examples",
        risk=_estimate(risk, level, positive=True), noise=noise, bias=_estimate(bias, level),
        variance=_estimate(pseudo, level, positive=True), lead=_estimate(pseudo - bias, level),
        uncorrected_bias=float(risk.mean()) - noise - uncorrected, uncorrected_variance=uncorrected,
        correction=CORRECTION[loss],
    )  # fmt: skip


def _estimate(values: Array, level: float, *, positive: bool = False) -> Estimate:
    """The mean of (groups, splits, examples) with a t interval that covers other training samples and examples.

    The two variances are added, which counts their interaction twice: slightly too wide, never too narrow. The
    degrees of freedom are Satterthwaite's. What cannot be below 0 is skewed, large where its spread is; the interval
    of its logarithm covers it, where a symmetric one falls short by several percent.
    """
    from scipy import stats

    examples = values.shape[2]
    of_examples = float(values.mean(axis=(0, 1)).var(ddof=1)) / examples
    of_samples, freedom = _sample_variance(values.mean(axis=2))
    value, total = float(values.mean()), of_examples + of_samples
    if total <= (1e-14 * abs(value)) ** 2:  # nothing but rounding
        return Estimate(value=value, standard_error=0.0, interval=(value, value))
    freedom = total**2 / (of_samples**2 / freedom + of_examples**2 / (examples - 1))
    error = math.sqrt(total)
    half = float(stats.t.ppf(0.5 + level / 2, freedom)) * error
    if positive and value > 0:
        factor = math.exp(min(half / value, 100.0))  # few splits may know no bound, and JSON has no infinity
        return Estimate(value=value, standard_error=error, interval=(value / factor, value * factor))
    return Estimate(value=value, standard_error=error, interval=(value - half, value + half))


def _share(values: Array, level: float) -> Estimate:
    """The mean of (examples,) values in [0, 1] with Wilson's interval, which is on the safe side for those between."""
    from scipy import stats

    n, value = len(values), float(values.mean())
    z = float(stats.norm.ppf(0.5 + level / 2))
    centre = (value + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(value * (1 - value) / n + z**2 / (4 * n**2))
    return Estimate(
        value=value,
        standard_error=float(values.std(ddof=1)) / math.sqrt(n),
        interval=(max(0.0, centre - half), min(1.0, centre + half)),
    )


def _sample_variance(by_run: Array) -> tuple[float, float]:
    """The variance of the mean of (groups, splits) over training samples, and its degrees of freedom.

    Splits of a group are independent; groups cut the same pool again and are not. If `one` is the variance of a
    group's mean and groups correlate by c, the mean over G groups has one * (c + (1 - c) / G), and groups differ
    among themselves by one * (1 - c): so the first follows from the two that are seen. It stays between one / G and
    one. Two splits have a single difference and show no `one`; then the variance among 3 or more groups is taken
    undivided, which is enough while c <= 2/5; two groups of two show too little for any interval.
    """
    groups, splits = by_run.shape
    between = float(by_run.mean(axis=1).var(ddof=1)) if groups > 1 else 0.0
    if splits > 2:
        one = float((by_run.var(axis=1, ddof=1) / splits).mean())
        of_mean = max(one - between * (1 - 1 / groups), one / groups)
        return of_mean, (splits - 1) * (one / of_mean if of_mean else 1.0)
    return (between, groups - 1.0) if groups > 2 else (0.0, 1.0)


def _runs(values: ArrayLike, name: str, *, example_axes: int) -> Array:
    """(groups, splits, examples, ...) as float64, checked; a missing axis of groups is added."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == example_axes + 1:
        array = array[None]
    if array.ndim != example_axes + 2:
        raise AdvisorError(
            f"{name} have {array.ndim} axes but need {example_axes + 2} (groups, splits, examples, ...) or "
            f"{example_axes + 1} without groups; stack the networks of disjoint samples along the axis of splits."
        )
    if array.shape[1] < 2 or array.shape[2] < 2 or 0 in array.shape:
        raise AdvisorError(
            f"{name} have the shape {array.shape}, but variance needs at least 2 splits and 2 examples; "
            "train one network on each of at least 2 disjoint samples, better 3 or more."
        )
    _check_finite(array, name)
    return array


def _check_finite(array: Array, name: str) -> None:
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        at = tuple(int(i) for i in bad[0])
        raise AdvisorError(
            f"{name} hold {len(bad)} values that are not finite, the first {array[at]} at {at}; leave out the groups "
            "with diverged runs, and take log_softmax of the logits rather than the logarithm of probabilities."
        )


def _log_sum(logs: Array) -> Any:
    """log(sum(exp(logs))) over the last axis."""
    top = logs.max(axis=-1, keepdims=True)
    return np.log(np.exp(logs - top).sum(axis=-1)) + top[..., 0]


def _normalised(logs: Array) -> Array:
    """Log-probabilities that add up to 1 in double precision; those of half precision are close enough before."""
    total = _log_sum(logs)
    worst = float(np.abs(total).max())
    if worst > 0.01:
        raise AdvisorError(
            f"log_probabilities do not add up to 1: the logarithm of a sum is off by {worst:.3g}; "
            "take log_softmax of the logits."
        )
    result: Array = logs - total[..., None]
    return result


def _target_shares(targets: ArrayLike, examples: int, classes: int) -> Array:
    """Targets as (examples, classes) probabilities."""
    array = np.asarray(targets)
    if array.shape == (examples, classes):
        shares = array.astype(np.float64)
        _check_finite(shares, "targets")
        worst = float(np.abs(shares.sum(axis=1) - 1).max())
        if shares.min() < 0 or worst > 1e-3:
            raise AdvisorError(
                f"targets are no probabilities: the smallest is {shares.min():.3g} and a sum is off by {worst:.3g}; "
                "give rows of shares that add up to 1, or class ids."
            )
        normal: Array = shares / shares.sum(axis=1, keepdims=True)
        return normal
    if array.shape != (examples,) or array.dtype.kind not in "iu":
        raise AdvisorError(
            f"targets have the shape {array.shape} and the type {array.dtype}, but the predictions are of {examples} "
            f"examples and {classes} classes; give ({examples},) whole class ids or ({examples}, {classes}) shares."
        )
    if array.min() < 0 or array.max() >= classes:
        raise AdvisorError(
            f"targets run from {array.min()} to {array.max()} but there are {classes} classes; "
            f"class ids are 0 to {classes - 1}."
        )
    one_hot: Array = np.eye(classes)[array]
    return one_hot


def _range(low: float, high: float) -> str:
    return f"{low:.3g} to {high:.3g}"


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
