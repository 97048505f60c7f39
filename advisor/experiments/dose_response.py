"""Dose and response: how the metric follows a technique's strength, which strengths are as good as the best, what next.

All strengths ran on the same blocks, so every statement rests on differences within blocks. The baseline is strength 0.

- Any effect: the largest |t| over the strengths against the baseline (Dunnett 1955), each with its own spread.
- Plateau: the strengths that no other beats significantly (multiple comparisons with the best, Hsu 1981). The truly
  best strength is among them with probability 1 - alpha, whatever the curve's shape.
- Critical values come from seeded normal draws with the covariance of the block-centred values, shrunk to that of equal
  and independent errors: few blocks estimate a covariance badly, and too high a correlation would reject too often.
- Recommended is 0 where nothing is shown to beat it, else the plateau's centre. Its smallest strength would move with
  the number of blocks, as the plateau widens, and lies next to strengths known to be worse; the centre does neither.
- Shape: flat, rising, falling (isotonic) or quadratic, whichever predicts a left-out block best; the simplest if equal.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np

from advisor.contract import Contract, Frozen
from advisor.errors import AdvisorError
from advisor.experiments.ablation import Array, Direction, check_levels, check_table
from advisor.words import change, interval, metric_title

Scale = Literal["log", "linear"]
Shape = Literal["flat", "rising", "falling", "quadratic"]

MAX_STRENGTHS = 16
_SIMULATED_BLOCKS = 40  # more are drawn as 40: t hardly changes beyond, and the smaller number is the cautious one


class StrengthEffect(Frozen):
    """One strength against the baseline; the intervals of all strengths hold together."""

    strength: float
    change: float  # mean paired difference, in the metric's units and sign
    interval: tuple[float, float] | None  # None where the blocks do not differ, or of the baseline itself
    fitted: float  # the change by the chosen shape
    in_plateau: bool


class Fit(Frozen):
    """One shape and how well it predicts the strengths' pattern in a block that it has not seen."""

    shape: Shape
    error: float  # root mean square over left-out blocks


class Peak(Frozen):
    """The extremum of a quadratic in the scale, with Fieller's interval (1954): right where the curve is quadratic."""

    strength: float
    interval: tuple[float, float]


class DoseResponse(Contract):
    """What a sweep over one technique's strength showed."""

    metric: str
    direction: Direction
    alpha: float
    blocks: int
    scale: Scale
    strengths: tuple[StrengthEffect, ...]
    fits: tuple[Fit, ...]
    shape: Shape
    peak: Peak | None  # None where the curvature is not shown
    effect: Literal["better", "worse", "not shown"]  # of any strength against the baseline
    p_value: float | None  # of the largest |t|
    best: float  # the strength of the best mean
    plateau: tuple[float, ...]
    recommended: float
    edge: Literal["low", "high"] | None  # where the best lies at an end of the grid
    next_strengths: tuple[float, ...]  # what would extend the grid there
    sentence: str
    notes: tuple[str, ...] = ()


