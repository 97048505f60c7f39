"""Faults of tables. rows: (N, F) float64 as the source has them, NaN where missing, words as their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.training.robustness.registry import corruption

if TYPE_CHECKING:
    import torch

SHARES = (0.05, 0.10, 0.20, 0.30, 0.50)


@dataclass(frozen=True)
class Columns:
    """What the columns are. levels: (F,) int64, how many words a column has; 0 for numbers.

    deviations: (F,) float64, the standard deviation of numbers in training; 0 for words.
    """

    levels: torch.Tensor
    deviations: torch.Tensor


@corruption("table", SHARES, "share of cells")
def missing_values(rows: torch.Tensor, setting: float, generator: torch.Generator, columns: Columns) -> torch.Tensor:
    """Cells without a value, which are encoded as missing ones of the training split would be."""
    del columns
    return rows.masked_fill(_drawn(rows, generator) < setting, float("nan"))


@corruption("numbers", (0.1, 0.2, 0.4, 0.7, 1.0), "standard deviations of the column in training")
def number_noise(rows: torch.Tensor, setting: float, generator: torch.Generator, columns: Columns) -> torch.Tensor:
    """Gaussian noise on numbers, as from poor measurements."""
    import torch

    noise = torch.randn(rows.shape, generator=generator, device=rows.device, dtype=rows.dtype)
    return torch.where(columns.levels == 0, rows + noise * (setting * columns.deviations), rows)


@corruption("categories", SHARES, "share of cells")
def replaced_categories(
    rows: torch.Tensor, setting: float, generator: torch.Generator, columns: Columns
) -> torch.Tensor:
    """Another word of the column in the place of a word, all alike likely, as from wrong entries."""
    import torch

    others = (columns.levels - 1).clamp(min=0)
    shift = (_drawn(rows, generator) * others).floor() + 1
    hit = (_drawn(rows, generator) < setting) & (columns.levels > 1) & ~rows.isnan()
    return torch.where(hit, (rows + shift) % columns.levels.clamp(min=1), rows)


def _drawn(rows: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    import torch

    return torch.rand(rows.shape, generator=generator, device=rows.device, dtype=rows.dtype)
