"""The 90 % interval around a predicted value, on the scale of the logarithm."""

import numpy as np

from advisor.experiments.learning_curves import prior
from advisor.experiments.learning_curves.posterior import Mixture, Posterior, between

LEVEL = 0.9
TAILS = (0.5 - LEVEL / 2, 0.5 + LEVEL / 2)
CALIBRATED_AT = 4.0  # times the largest size: the distance at which the edges were fitted


def edges(low: float, middle: float, high: float, change: float, distance: float) -> tuple[float, float]:
    """The quantiles `low` and `high` moved as the fitted constants say; inside the data they stay.

    Args:
        change: predicted log of the value over that at the largest size.
        distance: times the largest size; at most 1 inside the data.
    """
    if distance <= 1:
        return low, high
    steps = float(np.log(distance) / np.log(CALIBRATED_AT))
    constants = prior.EDGES
    further = constants["below_by_change"] * abs(change) + constants["below_by_distance"] * steps
    # From no distance to the calibrated one the factor comes in gradually, so that the edge does not jump.
    above = 1 + (constants["above"] - 1) * min(steps, 1.0)
    return low - further, middle + above * (high - middle)


def summary(fitted: Posterior, mixture: Mixture, size: float, reference: float | None = None) -> list[float]:
    """Lower edge, median and upper edge of a mixture made for `size` (against `reference`), on its own log scale."""
    low, middle, high = (mixture.quantile(probability) for probability in (TAILS[0], 0.5, TAILS[1]))
    distance = size / fitted.last
    change = 0.0
    if distance > 1:
        change = middle if reference == fitted.last else between(fitted, size, fitted.last).quantile(0.5)
    lower, upper = edges(low, middle, high, change, distance)
    return [lower, middle, upper]