def assess_dose_response(
    values: Mapping[float, Sequence[float]],
    *,
    metric: str,
    direction: Direction,
    alpha: float = 0.05,
    test_train_ratio: float | None = None,
    upper: float | None = None,
    draws: int = 10_000,
    seed: int = 0,
) -> DoseResponse:
    """Shape, effect, plateau and next steps from a sweep.

    Args:
        values: strength -> the metric's value in each block; 0 is the baseline.
        test_train_ratio: test over training examples where splits are resampled (Nadeau & Bengio 2003), else None.
        upper: the largest strength that the technique allows, if any.
        draws: of the simulation that gives the critical values.

    Raises:
        AdvisorError: for no baseline, too few strengths or blocks, unequal blocks, values that are not finite.
    """
    check_levels(alpha, 0.0, direction)
    if draws * alpha < 1:
        raise AdvisorError(f"draws is {draws}, too few for alpha {alpha}; allow at least {math.ceil(10 / alpha)}.")
    strengths = _check_strengths(values)
    table = check_table({repr(s): values[s] for s in strengths}, [])
    raw = np.column_stack([table[repr(s)] for s in strengths])  # (blocks, strengths)
    blocks, sign = len(raw), 1 if direction == "max" else -1
    statistics, errors = _statistics(raw, float(np.abs(raw).max()), test_train_ratio or 0.0)
    simulated = _simulate(raw, draws, seed)
    means = raw.mean(axis=0)
    changes = means - means[0]
    largest = np.abs(simulated[:, 0, :]).max(axis=1)
    critical = _quantile(largest, alpha)
    observed = float(np.abs(statistics[0]).max())
    beyond = [sign * statistics[0, j] * (abs(statistics[0, j]) > critical) for j in range(len(strengths))]
    effect: Literal["better", "worse", "not shown"] = "not shown"
    if max(beyond) > 0 or min(beyond) < 0:
        effect = "better" if max(beyond) > 0 else "worse"
    inside = [
        float((sign * statistics[i]).max()) <= _quantile(np.delete(simulated[:, i, :], i, axis=1).max(axis=1), alpha)
        for i in range(len(strengths))
    ]
    inside[0] = inside[0] or effect != "better"  # the one-sided test must not contradict the two-sided one
    best = int(np.argmax(sign * means))
    inside[best] = True
    scale = spacing(strengths)
    positions = np.log(strengths[1:]) if scale == "log" else np.array(strengths)
    fits, fitted = _fit(raw, positions)
    shape = next(fit.shape for fit in fits if fit.error <= min(fit.error for fit in fits) * (1 + 1e-9))
    recommended = 0 if inside[0] else _centre(inside, best, positions, len(strengths))
    edge, further = _edge(strengths, best, scale, upper)
    notes = [
        f"strength {strengths[j]:g} differs from the baseline by the same in all blocks: no spread to judge by"
        for j in range(1, len(strengths))
        if errors[0, j] == 0
    ]
    found = tuple(
        StrengthEffect(
            strength=strength,
            change=float(changes[j]),
            interval=_bounds(float(changes[j]), critical * float(errors[0, j])),
            fitted=float(fitted[shape][j] - fitted[shape][0]),
            in_plateau=inside[j],
        )
        for j, strength in enumerate(strengths)
    )
    return DoseResponse(
        metric=metric,
        direction=direction,
        alpha=alpha,
        blocks=blocks,
        scale=scale,
        strengths=found,
        fits=fits,
        shape=shape,
        peak=_peak(raw, positions, scale, sign, alpha, test_train_ratio or 0.0),
        effect=effect,
        p_value=(1 + int((largest >= observed).sum())) / (1 + draws) if errors[0].any() else None,
        best=strengths[best],
        plateau=tuple(s for s, held in zip(strengths, inside, strict=True) if held),
        recommended=strengths[recommended],
        edge=edge,
        next_strengths=further,
        sentence=_sentence(found, found[best], effect, strengths[recommended], edge, further, metric, alpha),
        notes=tuple(notes),
    )


def _check_strengths(values: Mapping[float, Sequence[float]]) -> list[float]:
    for strength in values:
        if not (math.isfinite(strength) and strength >= 0):
            raise AdvisorError(f"strength cannot be {strength}; use 0 for the baseline and positive numbers.")
    strengths = sorted(float(strength) for strength in values)
    if not strengths or strengths[0] != 0:
        raise AdvisorError("No values at strength 0; run the baseline on every block, all is measured by it.")
    if not 3 <= len(strengths) <= MAX_STRENGTHS:
        raise AdvisorError(
            f"There must be 2 to {MAX_STRENGTHS - 1} strengths beside 0 but got {len(strengths) - 1}; "
            "two arms are a comparison, a sweep needs more."
        )
    return strengths


def spacing(strengths: Sequence[float]) -> Scale:
    """Log where the positive strengths grow by ratios, linear where all, 0 included, grow by steps.

    The scale whose gaps are relatively more even; linear if equal. `strengths` rise from 0.
    """
    linear, log = np.diff(strengths), np.diff(np.log(strengths[1:]))
    uneven = [float(gaps.std() / gaps.mean()) for gaps in (linear, log)]
    return "log" if uneven[1] < uneven[0] - 1e-9 else "linear"


def _statistics(raw: Array, scale: float, ratio: float) -> tuple[Array, Array]:
    """t and standard error of every paired difference, [i, j] of j minus i, (m, m); 0 where there is no spread.

    t is rounded, here and in the simulation, so that no comparison hangs on the last bits of a machine's arithmetic.
    """
    differences = raw[:, None, :] - raw[:, :, None]
    spread = np.ptp(differences, axis=0) > 1e-12 * scale
    errors = np.where(spread, differences.std(axis=0, ddof=1) * math.sqrt(1 / len(raw) + ratio), 0.0)
    statistics = np.divide(differences.mean(axis=0), errors, out=np.zeros_like(errors), where=spread)
    return np.round(statistics, 4), errors


