"""A stand-in run for hooks that are called directly."""

from typing import Any

import torch
from torch import nn

from advisor.techniques.core import Run, Streams, TaskFacts


def make_run(model: nn.Module, **changes: Any) -> Run:
    """A run of a class task with 10 outputs; `changes` go to the task where they belong there, else to the run."""
    task: dict[str, Any] = {"kind": "class", "outputs": 10, "input_shape": (3, 32, 32)}
    for key in ("kind", "outputs", "input_shape", "input_range", "class_counts", "category_columns"):
        if key in changes:
            task[key] = changes.pop(key)
    settings: dict[str, Any] = {"epochs": 1, "steps_per_epoch": 1, **changes}
    return Run(
        model=model, streams=Streams(settings.pop("seed", 1), torch.device("cpu")), task=TaskFacts(**task), **settings
    )
