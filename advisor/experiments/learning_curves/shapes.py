"""The family of curves: a power law that may have a floor, may bend before it falls, may be flat or may rise.

    value(n) = value(last) * (floor + (1 - floor) * fall(n) / fall(last)),   fall(n) = 1 / (1 + (n / bend) ** exponent)

(Morgan, Mercer & Flodin 1975; a bend far below the sizes leaves the power law with a floor.) `floor` is the part of
the value at the last size that no amount of data removes; above 1 the curve rises towards it.
"""

from functools import lru_cache

import numpy as np

from advisor.experiments.learning_curves.points import Floats

EXPONENTS = np.geomspace(0.12, 4.0, 11)
BENDS = np.array([-14.0, -8, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3])  # log2 of bend over the last size; the first: none
FLOORS = np.array([0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.87, 0.93, 0.97, 1, 1.03, 1.08, 1.2, 1.5])
LEAST_SHAPE = 0.03  # a rising curve must not come from below zero


@lru_cache(maxsize=1)
def grid() -> tuple[Floats, Floats, Floats]:
    """Exponent, log2 bend and floor of every shape, each (shapes,), read-only."""
    axes = [axis.ravel() for axis in np.meshgrid(EXPONENTS, BENDS, FLOORS, indexing="ij")]
    for axis in axes:
        axis.setflags(write=False)
    return axes[0], axes[1], axes[2]


def shapes(times: Floats, chosen: np.ndarray | slice = slice(None)) -> Floats:
    """Every shape's value over its value at the last size, (len(times), shapes).

    Args:
        times: log(size / last size).
        chosen: which shapes; all by default.
    """
    exponent, bend, floor = (axis[chosen] for axis in grid())
    shift = -bend * np.log(2)
    fall = np.logaddexp(0, exponent * shift) - np.logaddexp(0, exponent * (times[:, None] + shift))
    return np.asarray(floor + (1 - floor) * np.exp(fall))
