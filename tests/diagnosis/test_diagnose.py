"""What diagnosis says about curves whose story is known."""

import math
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.curves import Curves, FloatArray, Segment, Series
from advisor.diagnosis import Diagnosis, diagnose
from advisor.diagnosis.findings import RULES
from advisor.diagnosis.model import Kind
from advisor.errors import AdvisorError

EPOCHS = np.arange(100.0)
FALLING = 2.0 * np.exp(-EPOCHS / 15) + 0.2
RISING_AFTER_40 = FALLING + 0.1 + 0.02 * np.maximum(EPOCHS - 40, 0)


def noise(scale: float, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).normal(0, scale, 100)


def run(train: FloatArray | None = None, validation: FloatArray | None = None) -> Diagnosis:
    def values(array: FloatArray | None) -> list[float] | None:
        return None if array is None else array.tolist()

    return diagnose(Curves.from_losses(values(train), values(validation)))


def scored(train: FloatArray, validation: FloatArray, accuracy: FloatArray) -> Curves:
    losses = Curves.from_losses(train, validation)
    score = Series(name="val_acc", split="validation", metric="accuracy", direction="max", scale="fraction", x=EPOCHS,
                   y=accuracy)  # fmt: skip
    return losses.model_copy(update={"series": (*losses.series, score)})


def test_rising_validation_is_overfitting_with_its_onset_inside_the_interval() -> None:
    found = run(FALLING + noise(0.01), RISING_AFTER_40 + noise(0.01, 1))
    best = int(np.argmin(RISING_AFTER_40))
    assert found.overfitting
    assert found.findings[0].kind == "overfitting"
    assert found.onset == pytest.approx(best, abs=5)
    interval = found.findings[0].onset_interval
    assert interval is not None
    assert interval[0] <= best <= interval[1]
    assert found.best_point == pytest.approx(best, abs=6)


@pytest.mark.parametrize("scale", [0.001, 0.02, 0.05])
def test_noise_alone_is_not_overfitting(scale: float) -> None:
    for seed in range(20):
        assert not run(FALLING + noise(scale, seed), FALLING + 0.1 + noise(scale, seed + 100)).overfitting


def test_double_descent_does_not_cry_overfitting() -> None:
    bump = 0.6 * np.exp(-(((EPOCHS - 35) / 12) ** 2))
    found = run(FALLING, FALLING + 0.1 + bump)
    assert found.findings[0].kind == "double_descent"
    assert not found.overfitting


def test_learning_rate_restarts_do_not_cry_overfitting() -> None:
    teeth = 0.3 * (EPOCHS % 25 < 4)
    found = run(FALLING + teeth, FALLING + 0.1 + teeth)
    assert not found.overfitting
    assert not found.finding("divergence")


def test_rising_loss_beside_rising_accuracy_is_overconfidence_and_not_overfitting() -> None:
    found = diagnose(scored(FALLING, RISING_AFTER_40, 0.9 - 0.4 * np.exp(-EPOCHS / 20)))
    assert found.findings[0].kind == "overconfidence"
    assert not found.overfitting


def test_rising_loss_beside_falling_accuracy_is_overfitting() -> None:
    accuracy = 0.9 - 0.4 * np.exp(-EPOCHS / 20) - 0.004 * np.maximum(EPOCHS - 40, 0)
    found = diagnose(scored(FALLING, RISING_AFTER_40, accuracy))
    assert found.overfitting
    assert not found.finding("overconfidence")


def test_a_training_loss_that_blows_up_is_divergence_first() -> None:
    blown = np.where(EPOCHS < 60, FALLING, FALLING + 0.5 * (EPOCHS - 59))
    found = run(blown, blown + 0.1)
    assert found.findings[0].kind == "divergence"
    assert not found.overfitting


def test_losses_that_end_as_nan_are_non_finite_from_where_they_begin() -> None:
    broken = np.where(EPOCHS < 70, FALLING, np.nan)
    found = run(broken, broken)
    assert found.findings[0].kind == "non_finite"
    assert found.findings[0].onset == 70


def test_a_single_nan_that_heals_is_a_remark_and_no_alarm() -> None:
    healed = FALLING.copy()
    healed[30] = np.nan
    found = run(healed, FALLING + 0.05)
    remark = found.finding("precision_overflow")
    assert remark is not None
    assert remark.severity == "info"
    assert found.finding("non_finite") is None


def test_losses_still_falling_and_flat_losses_are_told_apart() -> None:
    assert run(3 - 0.02 * EPOCHS, 3.1 - 0.02 * EPOCHS).findings[0].kind == "still_improving"
    assert run(FALLING, FALLING + 0.05).findings[0].kind == "good_fit"
    assert run(2.3 + noise(0.002), 2.3 + noise(0.002, 1)).findings[0].kind == "underfitting"