def _simulate(raw: Array, draws: int, seed: int) -> Array:
    """t of every paired difference where no strength differs, (draws, m, m), by the shrunk covariance of `raw`."""
    blocks, m = raw.shape
    centred = raw - raw.mean(axis=1, keepdims=True)
    covariance = np.atleast_2d(np.cov(centred, rowvar=False))
    level = float(np.trace(covariance)) / (m - 1) or 1.0
    weight = (blocks - 1) / (blocks - 1 + m)
    mixed = weight * covariance / level + (1 - weight) * (np.eye(m) - 1 / m)
    roots, vectors = np.linalg.eigh(mixed)
    root = vectors * np.sqrt(np.clip(roots, 0, None)) @ vectors.T
    n = min(blocks, _SIMULATED_BLOCKS)
    drawn = np.random.default_rng(seed).standard_normal((draws, n, m)) @ root
    mean = drawn.mean(axis=1)
    drawn -= mean[:, None, :]
    products = np.einsum("dni,dnj->dij", drawn, drawn) / (n - 1)
    own = np.einsum("dii->di", products)
    variance = np.clip(own[:, :, None] + own[:, None, :] - 2 * products, 0, None) / n
    difference = mean[:, None, :] - mean[:, :, None]
    found: Array = np.zeros_like(variance)
    np.divide(difference, np.sqrt(variance), out=found, where=variance > 1e-12)
    return np.round(found, 4)


def _quantile(simulated: Array, alpha: float) -> float:
    """The value that a share of `alpha` exceeds."""
    place = min(len(simulated), math.ceil((1 - alpha) * (len(simulated) + 1))) - 1
    return float(np.partition(simulated, place)[place])


def _bounds(middle: float, half: float) -> tuple[float, float] | None:
    return (middle - half, middle + half) if half else None


def _fit(raw: Array, positions: Array) -> tuple[tuple[Fit, ...], dict[Shape, Array]]:
    """Each shape's error on left-out blocks, and its curve through the means of all, (m,)."""
    shapes: dict[Shape, Callable[[Array], Array]] = {
        "flat": lambda y: np.full_like(y, y.mean()),
        "rising": isotonic,
        "falling": lambda y: -isotonic(-y),
    }
    if len(positions) >= 3:
        design = _parabola(positions)
        hat = design @ np.linalg.pinv(design)
        apart = raw.shape[1] - len(positions)  # on a log scale, where 0 has no place, the baseline keeps its own mean
        shapes["quadratic"] = lambda y: np.concatenate([y[:apart], hat @ y[apart:]])
    centred = raw - raw.mean(axis=1, keepdims=True)
    fits = []
    for shape, curve in shapes.items():
        squares = []
        for block in range(len(raw)):
            predicted = curve(np.delete(centred, block, axis=0).mean(axis=0))
            squares.append(float(np.mean((centred[block] - predicted + predicted.mean()) ** 2)))
        fits.append(Fit(shape=shape, error=math.sqrt(sum(squares) / len(squares))))
    return tuple(fits), {shape: curve(centred.mean(axis=0)) for shape, curve in shapes.items()}


def isotonic(y: Array) -> Array:
    """The closest rising sequence in squares: neighbours out of order are pooled (Ayer et al. 1955)."""
    pools: list[tuple[float, int]] = []
    for value in y.tolist():
        mean, size = value, 1
        while pools and pools[-1][0] > mean:
            before, count = pools.pop()
            mean, size = (before * count + mean * size) / (count + size), count + size
        pools.append((mean, size))
    return np.repeat([mean for mean, _ in pools], [size for _, size in pools])


def _parabola(positions: Array) -> Array:
    """Columns 1, v and v squared of the centred positions, (strengths, 3)."""
    centred = positions - positions.mean()
    return np.column_stack([np.ones_like(centred), centred, centred**2])


