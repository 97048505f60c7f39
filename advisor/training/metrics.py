"""The metrics of a split, from the model's raw outputs, computed in float64.

Where an output is not finite the model predicts nothing, and every metric is NaN.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from advisor.data.dataset import DataKind
from advisor.experiments.spec import METRICS

if TYPE_CHECKING:
    import torch

CALIBRATION_BINS = 15


def metric_names(kind: DataKind) -> tuple[str, ...]:
    """The metrics that fit such targets."""
    return tuple(name for name, (_, kinds) in METRICS.items() if kind in kinds)


def measure(outputs: torch.Tensor, targets: torch.Tensor, kind: DataKind) -> dict[str, float]:
    """Every metric that fits the kind.

    outputs: (N, K) logits and targets (N,) class indices for "class"; the same number of values for "real".
    """
    if not bool(outputs.isfinite().all()):
        return dict.fromkeys(metric_names(kind), math.nan)
    outputs = outputs.detach().cpu().double()
    targets = targets.detach().cpu()
    if kind == "class":
        return classification_metrics(outputs, targets)
    return regression_metrics(outputs.reshape(targets.shape), targets.double())


def classification_metrics(logits: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    """logits: (N, K) finite; labels: (N,) in [0, K).

    `brier` is the sum over classes of the squared error (Brier 1950), in [0, 2]: for two classes that is twice the
    one-sided form. `balanced_accuracy` averages the recall over the classes that occur.
    """
    import torch
    from torch.nn import functional

    log_probabilities = logits.log_softmax(1)
    probabilities = log_probabilities.exp()
    correct = (logits.argmax(1) == labels).double()
    counts = torch.bincount(labels, minlength=logits.shape[1]).double()
    hits = torch.zeros_like(counts).index_add_(0, labels, correct)
    occurs = counts > 0
    one_hot = functional.one_hot(labels, logits.shape[1]).double()
    return {
        "accuracy": correct.mean().item(),
        "balanced_accuracy": (hits[occurs] / counts[occurs]).mean().item(),
        "nll": functional.nll_loss(log_probabilities, labels).item(),
        "brier": (probabilities - one_hot).square().sum(1).mean().item(),
        "ece": calibration_error(probabilities, labels),
    }


def calibration_error(probabilities: torch.Tensor, labels: torch.Tensor, bins: int = CALIBRATION_BINS) -> float:
    """Expected calibration error (Guo et al. 2017) of the largest probability, in `bins` equal steps of (0, 1].

    The mean over examples of the gap between confidence and accuracy of the bin they fall into.
    """
    import torch

    confidence, predicted = probabilities.max(1)
    correct = (predicted == labels).double()
    place = (confidence * bins).ceil().long().clamp(1, bins) - 1  # a bin includes its upper edge
    surplus = torch.zeros(bins, dtype=torch.float64).index_add_(0, place, confidence - correct)
    return surplus.abs().sum().item() / len(labels)


def regression_metrics(predictions: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
    """Both (N,) or (N, D), finite; with several columns the mean over them."""
    predictions = predictions.reshape(len(targets), -1)
    targets = targets.reshape(len(targets), -1)
    error = predictions - targets
    residual = error.square().sum(0)
    total = (targets - targets.mean(0)).square().sum(0)
    # A constant target has nothing to explain: 1 where it is hit exactly, else 0, as scikit-learn has it.
    explained = (1 - residual / total.clamp(min=1e-300)).where(total > 0, (residual == 0).double())
    return {
        "rmse": (residual / len(targets)).sqrt().mean().item(),
        "mae": error.abs().mean().item(),
        "r2": explained.mean().item(),
    }
