"""Metrics of how a model ranks examples by a score: they stay when the scores are transformed monotonically."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

# Scores that are sorted at once: 32 MiB.
CHUNK_ENTRIES = 2**22


@dataclass(frozen=True)
class Areas:
    """One value for each column of scores.

    `auroc`, (K,): how probably a positive example scores above a negative one, ties counting half; NaN where all
    examples are positive or none is. `average_precision`, (K,): the precision at each threshold, weighted by the recall
    that it adds, with tied examples entering together; 0 where no example is positive.
    """

    auroc: torch.Tensor
    average_precision: torch.Tensor

    @property
    def auroc_macro(self) -> float:
        """The mean over the columns, NaN where one is."""
        return self.auroc.mean().item()

    @property
    def average_precision_macro(self) -> float:
        """The mean over the columns; one without positive examples counts 0."""
        return self.average_precision.mean().item()


def areas(scores: torch.Tensor, positive: torch.Tensor) -> Areas:
    """Both areas of each column on its own. scores: (N, K) float64; positive: (N, K) booleans."""
    import torch

    columns = max(1, CHUNK_ENTRIES // len(scores))
    pairs = zip(torch.split(scores, columns, 1), torch.split(positive, columns, 1), strict=True)
    parts = [_areas(some, marks) for some, marks in pairs]
    return Areas(*(torch.cat(values) for values in zip(*parts, strict=True)))


def _areas(scores: torch.Tensor, positive: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    import torch

    ordered, order = scores.sort(0, descending=True)
    marks = positive.gather(0, order).double()
    hits = marks.cumsum(0)  # positive examples among the highest so many
    taken = torch.arange(1, len(scores) + 1, dtype=torch.float64).unsqueeze(1)
    misses = taken - hits
    # A threshold lies only between different scores: what counts is the last of each tie, and the one before that.
    last = torch.ones_like(positive)
    last[:-1] = ordered[:-1] != ordered[1:]
    hits_before, misses_before = _before(hits * last), _before(misses * last)
    positives, negatives = hits[-1], misses[-1]
    trapezoids = (misses - misses_before) * (hits + hits_before) / 2 * last
    auroc = trapezoids.sum(0) / (positives * negatives)  # 0 / 0 is NaN
    precision = (hits - hits_before) * hits / taken * last
    return auroc, precision.sum(0) / positives.clamp(min=1)


def _before(counts: torch.Tensor) -> torch.Tensor:
    """For each place the largest count above it; 0 at the top."""
    import torch

    return torch.cat([torch.zeros_like(counts[:1]), counts.cummax(0).values[:-1]])
