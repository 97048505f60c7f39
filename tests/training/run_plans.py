"""Plans for quick trainings on real data, and a stand-in run for hooks that are called directly."""

from typing import Any

from advisor.training.plan import RunPlan


def make_plan(techniques: dict[str, Any] | None = None, **changes: Any) -> RunPlan:
    """Two epochs of a narrow MLP on 60 digits; `changes` go to the plan, or to its training where they belong there."""
    training: dict[str, Any] = {"epochs": 2, "batch_size": 16, "lr": 0.003, "techniques": techniques or {}}
    for key in (
        "optimizer",
        "lr",
        "schedule",
        "epochs",
        "batch_size",
        "momentum",
        "accumulate",
        "clip_norm",
        "precision",
    ):
        if key in changes:
            training[key] = changes.pop(key)
    plan: dict[str, Any] = {
        "run_id": "run",
        "arm": "arm",
        "block": 0,
        "block_seed": 7,
        "split_seed": 3,
        "data": {"builtin": "digits", "train_size": 60},
        "model": {"name": "mlp", "arguments": {"width": 16}},
        "training": training,
        "design": {},
        "metric": "accuracy",
    }
    return RunPlan.model_validate(plan | changes)


SMALL_CNN = {"name": "small_cnn", "arguments": {"width": 4}}
