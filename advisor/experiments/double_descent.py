"""Double descent: whether the test error of a sweep rises to a peak and falls again, and what that means.

The sweep goes over width, parameters, epochs or training sizes (Belkin et al. 2019, "Reconciling modern
machine-learning practice and the classical bias-variance trade-off", PNAS; Nakkiran et al. 2020, "Deep Double Descent:
Where Bigger Models and More Data Hurt", ICLR). Every size is trained in the same blocks, so that sizes are compared by
paired differences.

All pairs of sizes are tested together, by the largest studentized difference; a peak needs a rise and, after it, a
fall, both beyond that. So chance gives a false rise or fall anywhere, and with it a false peak, in at most `alpha` of
sweeps, whatever the true curve: flat, falling, U-shaped or with a plateau. From 6 blocks on the largest difference is
compared with what flipping the signs of whole blocks gives, which asks only for noise that is symmetric, the same or
not at all sizes. Fewer blocks have too few signs; then normal noise of each size's own spread is simulated, and
`alpha` holds nearly (simulated: at most 6 % for 5 %, where noise is ten times larger at one size than at another).

A test and its reading, in one module: half of it is the sentences, which follow the shape, the axis and the side.
"""

import itertools
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from advisor.contract import Contract, Frozen
from advisor.errors import AdvisorError
from advisor.words import change

Array = NDArray[np.float64]
Axis = Literal["width", "parameters", "epochs", "training_size"]
Shape = Literal["peak", "u_shape", "falling", "rising", "flat", "undecided"]
Side = Literal["before", "at", "after"]

MIN_SIZES, MAX_SIZES = 5, 200
MIN_BLOCKS = 3
FLIP_BLOCKS = 6  # the fewest whose sign flips can reach a p-value below 0.05
DRAWS = 1024  # flips or simulated sweeps at most
NOUN = {"width": "width", "parameters": "number of parameters", "epochs": "epoch", "training_size": "training size"}


class Difference(Frozen):
    """A mean paired difference of the test value between two sizes; its interval holds for all pairs at once."""

    mean: float
    interval: tuple[float, float]
    p_value: float  # adjusted for all pairs


class Peak(Frozen):
    """A rise of the test value from the first minimum to the peak, and a fall from there to the second."""

    at: float  # the size with the peak
    # The peak of a smooth curve lies between the neighbours of the sizes that are not told from the highest.
    interval: tuple[float, float]
    first_minimum_at: float
    second_minimum_at: float
    rise: Difference  # peak minus first minimum
    fall: Difference  # second minimum minus peak
    second_minus_first: Difference  # below 0: the second descent went deeper
    second_is_better: bool | None  # None: the interval holds 0


class Interpolation(Frozen):
    """Where the train error reaches the threshold: from here on by width, parameters or epochs; up to here by data."""

    threshold: float  # largest train error that counts as fitted
    at: float | None  # where half of the blocks have fitted; None: less than half ever do
    interval: tuple[float | None, float | None]  # the sizes around the first and the last block; None is an open end
    coverage: float  # of the interval, for the median block: 1 - 2^(1 - blocks)
    blocks_fitted: int  # blocks that fit at some size


class DoubleDescent(Contract):
    """What a sweep shows. Test values are in the metric's unit, the lower the better."""

    axis: Axis
    metric: str
    sizes: tuple[float, ...]
    means: tuple[float, ...]  # mean test value at each size
    blocks: int
    alpha: float  # the share of sweeps without a peak in which one may be found
    calibration: Literal["sign flips", "normal noise"]
    shape: Shape
    p_value: float  # of the likeliest peak, adjusted for all places; 1 where the means have none
    detectable: float  # a smaller difference between two sizes with the median noise counts as noise
    cheapest_as_good: float  # the smallest size that is not told from the one with the lowest mean
    peak: Peak | None
    interpolation: Interpolation
    peak_at_interpolation: bool | None  # whether the two intervals meet; None: one of them is missing
    user_size: float | None
    side: Side | None  # where the user's model lies against the peak
    label_noise: float | None
    sentence: str