def _peak(raw: Array, positions: Array, scale: Scale, sign: int, alpha: float, ratio: float) -> Peak | None:
    """Where the parabola's slope b + 2cv is 0: all v at which a t test over blocks does not refuse that."""
    from scipy import stats

    if len(positions) < 3:
        return None
    _, b, c = np.linalg.pinv(_parabola(positions)) @ raw[:, raw.shape[1] - len(positions) :].T
    spread = np.cov(b, c) * (1 / len(raw) + ratio) * float(stats.t.ppf(1 - alpha / 2, len(raw) - 1)) ** 2
    slope, curvature = float(b.mean()), float(c.mean())
    if np.ptp(c) * np.ptp(positions) ** 2 <= 1e-9 * float(np.abs(raw).max()):
        return None  # the blocks do not differ, or only by rounding
    # (slope + 2 v curvature)^2 <= t^2 var(b + 2 v c): a quadratic in v, bounded where the curvature is significant.
    second = 4 * (curvature**2 - spread[1, 1])
    first = 4 * (slope * curvature - spread[0, 1])
    root = first**2 - 4 * second * (slope**2 - spread[0, 0])
    if sign * curvature >= 0 or second <= 1e-12 * curvature**2 or root < 0:
        return None
    middle = float(positions.mean())
    ends = sorted(((-first + side * math.sqrt(root)) / (2 * second) + middle) for side in (-1, 1))
    peak = -slope / (2 * curvature) + middle
    if scale == "log":
        if max(abs(v) for v in (*ends, peak)) > 700:  # beyond what a float holds
            return None
        return Peak(strength=math.exp(peak), interval=(math.exp(ends[0]), math.exp(ends[1])))
    return Peak(strength=max(0.0, peak), interval=(max(0.0, ends[0]), max(0.0, ends[1])))


def _centre(inside: Sequence[bool], best: int, positions: Array, m: int) -> int:
    """The strength nearest to the middle of the unbroken run of the plateau around the best; the smaller of two."""
    low = high = best
    while inside[low - 1] and low > 1:
        low -= 1
    while high + 1 < m and inside[high + 1]:
        high += 1
    place = positions if len(positions) == m else np.concatenate([[math.nan], positions])
    middle = (place[low] + place[high]) / 2
    return min(range(low, high + 1), key=lambda j: round(abs(float(place[j] - middle)), 9))


def _edge(
    strengths: Sequence[float], best: int, scale: Scale, upper: float | None
) -> tuple[Literal["low", "high"] | None, tuple[float, ...]]:
    """Whether the best mean lies at an end, and two strengths that continue the grid's spacing there.

    On a linear scale, the smallest positive strength lies between 0 and the next, so the low end is none.
    """
    last, first = strengths[-1], strengths[1]
    ratio = (last / first) ** (1 / (len(strengths) - 2))
    step = last / (len(strengths) - 1)
    if best == len(strengths) - 1 and (upper is None or last < upper):
        further = [last * ratio, last * ratio**2] if scale == "log" else [last + step, last + 2 * step]
        if upper is not None:
            further = [value for value in further if value <= upper] or [(last + upper) / 2]
        return "high", tuple(float(f"{value:.3g}") for value in further)
    if best == 1 and scale == "log":
        return "low", tuple(float(f"{value:.3g}") for value in (first / ratio, first / ratio**2))
    return None, ()


def _sentence(
    found: Sequence[StrengthEffect], best: StrengthEffect, effect: str, recommended: float,
    edge: Literal["low", "high"] | None, further: Sequence[float], metric: str, alpha: float,
) -> str:  # fmt: skip
    title = metric_title(metric)
    plateau = [f"{item.strength:g}" for item in found if item.in_plateau]
    stated = change(best.change, metric)
    if best.interval is not None:
        stated += f", {100 * (1 - alpha):.4g} % interval {interval(*best.interval, metric)}"
    if effect == "better":
        said = f"Strength matters for {title}: best is {best.strength:g} ({stated} against none)"
    elif effect == "worse":
        said = f"No strength is shown to improve {title}, and some hurt it"
    else:
        said = f"No effect of the strength on {title} is shown"
    if effect != "better" and best.strength > 0:
        said += f"; the best mean is at {best.strength:g} ({stated} against none)"
    alone = f"all others are distinguishably worse than {plateau[0]}"
    said += f"; {alone}" if len(plateau) == 1 else f"; not distinguishable from the best: {', '.join(plateau)}"
    why = "the centre of these" if len(plateau) > 1 else "the best"
    why = why if recommended else "for nothing is shown to beat none"
    said += f"; use {recommended:g}, {why}"
    if edge:
        where = "largest" if edge == "high" else "smallest"
        said += f"; the best mean is at the {where} strength tried: try {' and '.join(f'{v:g}' for v in further)} next"
    return f"{said}."
