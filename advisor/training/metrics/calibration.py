"""Calibration: how far the confidence of predictions lies from how often they are right."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

CALIBRATION_BINS = 15


def calibration_error(probabilities: torch.Tensor, labels: torch.Tensor, bins: int = CALIBRATION_BINS) -> float:
    """Expected calibration error (Guo et al. 2017) of the largest probability, in `bins` equal steps of (0, 1].

    The mean over examples of the gap between confidence and accuracy of the bin they fall into. (N, K); (N,) indices.
    """
    return binned_gap(*top_class(probabilities, labels), bins)


def adaptive_calibration_error(
    probabilities: torch.Tensor, labels: torch.Tensor, bins: int = CALIBRATION_BINS
) -> float:
    """The same with bins of equal numbers of examples (Nguyen & O'Connor 2015), by rank of the largest probability."""
    return adaptive_gap(*top_class(probabilities, labels), bins)


def label_confidence(probabilities: torch.Tensor, actual: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(N K,) confidence in the likelier side of each single label, and whether it is right; all labels together."""
    import torch

    predicted = probabilities > 0.5
    confidence = torch.where(predicted, probabilities, 1 - probabilities)
    return confidence.flatten(), (predicted == actual).double().flatten()


def binned_gap(confidence: torch.Tensor, correct: torch.Tensor, bins: int = CALIBRATION_BINS) -> float:
    """The mean gap in `bins` equal steps of (0, 1]; a bin includes its upper edge, and an empty one adds nothing.

    confidence: (N,) in [0, 1]; correct: (N,) zeros and ones.
    """
    import torch

    place = (confidence * bins).ceil().long().clamp(1, bins) - 1
    surplus = torch.zeros(bins, dtype=torch.float64).index_add_(0, place, confidence - correct)
    return surplus.abs().sum().item() / len(confidence)


def adaptive_gap(confidence: torch.Tensor, correct: torch.Tensor, bins: int = CALIBRATION_BINS) -> float:
    """The mean gap in `bins` stretches of the examples sorted by confidence, as equal in number as can be.

    Examples of equal confidence count with their mean correctness, so that the order of the examples plays no part.
    The first bins hold one more where the number does not divide; with fewer examples than bins each is its own.
    """
    import torch

    ordered, order = confidence.sort(stable=True)
    _, tie, counts = torch.unique_consecutive(ordered, return_inverse=True, return_counts=True)
    hits = torch.zeros(len(counts), dtype=torch.float64).index_add_(0, tie, correct[order])
    surplus = ordered - (hits / counts)[tie]
    return sum(part.sum().abs().item() for part in torch.tensor_split(surplus, bins)) / len(confidence)


def top_class(probabilities: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(N,) the largest probability of each example, and whether its class is right, as zeros and ones."""
    confidence, predicted = probabilities.max(1)
    return confidence, (predicted == labels).double()
