"""Advice on stopping: only from what was seen, and only when sure."""

import numpy as np

from advisor.curves import Curves
from advisor.diagnosis import should_stop

EPOCHS = np.arange(100.0)
FALLING = 2.0 * np.exp(-EPOCHS / 15) + 0.2
TURNING = FALLING + 0.1 + 0.02 * np.maximum(EPOCHS - 40, 0)


def first_stop(train: np.ndarray, validation: np.ndarray) -> int | None:
    for end in range(1, 101):
        if should_stop(Curves.from_losses(train[:end], validation[:end])).stop:
            return end
    return None


def test_a_run_that_turned_is_stopped_after_its_best_point_and_before_its_end() -> None:
    stopped = first_stop(FALLING, TURNING)
    assert stopped is not None
    assert np.argmin(TURNING) < stopped < 90


def test_an_improving_run_is_never_stopped() -> None:
    assert first_stop(FALLING, 3.1 - 0.02 * EPOCHS) is None


def test_a_tolerance_above_the_rise_keeps_the_run_going() -> None:
    curves = Curves.from_losses(FALLING, TURNING)
    assert should_stop(curves).stop
    assert not should_stop(curves, tolerance=10.0).stop


def test_without_validation_only_a_broken_run_is_stopped() -> None:
    assert not should_stop(Curves.from_losses(train=FALLING)).stop
    broken = np.where(EPOCHS < 50, FALLING, np.nan)
    advice = should_stop(Curves.from_losses(train=broken))
    assert advice.stop
    assert advice.best_point == 49


def test_a_missing_forecast_is_explained() -> None:
    advice = should_stop(Curves.from_losses(FALLING, TURNING))
    assert advice.forecast is None
    assert advice.expected_loss is None
    assert "No forecast" in advice.reason
