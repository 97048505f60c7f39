"""Proper scores of predicted probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def class_nll(log_probabilities: torch.Tensor, labels: torch.Tensor) -> float:
    """The mean negative log-likelihood of the right class, in nats. (N, K) log-probabilities; (N,) class indices."""
    from torch.nn import functional

    return functional.nll_loss(log_probabilities, labels).item()


def class_brier(probabilities: torch.Tensor, labels: torch.Tensor) -> float:
    """The sum over classes of the squared error (Brier 1950), in [0, 2]: for two classes twice the one-sided form.

    probabilities: (N, K); labels: (N,) class indices.
    """
    from torch.nn import functional

    one_hot = functional.one_hot(labels, probabilities.shape[1]).double()
    return (probabilities - one_hot).square().sum(1).mean().item()


def label_nll(logits: torch.Tensor, actual: torch.Tensor) -> float:
    """The mean binary cross-entropy over all single labels, in nats. logits: (N, K); actual: (N, K) booleans."""
    from torch.nn import functional

    return functional.binary_cross_entropy_with_logits(logits, actual.double()).item()


def label_brier(probabilities: torch.Tensor, actual: torch.Tensor) -> float:
    """The mean squared error over all single labels, in [0, 1]. probabilities: (N, K); actual: (N, K) booleans."""
    return (probabilities - actual.double()).square().mean().item()
