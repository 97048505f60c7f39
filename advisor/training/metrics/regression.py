"""Metrics of real-valued predictions. With several columns each is the mean over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def rmse(predictions: torch.Tensor, targets: torch.Tensor) -> float:
    """The root of the mean squared error of each column. Both (N, D)."""
    residual = (predictions - targets).square().sum(0)
    return (residual / len(targets)).sqrt().mean().item()


def mae(predictions: torch.Tensor, targets: torch.Tensor) -> float:
    """The mean absolute error. Both (N, D)."""
    return (predictions - targets).abs().mean().item()


def r2(predictions: torch.Tensor, targets: torch.Tensor) -> float:
    """The share of each column's variance that is explained. Both (N, D).

    A constant target has nothing to explain: 1 where it is hit exactly, else 0, as scikit-learn has it.
    """
    residual = (predictions - targets).square().sum(0)
    total = (targets - targets.mean(0)).square().sum(0)
    explained = (1 - residual / total.clamp(min=1e-300)).where(total > 0, (residual == 0).double())
    return explained.mean().item()
