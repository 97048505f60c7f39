"""Selective prediction: how well the confidence tells which answers to trust and which to withhold.

A model that answers only its n most confident examples of N has coverage n / N, and their error rate is the selective
risk (El-Yaniv & Wiener 2010). Among examples of equal confidence chance decides which are answered; the values are the
expectation over it, so that the order of the examples plays no part.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

FIFTHS = 4  # of the examples that are answered: a coverage of 0.8


def risk_coverage_area(confidence: torch.Tensor, correct: torch.Tensor) -> float:
    """The area under the risk-coverage curve (AURC, Geifman et al. 2019): the mean selective risk over all coverages.

    0 where all are right, 1 where none is, the error rate where all are equally confident, NaN of no examples.
    confidence: (N,); correct: (N,) zeros and ones, float64.
    """
    import torch

    if len(confidence) == 0:
        return math.nan
    answered = torch.arange(1, len(confidence) + 1, dtype=torch.float64)
    return (1 - _expected_hits(confidence, correct) / answered).mean().item()


def selective_accuracy(confidence: torch.Tensor, correct: torch.Tensor) -> float:
    """The accuracy of the four fifths of the examples that are most confident, rounded up; NaN of no examples.

    confidence: (N,); correct: (N,) zeros and ones, float64.
    """
    if len(confidence) == 0:
        return math.nan
    answered = -(-len(confidence) * FIFTHS // 5)
    return _expected_hits(confidence, correct)[answered - 1].item() / answered


def _expected_hits(confidence: torch.Tensor, correct: torch.Tensor) -> torch.Tensor:
    """(N,) how many of the n most confident are right, for n = 1 to N; within a tie it grows evenly."""
    import torch

    ordered, order = confidence.sort(descending=True, stable=True)
    _, tie, counts = torch.unique_consecutive(ordered, return_inverse=True, return_counts=True)
    hits = torch.zeros(len(counts), dtype=torch.float64).index_add_(0, tie, correct[order])
    before, start = hits.cumsum(0) - hits, counts.cumsum(0) - counts
    inside = torch.arange(1, len(ordered) + 1) - start[tie]
    expected: torch.Tensor = before[tie] + hits[tie] * inside / counts[tie]
    return expected
