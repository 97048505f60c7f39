"""The signal statistics against independent references."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal, stats

from advisor.curves import Series
from advisor.diagnosis.trend import as_cost, finite_part, largest_bump, noise_level, running_median, slope

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=16, max_size=60).map(np.array)


@given(VALUES, st.sampled_from([3, 5, 9]))
def test_the_running_median_agrees_with_scipy_inside(y: np.ndarray, width: int) -> None:
    half = width // 2
    assert np.array_equal(running_median(y, width)[half:-half], signal.medfilt(y, width)[half:-half])


def test_the_noise_level_recovers_a_known_sigma_under_a_trend() -> None:
    generator = np.random.default_rng(0)
    levels = [noise_level(np.linspace(5, 1, 400) + generator.normal(0, 0.1, 400)) for _ in range(50)]
    assert np.mean(levels) == pytest.approx(0.1, rel=0.05)


def test_slope_and_error_agree_with_scipy() -> None:
    generator = np.random.default_rng(1)
    x, y = np.arange(30.0), generator.normal(size=30)
    reference = stats.linregress(x, y)
    assert slope(x, y) == pytest.approx((reference.slope, reference.stderr))


@given(VALUES)
def test_the_largest_bump_is_the_largest_of_all_pairs_of_valleys(y: np.ndarray) -> None:
    brute = max(min(y[k] - y[: k + 1].min(), y[k] - y[k:].min()) for k in range(len(y)))
    assert largest_bump(y).height == brute


def test_what_is_not_finite_is_removed_and_x_is_put_in_order() -> None:
    x, y = finite_part(np.array([2.0, 0.0, 1.0, 3.0]), np.array([5.0, np.nan, 4.0, np.inf]))
    assert (x.tolist(), y.tolist()) == ([1.0, 2.0], [4.0, 5.0])


def test_an_accuracy_becomes_a_cost_that_falls_as_it_rises() -> None:
    series = Series(
        name="a", split="validation", metric="accuracy", direction="max", scale="percent", x=[0, 1], y=[90, 95]
    )
    assert as_cost(series).tolist() == [10.0, 5.0]
