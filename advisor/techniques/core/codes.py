"""Rows of a table of which the last columns hold codes of categories: names written as numbers, with no in-between."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def split_codes(rows: torch.Tensor, category_columns: int) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The columns of numbers and those of codes, (N, F - K) and (N, K); all inputs and None where K is 0.

    rows: (N, F). Inputs of another form have no columns, and all of them are numbers.
    """
    if category_columns == 0 or rows.ndim != 2:
        return rows, None
    numbers = rows.shape[1] - category_columns
    return rows[:, :numbers], rows[:, numbers:]


def join_codes(numbers: torch.Tensor, codes: torch.Tensor | None) -> torch.Tensor:
    """What `split_codes` took apart."""
    import torch

    return numbers if codes is None else torch.cat([numbers, codes], 1)