def test_an_early_gap_and_a_reversed_gap_are_named() -> None:
    assert run(FALLING * 0.2, FALLING + 0.5).finding("generalization_gap_from_start")
    assert run(FALLING + 0.4, FALLING).finding("validation_below_train")


def test_a_training_loss_near_zero_under_a_high_validation_loss_is_memorization() -> None:
    assert run(2.0 * np.exp(-EPOCHS / 8) + 1e-3, FALLING + 0.5).finding("memorization")


def test_an_erratic_validation_loss_is_named() -> None:
    assert run(FALLING, FALLING + 0.4 + np.abs(noise(0.25))).finding("noisy_validation")


def test_segments_of_the_log_are_a_resumed_run() -> None:
    curves = Curves.from_losses(FALLING, FALLING + 0.1)
    parts = (Segment(start=0, end=50, kind="restart"), Segment(start=50, end=99, kind="resume"))
    assert diagnose(curves.model_copy(update={"segments": parts})).finding("resumed_run")


def test_different_metrics_on_both_sides_are_incomparable() -> None:
    curves = Curves.from_losses(FALLING, FALLING)
    renamed = curves.series[1].model_copy(update={"metric": "perplexity"})
    found = diagnose(curves.model_copy(update={"series": (curves.series[0], renamed)}))
    assert found.finding("incomparable_losses")


def test_a_metric_to_be_maximized_is_judged_in_its_own_direction() -> None:
    sides = [("train", 1 - 0.5 * np.exp(-EPOCHS / 30)), ("validation", 0.9 - 0.2 * np.abs(EPOCHS - 30) / 70)]
    series = tuple(
        Series(name=f"{split}_acc", split=split, metric="accuracy", direction="max", scale="fraction", x=EPOCHS, y=y)
        for split, y in sides
    )  # fmt: skip
    found = diagnose(Curves(source="memory", name="run", series=series))
    assert found.overfitting
    assert found.onset == pytest.approx(30, abs=4)
    assert found.best_point == 30


@pytest.mark.parametrize("losses", [[1.0], [1.0, 0.5], [1.0, 0.9, 0.8]])
def test_a_few_points_are_said_to_be_too_few(losses: list[float]) -> None:
    found = diagnose(Curves.from_losses(losses, losses))
    assert found.findings[0].kind == "too_few_points"
    assert found.abstained


def test_one_side_alone_gets_an_honest_answer() -> None:
    assert run(train=FALLING).probability("overfitting") == 0
    assert not run(validation=RISING_AFTER_40).overfitting


def test_a_log_without_series_is_abstained_from() -> None:
    found = diagnose(Curves(source="memory", name="run", series=()))
    assert found.abstained
    assert "no series" in found.summary


def test_an_unknown_series_name_is_refused() -> None:
    with pytest.raises(AdvisorError, match="'val'; known, nearest first"):
        diagnose(Curves.from_losses([1.0, 2.0]), validation="val")


def test_every_kind_of_the_contract_has_a_rule() -> None:
    assert set(RULES) == set(get_args(Kind))


# float64 of every size, and the words for what is no number
LOSSES = st.lists(st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.just(1.0)), max_size=40)


@settings(max_examples=150, deadline=None)
@given(LOSSES, LOSSES)
def test_any_lists_of_floats_get_a_valid_diagnosis(train: list[float | None], validation: list[float | None]) -> None:
    if train and validation:
        shorter = min(len(train), len(validation))
        train, validation = train[:shorter], validation[:shorter]
    elif not train and not validation:
        train = [1.0]
    found = diagnose(Curves.from_losses(train, validation))
    assert set(found.probabilities) == set(get_args(Kind))
    assert all(0 <= chance <= 1 for chance in found.probabilities.values())
    assert math.isclose(sum(cause.probability for cause in found.causes), 1.0, abs_tol=1e-9)
    assert Diagnosis.model_validate_json(found.model_dump_json()).summary == found.summary


@settings(max_examples=50, deadline=None)
@given(st.floats(1e-3, 1e3), st.integers(0, 1000))
def test_the_unit_of_the_loss_does_not_change_the_verdict(scale: float, seed: int) -> None:
    train, validation = FALLING + noise(0.02, seed), RISING_AFTER_40 + noise(0.02, seed + 1)
    plain, scaled = run(train, validation), run(scale * train, scale * validation)
    assert scaled.probability("overfitting") == pytest.approx(plain.probability("overfitting"), abs=1e-6)
    assert scaled.best_point == plain.best_point
