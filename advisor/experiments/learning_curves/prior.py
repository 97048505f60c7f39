"""What is known of learning curves before a point is seen: constants fitted by `benchmarks/learning_curves.py --fit`.

Fitted on every second data set of LCDB 1.1 (Yan, Mohr & Viering 2025), ordered by number; see that benchmark.
"""

from functools import lru_cache

import numpy as np

from advisor.experiments.learning_curves.points import Floats
from advisor.experiments.learning_curves.shapes import FLOORS, grid

WANDERINGS = np.array([0.003, 0.01, 0.03, 0.08, 0.2])  # standard deviation of a curve around its shape, relative
NUGGETS = np.array([0.0, 0.02, 0.06])  # noise of a point beyond its standard error, relative
BLIND_NUGGETS = np.array([0.005, 0.01, 0.02, 0.04, 0.08, 0.16])  # the same where no standard error is known
LENGTH = 4.0  # of the wandering, in the log of the size
DECAY = 0.5  # how much faster it wanders where there are few examples

# How far the edges of an interval move outside the data, so that less than 5 % lie beyond each: curves break downwards
# more often than upwards, and the more they fall the more.
EDGES = {"below_by_change": 0.9, "below_by_distance": 0.08, "above": 1.05}

PARAMETERS = {
    "exponent_mean": -0.41,
    "exponent_log_sd": -0.86,
    "floor_low": -0.36,
    "floor_high": -0.65,
    "flat": -1.12,
    "rising": -4.81,
    "no_bend": 0.78,
    "bend_slope": -0.32,
    "bend_curvature": -1.16,
    "wandering_slope": 0.32,
    "wandering_curvature": -2.21,
    "nugget": -1.24,
}


@lru_cache(maxsize=1)
def log_prior() -> Floats:
    """The log probability of every shape, (shapes,)."""
    return shape_prior(PARAMETERS)


def shape_prior(parameters: dict[str, float]) -> Floats:
    """The log probability of every shape under these parameters, (shapes,)."""
    p = parameters
    exponent, bend, floor = grid()
    of_exponent: Floats = -0.5 * ((np.log(exponent) - p["exponent_mean"]) / np.exp(p["exponent_log_sd"])) ** 2
    place = (bend + 3) / 4
    of_bend: Floats = np.where(
        bend < -13, p["no_bend"], p["bend_slope"] * place - np.exp(p["bend_curvature"]) * place**2
    )  # the first bend stands for none
    inside = np.clip(floor, 0.02, 0.98)
    widths = np.maximum(np.diff(np.clip(FLOORS, 0, 1), append=1.0), 1e-3)
    width = np.interp(floor, FLOORS, widths)
    beta = (np.exp(p["floor_low"]) - 1) * np.log(inside) + (np.exp(p["floor_high"]) - 1) * np.log(1 - inside)
    of_floor: Floats = np.where(
        floor < 1, beta + np.log(width), np.where(floor == 1, p["flat"], p["rising"] - 3 * (floor - 1))
    )
    total: Floats = np.sum([of_exponent, of_bend, of_floor], axis=0)
    return _normalised(total)


def state_prior(parameters: dict[str, float], noise_known: bool) -> Floats:
    """The log probability of every wandering (rows) and nugget, flattened, (states,)."""
    steps = np.log(WANDERINGS / 0.03)
    p = parameters
    of_wandering: Floats = p["wandering_slope"] * steps - np.exp(p["wandering_curvature"]) * steps**2
    of_nugget: Floats = np.zeros(len(BLIND_NUGGETS))
    if noise_known:
        of_nugget = np.asarray(p["nugget"] * np.arange(len(NUGGETS), dtype=np.float64))
    return (_normalised(of_wandering)[:, None] + _normalised(of_nugget)).ravel()


def _normalised(logs: Floats) -> Floats:
    return np.asarray(logs - np.logaddexp.reduce(logs))
