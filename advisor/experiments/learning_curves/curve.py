"""The fitted learning curve: which family, what it predicts at other sizes with 90 % intervals, and what is odd."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from advisor.contract import Contract, Frozen
from advisor.errors import AdvisorError
from advisor.experiments.learning_curves.behaviour import Behaviour, behaviour
from advisor.experiments.learning_curves.interval import LEVEL, summary
from advisor.experiments.learning_curves.points import Points, read_points
from advisor.experiments.learning_curves.posterior import Posterior, at, between, posterior
from advisor.experiments.learning_curves.shapes import grid
from advisor.words import SHARES, value

Family = Literal["power law", "power law with a floor", "bent power law", "flat", "rising"]
FAMILIES: tuple[Family, ...] = ("power law", "power law with a floor", "bent power law", "flat", "rising")


class Prediction(Frozen):
    """What would be measured with `size` training examples; the interval is a predictive one, of level 0.9."""

    size: float
    value: float
    interval: tuple[float, float]
    extrapolated: float  # how many times the largest measured size, 1 inside the range


class LearningCurve(Contract):
    """A fitted curve with its points; refitting `points()` gives the same curve, bit for bit."""

    metric: str
    sizes: tuple[float, ...]  # ascending
    values: tuple[float, ...]  # means over runs
    standard_errors: tuple[float, ...] | None
    runs: int  # for each size
    family: Family  # the most probable one
    family_probabilities: dict[Family, float]
    parameters: dict[str, float]  # posterior means within the family; `slope` is the local one at the last size
    level: float = LEVEL
    predictions: tuple[Prediction, ...]
    behaviour: Behaviour
    sentence: str

    def points(self) -> Points:
        """The points that were fitted."""
        return read_points(self.sizes, self.values, self.standard_errors, self.runs)

    def fitted(self) -> Posterior:
        """The posterior behind the predictions."""
        return posterior(self.points())


def fit_curve(
    sizes: ArrayLike,
    values: ArrayLike,
    *,
    standard_errors: ArrayLike | None = None,
    predict_at: Sequence[float] = (),
    metric: str = "error",
) -> LearningCurve:
    """Fit an error or a loss against the number of training examples.

    Args:
        sizes: (m,) at least three, in any order.
        values: (m,) or (m, runs); lower is better, none negative.
        standard_errors: (m,) of the means; from the runs where there are several.
        predict_at: sizes to predict at; twice and four times the largest size if empty.
        metric: what to call it; shares such as "error" are written in percent.

    Raises:
        AdvisorError: fewer than three sizes, or a number that cannot be.
    """
    points = read_points(sizes, values, standard_errors)
    fitted = posterior(points)
    wanted = tuple(predict_at) or (2 * fitted.last, 4 * fitted.last)
    predictions = tuple(predict(fitted, size) for size in wanted)
    probabilities = _families(fitted)
    family = max(FAMILIES, key=lambda name: probabilities[name])
    found = behaviour(points, lambda number: written(number, metric))
    return LearningCurve(
        metric=metric,
        sizes=tuple(points.sizes.tolist()),
        values=tuple(points.values.tolist()),
        standard_errors=None if points.standard_errors is None else tuple(points.standard_errors.tolist()),
        runs=points.runs,
        family=family,
        family_probabilities=probabilities,
        parameters=_parameters(fitted, family),
        predictions=predictions,
        behaviour=found,
        sentence=_sentence(points, predictions, found, metric),
    )  # fmt: skip


def predict(fitted: Posterior, size: float) -> Prediction:
    """The median and the 90 % predictive interval at `size`."""
    if not (np.isfinite(size) and size > 0):
        raise AdvisorError(f"A size to predict at must be positive and finite but got {size:g}; ask for one that is.")
    offset = fitted.candidates.points.offset
    low, middle, high = (max(0.0, float(np.exp(x)) - offset) for x in summary(fitted, at(fitted, size), size))
    return Prediction(size=size, value=middle, interval=(low, high), extrapolated=max(1.0, size / fitted.last))


def written(number: float, metric: str) -> str:
    """A value for a reader: "9.1 %" for a share, "0.284" otherwise."""
    return value(number, "accuracy" if metric == "error" or metric in SHARES else metric)


def _families(fitted: Posterior) -> dict[Family, float]:
    named = _family_of(fitted)
    return {name: float(fitted.weight[named == index].sum()) for index, name in enumerate(FAMILIES)}


def _family_of(fitted: Posterior) -> np.ndarray:
    """The index in FAMILIES of every component."""
    _, bend, floor = (axis[fitted.shape] for axis in grid())
    points = fitted.candidates.points
    bent = bend * np.log(2) > np.log(points.sizes[0] / points.sizes[-1])
    return np.select([np.abs(floor - 1) < 0.02, floor > 1, bent, floor > 0.02], [3, 4, 2, 1], 0)


def _parameters(fitted: Posterior, family: Family) -> dict[str, float]:
    chosen = _family_of(fitted) == FAMILIES.index(family)
    weight = fitted.weight[chosen] / fitted.weight[chosen].sum()
    exponent, bend, floor = (axis[fitted.shape[chosen]] for axis in grid())
    offset = fitted.candidates.points.offset
    level = np.exp(fitted.level[chosen])
    parameters = {
        "at_last_size": max(0.0, float(weight @ level) - offset),
        "slope": between(fitted, 2 * fitted.last, fitted.last).quantile(0.5) / float(np.log(2)),
    }
    if family == "flat":
        return parameters
    parameters["exponent"] = float(np.exp(weight @ np.log(exponent)))
    parameters["floor"] = max(0.0, float(weight @ (floor * level)) - offset)
    if family == "bent power law":
        parameters["bend"] = fitted.last * float(2 ** (weight @ bend))
    return parameters


def _sentence(points: Points, predictions: tuple[Prediction, ...], found: Behaviour, metric: str) -> str:
    parts = [found.sentence]
    for item in predictions:
        low, high = item.interval
        parts.append(
            f"With {item.size:.0f} examples {written(item.value, metric)} is expected "
            f"(90 % interval {written(low, metric)} to {written(high, metric)})."
        )
    if len(points.sizes) < 5:
        parts.append(f"{len(points.sizes)} sizes say little about the shape; the intervals are wide for that reason.")
    return " ".join(parts)
