"""Curves: construction, JSON, and the pair of series that diagnosis compares."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from advisor.curves import Curves, Series
from advisor.errors import AdvisorError


def series(name: str, split: str, metric: str, **more: object) -> Series:
    fields = {"direction": "min", "role": "metric", "x": [0.0, 1.0], "y": [1.0, 0.5], **more}
    return Series.model_validate({"name": name, "split": split, "metric": metric, **fields})


def curves(*parts: Series) -> Curves:
    return Curves(source="memory", name="run", series=parts)


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)), min_size=1, max_size=30))
def test_any_losses_survive_json(losses: list[float | None]) -> None:
    run = Curves.from_losses(train=losses)
    assert Curves.model_validate_json(run.model_dump_json()) == run


def test_none_counts_as_not_finite_and_keeps_its_place() -> None:
    run = Curves.from_losses(validation=[1.0, None, 0.5])
    assert run.series[0].x.tolist() == [0.0, 1.0, 2.0]
    assert math.isnan(run.series[0].y[1])


def test_arrays_cannot_be_written_to() -> None:
    run = Curves.from_losses(train=[1.0, 2.0])
    with pytest.raises(ValueError, match="read-only"):
        run.series[0].y[0] = 0.0


def test_unequal_lengths_name_the_series_and_both_lengths() -> None:
    with pytest.raises(ValidationError, match="'a' has 2 x values but 1 y values"):
        series("a", "train", "loss", y=[1.0])


def test_empty_lists_are_refused_with_the_next_step() -> None:
    with pytest.raises(AdvisorError, match="give at least one list"):
        Curves.from_losses(train=[], validation=None)


def test_pair_prefers_the_loss_over_an_accuracy_that_comes_first() -> None:
    run = curves(
        series("acc", "train", "accuracy", direction="max"),
        series("val_acc", "validation", "accuracy", direction="max"),
        series("loss", "train", "loss", role="objective"),
        series("val_loss", "validation", "loss", role="objective"),
    )
    assert [item.name for item in run.pair() if item] == ["loss", "val_loss"]


def test_pair_prefers_validation_over_test_and_epoch_means_over_batches() -> None:
    many = {"x": np.arange(9.0), "y": np.ones(9), "role": "objective"}
    run = curves(
        series("test_loss", "test", "loss", **many),
        series("train_step", "train", "loss", aggregation="point", **many),
        series("train_epoch", "train", "loss", aggregation="interval_mean", **many),
        series("val_loss", "validation", "loss", **many),
    )
    assert [item.name for item in run.pair() if item] == ["train_epoch", "val_loss"]


def test_pair_takes_the_same_metric_on_both_sides() -> None:
    run = curves(
        series("train_loss", "train", "loss", role="objective"),
        series("train_error", "train", "error"),
        series("val_error", "validation", "error"),
    )
    assert [item.name for item in run.pair() if item] == ["train_error", "val_error"]


def test_pair_never_compares_opposite_directions_unasked() -> None:
    run = curves(
        series("train_loss", "train", "loss", role="objective"),
        series("val_acc", "validation", "accuracy", direction="max"),
    )
    train, validation = run.pair()
    assert train is not None
    assert train.name == "train_loss"
    assert validation is None
    assert [item.name for item in run.pair("train_loss", "val_acc") if item] == ["train_loss", "val_acc"]


def test_an_unknown_series_is_answered_with_the_nearest_names() -> None:
    with pytest.raises(AdvisorError, match="'val_los'; known, nearest first: val_loss"):
        curves(series("val_loss", "validation", "loss")).pair(validation="val_los")


def test_lists_of_unequal_lengths_are_refused_with_both_lengths() -> None:
    with pytest.raises(AdvisorError, match=r"train has 3 values but validation has 2"):
        Curves.from_losses([1.0, 0.5, 0.2], [1.0, 0.9])
