"""The optimizer of an arm. Only the technique weight_decay brings weight decay in: a group without it has none."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from advisor.experiments.spec import Training
from advisor.training.muon import build_muon
from advisor.training.schedules import learning_rate_factor as learning_rate_factor

if TYPE_CHECKING:
    import torch


def build_optimizer(
    training: Training,
    groups: list[dict[str, Any]],
    model: torch.nn.Module | None = None,
    *,
    fused: bool = True,
) -> torch.optim.Optimizer:
    """The optimizer over `groups`; "muon" needs the model, to tell hidden weights from the rest.

    The last numbers of a tensor, short of a whole vector, may be rounded otherwise where `fused`; without, what a
    number becomes does not depend on its place.

    In "sgd" and "adam" a group's weight decay is an L2 term of the gradient, in "adamw" and "muon" it is decoupled.

    Raises:
        AdvisorError: muon finds no hidden weights.
    """
    import torch

    if training.optimizer == "muon":
        assert model is not None, "muon is built with its model"
        return build_muon(training.lr, groups, model)
    if training.optimizer == "sgd":
        optimizer: torch.optim.Optimizer = torch.optim.SGD(
            groups,
            lr=training.lr,
            momentum=training.momentum,
            nesterov=training.nesterov,
            weight_decay=0.0,
            fused=fused,
            foreach=not fused,
        )
    elif training.optimizer == "adam":
        optimizer = torch.optim.Adam(groups, lr=training.lr, weight_decay=0.0, fused=fused, foreach=not fused)
    else:
        optimizer = torch.optim.AdamW(groups, lr=training.lr, weight_decay=0.0, fused=fused, foreach=not fused)
    return _lean(optimizer)


def _lean(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """The optimizer with a `step` without profiling and hooks, which cost a small step more than the step itself."""
    import torch

    bare = inspect.unwrap(type(optimizer).step)

    def step() -> None:
        with torch.no_grad():
            bare(optimizer)

    optimizer.step = step  # type: ignore[assignment, method-assign]
    return optimizer
