"""Stacked runs are the separate runs, up to rounding, and never depend on who else is in the stack."""

from typing import Any

import pytest

from advisor.experiments.evidence import RunResult
from advisor.experiments.spec import Training
from advisor.models.spec import ModelSpec
from advisor.techniques import TECHNIQUES
from advisor.training.engine import train
from advisor.training.plan import RunPlan
from advisor.training.stack import may_stack, stacks, train_stack
from tests.training.run_plans import make_plan

STACKING = [name for name, technique in TECHNIQUES.items() if technique.stackable]
# Rounding grows from step to step; after 18 it is this small beside losses of 1 to 2.
TOLERANCE = 1e-3


def plans(blocks: int = 3, **training: Any) -> list[RunPlan]:
    settings: dict[str, Any] = {"epochs": 3, "batch_size": 50, "lr": 0.003} | training
    plan = make_plan(
        data={"builtin": "digits", "train_size": 300},
        training=Training(**settings),
        model=ModelSpec(name="mlp", arguments={"width": 24}),
    )
    return [plan.model_copy(update={"block": block, "block_seed": 100 + block}) for block in range(blocks)]


def losses(result: RunResult) -> list[float]:
    return [value for row in result.rows for value in (row.train_loss, row.train_eval_loss, row.validation_loss)]


@pytest.mark.parametrize("name", STACKING)
def test_a_technique_does_the_same_in_a_stack_as_alone(name: str) -> None:
    wanted = plans(techniques={name: {}})
    try:
        separate = [train(plan) for plan in wanted]
    except Exception as error:
        pytest.skip(f"not for a perceptron: {error}")
    for alone, stacked in zip(separate, train_stack(wanted), strict=True):
        assert losses(stacked) == pytest.approx(losses(alone), abs=TOLERANCE)
        assert (stacked.kept_epoch, stacked.epochs_run) == (alone.kept_epoch, alone.epochs_run)
        assert stacked.test["nll"] == pytest.approx(alone.test["nll"], abs=TOLERANCE)


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "sgd", "lr": 0.1, "schedule": "cosine", "warmup_epochs": 1},
        {"optimizer": "adam", "clip_norm": 0.5},
        {"batch_size": 64, "schedule": "one_cycle"},
    ],
)
def test_settings_do_the_same_in_a_stack_as_alone(settings: dict[str, Any]) -> None:
    wanted = plans(**settings)
    for alone, stacked in zip([train(plan) for plan in wanted], train_stack(wanted), strict=True):
        assert losses(stacked) == pytest.approx(losses(alone), abs=TOLERANCE)


def test_layer_normalization_does_the_same_in_a_stack_as_alone() -> None:
    model = ModelSpec(name="mlp", arguments={"normalization": "layer"})
    wanted = [plan.model_copy(update={"model": model}) for plan in plans()]
    for alone, stacked in zip([train(plan) for plan in wanted], train_stack(wanted), strict=True):
        assert losses(stacked) == pytest.approx(losses(alone), abs=TOLERANCE)


@pytest.mark.parametrize("techniques", [{}, {"dropout": {}, "mixup": {}}, {"ema": {}, "max_norm": {}}])
@pytest.mark.parametrize("normalization", ["none", "layer"])
def test_the_bits_of_a_run_do_not_depend_on_its_company(techniques: dict[str, Any], normalization: str) -> None:
    model = ModelSpec(name="mlp", arguments={"width": 20, "normalization": normalization})
    wanted = [plan.model_copy(update={"model": model}) for plan in plans(5, techniques=techniques)]
    together = train_stack(wanted)
    for company in ([wanted[2]], [wanted[4], wanted[2], wanted[0]]):
        found = next(result for result in train_stack(company) if result.seed == wanted[2].block_seed)
        assert found == together[2]


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("width", [3, 8, 20])
@pytest.mark.parametrize("builtin", ["wine", "breast_cancer"])
def test_the_row_of_a_run_in_a_stack_changes_no_bit(builtin: str, width: int, optimizer: str) -> None:
    """Rows begin at other multiples of 64 bytes where a layer is no multiple of 16 floats."""
    plan = make_plan(
        data={"builtin": builtin},
        training=Training(epochs=2, lr=0.003, optimizer=optimizer),
        model=ModelSpec(name="mlp", arguments={"width": width}),
    )
    wanted = [plan.model_copy(update={"block": block, "block_seed": 50 + block}) for block in range(6)]
    together = [result.outcome_digest for result in train_stack(wanted)]
    for first in range(1, 6):
        assert [result.outcome_digest for result in train_stack(wanted[first:])] == together[first:]


def test_a_run_that_stops_early_leaves_the_others_as_they_are() -> None:
    wanted = plans(6, epochs=30, lr=0.02, techniques={"early_stopping": {"patience_epochs": 2}})
    together = train_stack(wanted)
    assert len({result.epochs_run for result in together}) > 1, "they stop at different epochs"
    assert together == [train_stack([plan])[0] for plan in wanted]


def test_stacks_share_the_data_and_resampled_splits_keep_theirs() -> None:
    wanted = [plan.model_copy(update={"split_seed": plan.block_seed}) for plan in plans()]
    for alone, stacked in zip([train(plan) for plan in wanted], train_stack(wanted), strict=True):
        assert losses(stacked) == pytest.approx(losses(alone), abs=TOLERANCE)


@pytest.mark.parametrize(
    ("model", "training"),
    [
        (ModelSpec(name="small_cnn"), Training()),
        (ModelSpec(name="mlp", arguments={"dropout": 0.2}), Training()),
        (ModelSpec(name="mlp", arguments={"normalization": "batch"}), Training()),
        (ModelSpec(name="mlp"), Training(optimizer="muon")),
        (ModelSpec(name="mlp"), Training(accumulate=2)),
        (ModelSpec(name="mlp"), Training(techniques={"sam": {}})),
        (ModelSpec(name="mlp"), Training(techniques={"mixup": {"where": "hidden"}})),
    ],
)
def test_what_cannot_be_stacked_is_trained_alone(model: ModelSpec, training: Training) -> None:
    assert not may_stack(model, training)


def test_a_perceptron_may_be_stacked() -> None:
    training = Training(techniques={"dropout": {}, "weight_decay": {}})
    assert may_stack(ModelSpec(name="mlp"), training)
    assert stacks(ModelSpec(name="mlp"), training, (19,))
    assert not stacks(ModelSpec(name="mlp", arguments={"width": 512}), training, (19,)), "arithmetic outweighs calls"