@dataclass(frozen=True)
class Contrasts:
    """All paired comparisons: [i, j] is size j minus size i."""

    difference: Array
    error: Array
    p_value: Array
    critical: float

    def between(self, i: int, j: int) -> Difference:
        """Size j minus size i, as it is reported."""
        mean, half = float(self.difference[i, j]), self.critical * float(self.error[i, j])
        return Difference(mean=mean, interval=(mean - half, mean + half), p_value=float(self.p_value[i, j]))


def judge_sweep(
    sizes: ArrayLike,
    test: ArrayLike,
    train_error: ArrayLike,
    *,
    axis: Axis = "width",
    metric: str = "error",
    threshold: float = 0.01,
    alpha: float = 0.05,
    label_noise: float | None = None,
    user_size: float | None = None,
) -> DoubleDescent:
    """Find the peak of a sweep, where interpolation begins, and the advice that follows.

    Args:
        sizes: (m,) widths, parameters, epochs or training examples, rising, at least 5.
        test: (m, blocks) test errors or losses, the lower the better, paired by block; at least 3 blocks.
        train_error: (m, blocks) train errors or losses, in evaluation mode.
        threshold: the largest train error that counts as fitting the training data.
        alpha: the share of sweeps without a peak in which one may be found.
        label_noise: the share of wrong training labels, where known.
        user_size: the size of the model, or the amount of training or data, that the user has now.

    Raises:
        AdvisorError: too few sizes or blocks, sizes that do not rise, shapes that do not fit, values that are not
            finite, blocks that are all the same.
    """
    grid, values, train = _checked(sizes, test, train_error)
    _check_options(values.shape[1], threshold=threshold, alpha=alpha, label_noise=label_noise, user_size=user_size)
    means = values.mean(axis=1)
    contrasts = compare_pairs(values, alpha)
    p_value, place = _highest_peak(contrasts, means, alpha)
    peak = None if place is None else _peak(contrasts, means, grid, place, alpha)
    interpolation = _interpolation(grid, train, threshold, reverse=axis == "training_size")
    upper = np.triu_indices(len(grid), 1)
    as_good = contrasts.p_value[:, means.argmin()] > alpha  # of a size with itself it is 1
    found = DoubleDescent(
        axis=axis, metric=metric, sizes=tuple(map(float, grid)), means=tuple(map(float, means)),
        blocks=values.shape[1], alpha=alpha,
        calibration="sign flips" if values.shape[1] >= FLIP_BLOCKS else "normal noise",
        shape="peak" if peak else _shape(contrasts, alpha), p_value=p_value,
        detectable=contrasts.critical * float(np.median(contrasts.error[upper])),
        cheapest_as_good=float(grid[as_good.argmax()]), peak=peak, interpolation=interpolation,
        peak_at_interpolation=_meet(peak, interpolation),
        user_size=user_size, side=_side(peak, user_size), label_noise=label_noise, sentence="",
    )  # fmt: skip
    return found.model_copy(update={"sentence": _sentence(found)})


def compare_pairs(values: Array, alpha: float) -> Contrasts:
    """All paired differences of (m, blocks) with p-values and a critical value that hold for all of them at once.

    A difference is divided by its own standard error averaged with that of the median pair: with few blocks some
    pair always has next to no spread by chance, and would set the scale for the others.
    """
    blocks = values.shape[1]
    centred = values - values.mean(axis=0)  # what a block does to all sizes drops out of every pair
    i, j = np.triu_indices(len(values), 1)
    difference, square = _moments(centred, i, j)
    floor = _floor(_variance(difference, square, blocks))
    error = np.sqrt((_variance(difference, square, blocks) + floor) / (2 * blocks))
    studentized = np.abs(difference) / error
    if blocks >= FLIP_BLOCKS:
        largest = _largest_by_flips(centred, square, float(floor), i, j)
    else:
        largest = _largest_by_noise(centred, i, j)
    largest = np.append(largest, studentized.max())  # the sweep as it is belongs to its own reference
    largest.sort()
    reached = len(largest) - np.searchsorted(largest, studentized * (1 - 1e-9))
    return Contrasts(
        difference=_square(difference, i, j, mirror=-1),
        error=_square(error, i, j, mirror=1),
        p_value=_square(reached / len(largest), i, j, mirror=1) + np.eye(len(values)),
        critical=float(largest[len(largest) - 1 - int(alpha * len(largest))]),
    )


