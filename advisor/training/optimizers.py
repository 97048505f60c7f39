"""The optimizer and the learning-rate schedule of an arm."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from advisor.experiments.spec import Training

if TYPE_CHECKING:
    import torch


def build_optimizer(training: Training, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """The optimizer over `groups`. A group without `weight_decay` has none: only the technique brings it in.

    In "sgd" and "adam" a group's weight decay is an L2 term of the gradient, in "adamw" it is decoupled from it.
    """
    import torch

    if training.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=training.lr, momentum=training.momentum, weight_decay=0.0, fused=True)
    if training.optimizer == "adam":
        return torch.optim.Adam(groups, lr=training.lr, weight_decay=0.0, fused=True)
    return torch.optim.AdamW(groups, lr=training.lr, weight_decay=0.0, fused=True)


def learning_rate_factor(schedule: str, step: int, steps: int) -> float:
    """What the learning rate is multiplied with at `step` of `steps`: 1, or half a cosine from 1 towards 0."""
    if schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * step / steps))
    return 1.0
