"""What column names mean, in the spellings that frameworks use."""

import numpy as np
import pytest

from advisor.readers.meaning import axis_unit, fill_splits, meaning_of, scale_of


@pytest.mark.parametrize(
    ("name", "split", "metric", "direction", "role"),
    [
        ("loss", None, "loss", "min", "objective"),
        ("val_loss", "validation", "loss", "min", "objective"),
        ("eval/loss", "validation", "loss", "min", "objective"),
        ("valLoss", "validation", "loss", "min", "objective"),
        ("test_acc1", "test", "accuracy", "max", "metric"),
        ("valid_error", "validation", "error", "min", "metric"),
        ("train/loss_step", "train", "loss", "min", "objective"),
        ("train_loss_epoch", "train", "loss", "min", "objective"),
        ("dev_ppl", "validation", "perplexity", "min", "metric"),
        ("val_bpb", "validation", "bpb", "min", "metric"),
        ("metrics/mAP50-95(B)", None, "map50_95_b", "max", "metric"),
        ("eval_f1", "validation", "f1", "max", "metric"),
        ("validation/main/loss", "validation", "loss", "min", "objective"),
        ("train/box_loss", "train", "box_loss", "min", "metric"),
        ("val_exact_match_error", "validation", "exact_match_error", "min", "metric"),
        ("learning_rate", None, "learning_rate", "min", "schedule"),
        ("lr-Adam/pg1", None, "lr_adam_pg1", "min", "schedule"),
        ("grad_norm", None, "grad_norm", "min", "diagnostic"),
        ("eval_runtime", "validation", "runtime", "min", "diagnostic"),
        ("eval_samples_per_second", "validation", "samples_per_second", "min", "diagnostic"),
        ("elapsed_time", None, "elapsed_time", "min", "diagnostic"),
    ],
)
def test_a_name_tells_split_metric_direction_and_role(
    name: str, split: str | None, metric: str, direction: str, role: str
) -> None:
    meaning = meaning_of(name)
    assert (meaning.split, meaning.metric, meaning.direction, meaning.role) == (split, metric, direction, role)


def test_a_suffix_tells_how_values_were_aggregated() -> None:
    assert meaning_of("train_loss_step").aggregation == "point"
    assert meaning_of("train_loss_epoch").aggregation == "interval_mean"
    assert meaning_of("ema_loss").aggregation == "smoothed"


@pytest.mark.parametrize(
    ("name", "unit"),
    [("epoch", "epoch"), ("trainer/global_step", "step"), ("current_steps", "step"), ("", "epoch"), ("time", "second"),
     ("epoch_loss", None), ("val_loss", None)],
)  # fmt: skip
def test_only_counters_may_be_the_x_axis(name: str, unit: str | None) -> None:
    assert axis_unit(name) == unit


def test_a_bare_accuracy_is_training_in_keras_and_validation_in_fastai() -> None:
    keras = fill_splits({name: meaning_of(name) for name in ("loss", "accuracy", "val_loss", "val_accuracy")})
    fastai = fill_splits({name: meaning_of(name) for name in ("train_loss", "valid_loss", "accuracy")})
    assert keras["accuracy"].split == "train"
    assert fastai["accuracy"].split == "validation"


def test_values_tell_a_fraction_from_a_percentage() -> None:
    assert scale_of(meaning_of("val_acc"), np.array([0.1, 0.9])) == "fraction"
    assert scale_of(meaning_of("val_acc"), np.array([11.0, 92.0])) == "percent"
    assert scale_of(meaning_of("val_loss"), np.array([0.1, 0.9])) == "raw"
