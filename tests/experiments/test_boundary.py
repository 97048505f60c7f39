"""Bounds for looking after every block, against simulation and known special cases."""

import numpy as np
import pytest
from scipy import stats

from advisor.experiments.boundary import USED, bound, crossing_probability, looks, sequential_p_value, weights


def _p_values(values: np.ndarray) -> np.ndarray:
    n = np.arange(2, values.shape[1] + 1)
    p = [stats.ttest_1samp(values[:, :count], 0, axis=1).pvalue for count in n]
    return np.stack(p, axis=1)  # column j: after j + 2 blocks


@pytest.mark.parametrize("horizon", [6, 9, 20])
@pytest.mark.parametrize("level", [0.05, 0.2])
def test_looks_cross_their_bounds_as_often_as_the_level_says(horizon: int, level: float) -> None:
    campaigns = 20_000
    values = np.random.default_rng(3).normal(size=(campaigns, horizon))
    at = np.array(looks(horizon))
    crossed = (_p_values(values)[:, at - 2] <= bound(level, horizon) * weights(horizon)).any(axis=1)
    error = np.sqrt(level * (1 - level) / campaigns)
    assert crossed.mean() == pytest.approx(USED * level, abs=3.5 * error)


def test_one_look_is_the_ordinary_test() -> None:
    assert bound(0.05, 3) == 0.05
    assert crossing_probability([7], [0.03]) == pytest.approx(0.03, abs=1e-6)


def test_two_looks_agree_with_numerical_integration_in_two_dimensions() -> None:
    # With 2 and 3 blocks a direction on the sphere in three dimensions decides both looks.
    rng = np.random.default_rng(5)
    values = rng.normal(size=(400_000, 3))
    p = _p_values(values)
    simulated = ((p[:, 0] <= 0.02) | (p[:, 1] <= 0.03)).mean()
    assert crossing_probability([2, 3], [0.02, 0.03]) == pytest.approx(simulated, abs=4 * np.sqrt(0.045 / 400_000))


def test_the_p_value_of_the_bound_is_the_level() -> None:
    assert sequential_p_value(bound(0.0125, 20), 20) == pytest.approx(0.0125, rel=1e-3)
    assert sequential_p_value(0.5, 20) <= 1


def test_more_looks_ask_for_smaller_p_values() -> None:
    bounds = [bound(0.05, horizon) for horizon in (5, 8, 20, 60, 200)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[0] == 0.05
