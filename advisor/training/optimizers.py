"""The optimizer of an arm. Only the technique weight_decay brings weight decay in: a group without it has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from advisor.experiments.spec import Training
from advisor.training.muon import build_muon
from advisor.training.schedules import learning_rate_factor as learning_rate_factor

if TYPE_CHECKING:
    import torch


def build_optimizer(
    training: Training, groups: list[dict[str, Any]], model: torch.nn.Module | None = None
) -> torch.optim.Optimizer:
    """The optimizer over `groups`; "muon" needs the model, to tell hidden weights from the rest.

    In "sgd" and "adam" a group's weight decay is an L2 term of the gradient, in "adamw" and "muon" it is decoupled.

    Raises:
        AdvisorError: muon finds no hidden weights.
    """
    import torch

    if training.optimizer == "sgd":
        return torch.optim.SGD(
            groups,
            lr=training.lr,
            momentum=training.momentum,
            nesterov=training.nesterov,
            weight_decay=0.0,
            fused=True,
        )
    if training.optimizer == "adam":
        return torch.optim.Adam(groups, lr=training.lr, weight_decay=0.0, fused=True)
    if training.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=training.lr, weight_decay=0.0, fused=True)
    assert model is not None, "muon is built with its model"
    return build_muon(training.lr, groups, model)
