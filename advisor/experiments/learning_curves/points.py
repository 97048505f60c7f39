"""The measured points of a learning curve: checked, sorted by size, each with the variance of its mean."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from advisor.errors import AdvisorError

Floats = NDArray[np.float64]

LEAST_SIZES = 3
NEIGHBOURS = 2  # on either side
WORTH_OF_NEIGHBOURS = 8  # degrees of freedom
MOST_POINTS = 24  # more are pooled with their neighbours: the fit gains nothing from them but time


@dataclass(frozen=True)
class Points:
    """Means by size, ascending; `variances` (m,) are of the means on the scale of log(value + offset)."""

    sizes: Floats
    values: Floats
    standard_errors: (
        Floats | None
    )  # as given or from the runs, unsmoothed; None where there is nothing to tell noise by
    runs: int
    offset: float  # keeps the logarithm of a zero error finite
    variances: Floats

    @property
    def logs(self) -> Floats:
        """log(value + offset), shape (m,)."""
        return np.asarray(np.log(self.values + self.offset))

    @property
    def noise_known(self) -> bool:
        return self.standard_errors is not None


def read_points(sizes: ArrayLike, values: ArrayLike, standard_errors: ArrayLike | None = None, runs: int = 1) -> Points:
    """Check the input and summarise it.

    Args:
        sizes: (m,) numbers of training examples, in any order, none twice.
        values: (m,) errors or losses, or (m, runs); lower is better, none negative.
        standard_errors: (m,) of the means, or None: then from the runs, if there are at least two.
        runs: behind each mean, where `values` is (m,).

    Raises:
        AdvisorError: fewer than 3 sizes, shapes that do not agree, or a number that cannot be.
    """
    n, y = _numbers("sizes", sizes), _numbers("values", values)
    if n.ndim != 1 or len(n) < LEAST_SIZES:
        raise AdvisorError(
            f"A learning curve needs at least {LEAST_SIZES} sizes but got {n.size}; train at more sizes, "
            "such as an eighth, a quarter, a half and all of the data."
        )
    if y.ndim not in (1, 2) or len(y) != len(n) or y.size == 0:
        raise AdvisorError(
            f"values must have shape ({len(n)},) or ({len(n)}, runs), one row for each size, but got {y.shape}; "
            "give one row for each size."
        )
    _refuse("sizes", n, ~np.isfinite(n) | (n <= 0), "must be positive and finite", "give numbers of examples")
    _refuse("values", y, ~np.isfinite(y), "must be finite", "leave sizes with diverged runs out, or train them again")
    _refuse("values", y, y < 0, "must not be negative", "give an error or a loss, such as 1 - accuracy")
    if len(np.unique(n)) < len(n):
        repeated = next(size for size in np.sort(n) if (n == size).sum() > 1)
        raise AdvisorError(f"sizes holds {repeated:g} twice; put the runs of one size into one row of values.")
    order = np.argsort(n)
    n, y = n[order], y[order]
    # Sorted, so that the order of the runs cannot change a sum's last bit.
    table = np.sort(y[:, None] if y.ndim == 1 else y, axis=1)
    runs = max(runs, table.shape[1])
    errors: Floats | None = None
    if standard_errors is not None:
        errors = _numbers("standard_errors", standard_errors)
        if errors.shape != n.shape:
            raise AdvisorError(
                f"standard_errors must have shape ({len(n)},) but got {errors.shape}; give one for each size."
            )
        bad = ~np.isfinite(errors) | (errors < 0)
        _refuse("standard_errors", errors, bad, "must be finite and not negative", "give None where they are unknown")
        errors = errors[order]
    elif table.shape[1] > 1:
        errors = table.std(axis=1, ddof=1) / np.sqrt(table.shape[1])
    means = table.mean(axis=1)
    offset = _offset(means, errors)
    return Points(n, means, errors, runs, offset, _variances(means + offset, errors, runs))


def pooled(points: Points, most: int = MOST_POINTS) -> Points:
    """At most `most` points: neighbours are averaged, on the logarithm of the size."""
    m = len(points.sizes)
    if m <= most:
        return points
    groups = np.array_split(np.arange(m), most)
    errors = points.standard_errors
    return Points(
        np.array([np.exp(np.log(points.sizes[g]).mean()) for g in groups]),
        np.array([points.values[g].mean() for g in groups]),
        None if errors is None else np.array([np.sqrt((errors[g] ** 2).mean() / len(g)) for g in groups]),
        points.runs,
        points.offset,
        np.array([points.variances[g].mean() / len(g) for g in groups]),
    )


def _offset(means: Floats, errors: Floats | None) -> float:
    level = float(np.median(means)) or float(means.max()) or 1.0
    noise = 0.0 if errors is None else float(np.median(errors))
    # Without a zero there is nothing to keep finite, and an offset would bend an exact power law.
    smallest = 1e-3 * level if (means == 0).any() else 0.0
    return max(min(noise, 0.05 * level), smallest)


def _variances(shifted: Floats, errors: Floats | None, runs: int) -> Floats:
    """Relative variances of the means; the fewer the runs, the more each is drawn to the mean of its neighbours'."""
    m = len(shifted)
    if errors is None:
        return np.zeros(m)
    own = (errors / shifted) ** 2
    near = np.array([own[max(0, i - NEIGHBOURS) : i + NEIGHBOURS + 1].mean() for i in range(m)])
    freedom = runs - 1 if runs > 1 else WORTH_OF_NEIGHBOURS
    share = freedom / (freedom + WORTH_OF_NEIGHBOURS)
    return np.asarray(share * own + (1 - share) * near)


def _numbers(name: str, given: ArrayLike) -> Floats:
    try:
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise AdvisorError(f"{name} must be numbers in rows of equal length but got {_short(given)}.") from None


def _refuse(name: str, given: Floats, bad: NDArray[np.bool_], must: str, advice: str) -> None:
    if bad.any():
        raise AdvisorError(f"{name} {must} but got {given[bad].flat[0]:g}; {advice}.")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