def _square(pairs: Array, i: NDArray[np.intp], j: NDArray[np.intp], *, mirror: int) -> Array:
    size = int(j.max()) + 1
    matrix = np.zeros((size, size))
    matrix[i, j], matrix[j, i] = pairs, mirror * pairs
    return matrix


def _moments(centred: Array, i: NDArray[np.intp], j: NDArray[np.intp]) -> tuple[Array, Array]:
    """Of each pair (..., pairs): the mean difference and the mean squared difference over blocks."""
    mean = centred.mean(axis=-1)
    product = centred @ np.swapaxes(centred, -1, -2) / centred.shape[-1]
    own = np.diagonal(product, axis1=-2, axis2=-1)
    square = own[..., i] + own[..., j] - 2 * product[..., i, j]
    return mean[..., j] - mean[..., i], np.maximum(square, 0.0)


def _variance(difference: Array, square: Array, blocks: int) -> Array:
    spread: Array = np.maximum(square - difference**2, 0.0) * (blocks / (blocks - 1))
    return spread


def _floor(variance: Array) -> Array:
    """The variance of the median pair (...,); the mean where most pairs have none."""
    median = np.median(variance, axis=-1)
    return np.where(median > 0, median, variance.mean(axis=-1))


def _largest_by_flips(centred: Array, square: Array, floor: float, i: NDArray[np.intp], j: NDArray[np.intp]) -> Array:
    """The largest studentized difference under each flip of the blocks' signs but the one that flips none.

    A pair's mean square does not change with signs, and `floor` is kept, so that true differences elsewhere in the
    sweep cannot raise it and make the flips look tame.
    """
    blocks = centred.shape[1]
    if 2 ** (blocks - 1) <= DRAWS:  # flipping all blocks changes nothing, so the first one stays
        signs = np.array([(1.0, *rest) for rest in itertools.product((1.0, -1.0), repeat=blocks - 1)][1:])
    else:
        signs = np.random.default_rng(0).choice([1.0, -1.0], size=(DRAWS - 1, blocks))
    largest = []
    for some in np.array_split(signs, max(1, len(signs) * len(i) // 2_000_000)):
        mean = some @ centred.T / blocks
        difference = mean[:, j] - mean[:, i]
        error = np.sqrt((_variance(difference, square, blocks) + floor) / (2 * blocks))
        largest.append((np.abs(difference) / error).max(axis=1))
    return np.concatenate(largest)


def _largest_by_noise(centred: Array, i: NDArray[np.intp], j: NDArray[np.intp]) -> Array:
    """The largest studentized difference of simulated sweeps that are normal noise, of each size's own spread.

    The spread of a size is itself known from few blocks only; what this adds in unevenness makes the critical value
    larger rather than smaller.
    """
    random = np.random.default_rng(0)
    spread = centred.std(axis=1, ddof=1)[:, None]
    largest = []
    for some in np.array_split(np.arange(DRAWS - 1), max(1, DRAWS * len(i) // 2_000_000)):
        difference, square = _moments(spread * random.standard_normal((len(some), *centred.shape)), i, j)
        variance = _variance(difference, square, centred.shape[1])
        error = np.sqrt((variance + _floor(variance)[:, None]) / (2 * centred.shape[1]))
        largest.append((np.abs(difference) / error).max(axis=1))
    return np.concatenate(largest)


def _highest_peak(contrasts: Contrasts, means: Array, alpha: float) -> tuple[float, int | None]:
    """The p-value of the likeliest peak, and the place of the most prominent one that is beyond noise, if any."""
    best, places = 1.0, []
    for j in range(1, len(means) - 1):
        rises = contrasts.p_value[:j, j][contrasts.difference[:j, j] > 0]
        falls = contrasts.p_value[j, j + 1 :][contrasts.difference[j, j + 1 :] < 0]
        p_value = max(float(rises.min(initial=1.0)), float(falls.min(initial=1.0)))
        best = min(best, p_value)
        if p_value <= alpha:
            places.append((float(means[j] - max(means[:j].min(), means[j + 1 :].min())), -j))
    return best, -max(places)[1] if places else None


def _peak(contrasts: Contrasts, means: Array, grid: Array, place: int, alpha: float) -> Peak:
    first = int(means[:place].argmin())
    second = place + 1 + int(means[place + 1 :].argmin())
    inside = np.arange(first + 1, second)
    told = (contrasts.p_value[inside, place] <= alpha) & (inside != place)
    as_high = inside[~told]
    gain = contrasts.between(first, second)
    return Peak(
        at=float(grid[place]),
        interval=(float(grid[as_high.min() - 1]), float(grid[as_high.max() + 1])),
        first_minimum_at=float(grid[first]), second_minimum_at=float(grid[second]),
        rise=contrasts.between(first, place), fall=contrasts.between(place, second), second_minus_first=gain,
        second_is_better=None if gain.p_value > alpha else gain.mean < 0,
    )  # fmt: skip


def _shape(contrasts: Contrasts, alpha: float) -> Shape:
    """The shape of a curve without a peak, from the pairs that are beyond noise."""
    upper = np.triu(contrasts.p_value <= alpha, 1)
    falls, rises = upper & (contrasts.difference < 0), upper & (contrasts.difference > 0)
    if (falls.any(axis=0) & rises.any(axis=1)).any():
        return "u_shape"
    if falls.any() and rises.any():
        return "undecided"
    return "falling" if falls.any() else "rising" if rises.any() else "flat"


def _interpolation(grid: Array, train: Array, threshold: float, *, reverse: bool) -> Interpolation:
    """`reverse`: the more data, the harder to fit, so that the order runs from the largest size down."""
    order = grid[::-1] if reverse else grid
    fits = (train[::-1] if reverse else train) <= threshold
    blocks, none = fits.shape[1], len(grid)
    start = np.sort(np.where(fits.any(axis=0), fits.argmax(axis=0), none))
    middle, before = int(start[blocks // 2]), int(start[0]) - 1
    ends = (
        float(order[before]) if before >= 0 else None,
        float(order[start[-1]]) if start[-1] < none else None,
    )
    return Interpolation(
        threshold=threshold,
        at=float(order[middle]) if middle < none else None,
        interval=(ends[1], ends[0]) if reverse else ends,
        coverage=1 - 2.0 ** (1 - blocks),
        blocks_fitted=int((start < none).sum()),
    )


def _meet(peak: Peak | None, interpolation: Interpolation) -> bool | None:
    if peak is None or interpolation.at is None:
        return None
    low, high = interpolation.interval
    return (low is None or low <= peak.interval[1]) and (high is None or peak.interval[0] <= high)


def _side(peak: Peak | None, user_size: float | None) -> Side | None:
    if peak is None or user_size is None:
        return None
    return "before" if user_size < peak.interval[0] else "after" if user_size > peak.interval[1] else "at"


def _sentence(found: DoubleDescent) -> str:
    parts = [_of_shape(found), _of_interpolation(found)]
    if found.peak:
        parts += [_of_descent(found.peak, found.metric), _of_user(found, found.peak)]
    if found.label_noise:
        share = f"{100 * found.label_noise:.3g} % label noise"
        parts.append(
            f"With {share} a peak is expected; cleaner labels or stronger regularization shrink it."
            if found.peak
            else f"With {share} a peak would be no surprise; regularization, or sizes that end too early, can hide one."
        )
    return " ".join(part for part in parts if part)


def _of_shape(found: DoubleDescent) -> str:
    axis, metric = NOUN[found.axis], found.metric
    sweep = f"{len(found.sizes)} sizes, {found.blocks} paired blocks"
    lowest, as_good = found.sizes[int(np.argmin(found.means))], found.cheapest_as_good
    if found.peak:
        peak = found.peak
        return (
            f"Double descent: test {metric} changes by {_said(peak.rise, metric)} from {axis} "
            f"{peak.first_minimum_at:g} to a peak at {peak.at:g} (between {peak.interval[0]:g} and "
            f"{peak.interval[1]:g}), and by {_said(peak.fall, metric)} from there to {peak.second_minimum_at:g} "
            f"(p = {found.p_value:.2g}, {sweep})."
        )
    noise = f"A rise or fall of less than about {found.detectable:.2g} would count as noise ({sweep})."
    best = f"The lowest mean is at {axis} {lowest:g}" + (
        "." if as_good == lowest else f", from which {as_good:g} is not told apart: take the cheaper one."
    )
    if found.shape == "falling" and as_good == found.sizes[-1]:
        best = f"It still falls at the end, {axis} {as_good:g}: go on while it pays."
    said = {
        "u_shape": f"No second descent: test {metric} falls, rises again and does not come back down within the "
        "sweep; a larger one would show whether a descent follows.",
        "falling": f"No peak: test {metric} falls along the sweep.",
        "rising": f"No peak: test {metric} only rises along the sweep.",
        "flat": f"No peak: no two sizes differ in test {metric} by more than noise.",
        "undecided": f"Undecided: test {metric} rises and falls by more than noise, but no one size lies above both "
        f"sides (p = {found.p_value:.2g}); more blocks would settle it.",
    }[found.shape]
    return f"{said} {best} {noise}"


def _of_interpolation(found: DoubleDescent) -> str:
    where, axis = found.interpolation, NOUN[found.axis]
    fitted = f"a train error of at most {where.threshold:g}"
    if where.at is None:
        return (
            f"Only {where.blocks_fitted} of {found.blocks} blocks reach {fitted}, so that the sweep does not show "
            "where interpolation begins; extend it or check that the optimization has converged."
        )
    edge = "ends" if found.axis == "training_size" else "begins"
    reached = f"Interpolation ({fitted}) {edge} at {axis} {where.at:g}"
    if found.peak_at_interpolation is None:
        return f"{reached}."
    if found.peak_at_interpolation:
        return f"{reached}, which agrees with the peak."
    return f"{reached}, away from the peak: noise in labels or the length of training may have moved it."


def _of_descent(peak: Peak, metric: str) -> str:
    by = _said(peak.second_minus_first, metric)
    if peak.second_is_better is None:
        return f"Whether the second minimum is better than the first cannot be told ({by})."
    return f"The second minimum is {'better' if peak.second_is_better else 'worse'} than the first: {by}."


def _of_user(found: DoubleDescent, peak: Peak) -> str:
    if found.side is None or found.user_size is None:
        return ""
    at = f"{NOUN[found.axis].capitalize()} {found.user_size:g} lies"
    first, second = f"{peak.first_minimum_at:g}", f"{peak.second_minimum_at:g}"
    beyond = f"{peak.interval[1]:g}"
    if found.axis == "training_size":
        return {
            "before": f"{at} before the peak: somewhat more data hurts; get past {beyond}, or regularize more.",
            "at": f"{at} at the peak, where more data hurts most: get past {beyond}, or regularize more.",
            "after": f"{at} past the peak: more data helps.",
        }[found.side]
    if found.axis == "epochs":
        return {
            "before": f"{at} before the peak: stop near {first}, or go on past {beyond} towards {second}.",
            "at": f"{at} at the peak, the worst place to stop: keep the weights of epoch {first}, or go on towards "
            f"{second}.",
            "after": f"{at} past the peak: go on while it falls, and do not stop early on the rise before it.",
        }[found.side]
    return {
        "before": f"{at} before the peak: "
        + (
            f"stay near {first}; somewhat larger is worse."
            if peak.second_is_better is False
            else f"stay near {first} or go well past {beyond}, towards {second}; somewhat larger is worse."
        ),
        "at": f"{at} at the peak, the worst place: go towards "
        + (
            f"{first}"
            if peak.second_is_better is False
            else f"{second}"
            if peak.second_is_better
            else f"{first} or {second}"
        )
        + ", or regularize more.",
        "after": f"{at} past the peak: "
        + (
            f"{first} generalizes better and costs less."
            if peak.second_is_better is False
            else f"do not shrink it into the peak; {second} had the lowest mean there."
        ),
    }[found.side]


def _said(difference: Difference, metric: str) -> str:
    low, high = difference.interval
    return f"{change(difference.mean, metric)} ({change(low, metric)} to {change(high, metric)})"


def _checked(sizes: ArrayLike, test: ArrayLike, train_error: ArrayLike) -> tuple[Array, Array, Array]:
    grid, values, train = (np.asarray(given, dtype=np.float64) for given in (sizes, test, train_error))
    if grid.ndim != 1 or not MIN_SIZES <= len(grid) <= MAX_SIZES:
        raise AdvisorError(
            f"A sweep needs {MIN_SIZES} to {MAX_SIZES} sizes but got {len(grid) if grid.ndim else 0}; a rise and "
            "a fall need sizes on both sides, and steps of a factor of 1.5 to 2 suffice. Add sizes, or thin them out."
        )
    rising = bool(np.isfinite(grid).all()) and grid[0] > 0 and bool((np.diff(grid) > 0).all())
    if not rising:
        raise AdvisorError(f"Sizes must be positive and rise but got {grid.tolist()}; sort them and drop repeats.")
    for name, array in (("test", values), ("train_error", train)):
        if array.ndim != 2 or len(array) != len(grid) or array.shape != values.shape:
            raise AdvisorError(
                f"{name} has the shape {array.shape} but the sweep has {len(grid)} sizes; give (sizes, blocks), the "
                "same for test and train_error."
            )
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            i, b = (int(at) for at in bad[0])
            raise AdvisorError(
                f"{name} holds {len(bad)} values that are not finite, the first {array[i, b]} at size {grid[i]:g} in "
                f"block {b}; leave out that block at all sizes, or train it again with a lower learning rate."
            )
    if values.shape[1] < MIN_BLOCKS:
        raise AdvisorError(
            f"A peak cannot be told from noise with {values.shape[1]} blocks; train every size in at least "
            f"{MIN_BLOCKS}, better {FLIP_BLOCKS}."
        )
    centred = values - values.mean(axis=0)
    if float(np.ptp(centred, axis=1).max()) <= 1e-12 * max(1.0, float(np.abs(values).max())):
        raise AdvisorError(
            f"All {values.shape[1]} blocks have the same curve, so that there is no noise to judge by; give every "
            "block its own seed."
        )
    return grid, values, train


def _check_options(
    blocks: int, *, threshold: float, alpha: float, label_noise: float | None, user_size: float | None
) -> None:
    if not 0 <= threshold < float("inf"):
        raise AdvisorError(f"threshold is a train error of at least 0 but got {threshold}; use 0.01.")
    finest = 1 / (DRAWS if blocks < FLIP_BLOCKS else min(DRAWS, 2 ** (blocks - 1)))
    if not finest <= alpha < 0.5:
        raise AdvisorError(
            f"alpha lies from {finest:.2g}, the finest that {blocks} blocks resolve, to 0.5 but got {alpha}; use 0.05."
        )
    if label_noise is not None and not 0 <= label_noise < 1:
        raise AdvisorError(f"label_noise is a share from 0 to 1 but got {label_noise}; give 0.2 for 20 %.")
    if user_size is not None and not 0 < user_size < float("inf"):
        raise AdvisorError(f"user_size is a positive size but got {user_size}; give it in the unit of the sweep.")
