"""A perceptron for tables: numbers on learned frequencies, categories as embeddings (Gorishniy et al. 2021, 2022).

A number goes in as it is and as sines and cosines of itself at learned frequencies, which lets a few layers draw sharp
and uneven boundaries along one column, where plain perceptrons fall behind trees.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

from pydantic import Field

from advisor.contract import Frozen
from advisor.errors import AdvisorError
from advisor.models.mlp import MlpArguments, hidden_layers
from advisor.models.task import ModelTask, NamedModel

if TYPE_CHECKING:
    import torch


class TableMlpArguments(Frozen):
    """Arguments of the model "table_mlp"."""

    width: int = Field(256, ge=1, le=8192, description="units in each hidden layer")
    depth: int = Field(3, ge=1, le=32, description="number of hidden layers")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of hidden units set to zero after each activation")
    frequencies: int = Field(16, ge=0, le=512, description="of each number; 0 takes numbers as they are")
    frequency_scale: float = Field(
        0.1, gt=0, le=100, allow_inf_nan=False, description="spread of the frequencies at the start, in cycles per unit"
    )
    embedding: int = Field(8, ge=1, le=256, description="features made of the frequencies of each number")


def category_width(levels: int) -> int:
    """How many numbers embed a category of so many levels: 2 for two, 16 for sixty, never more than 64."""
    return min(64, max(2, round(1.6 * math.pow(levels, 0.56))))


def build_table_mlp(arguments: TableMlpArguments, task: ModelTask) -> torch.nn.Module:
    """The network for rows (N, F) whose last columns hold the codes of the categories, giving (N, outputs).

    Raises:
        AdvisorError: the inputs are not rows of a table.
    """
    from torch import nn

    if len(task.input_shape) != 1:
        raise AdvisorError(
            f"Model 'table_mlp' needs the columns of a table but one example has shape {task.input_shape}; use 'mlp', "
            "or a model for images."
        )
    levels = task.facts.categories if task.facts is not None else ()
    columns, features = _build_columns(task.input_shape[0] - len(levels), levels, arguments)
    trunk = MlpArguments(width=arguments.width, depth=arguments.depth, dropout=arguments.dropout)
    layers = hidden_layers(features, trunk)
    return nn.Sequential(columns, *layers, nn.Linear(arguments.width, task.outputs))


def _build_columns(numbers: int, levels: tuple[int, ...], arguments: TableMlpArguments) -> tuple[torch.nn.Module, int]:
    """The first layer, and how many features it gives."""
    of_numbers = numbers * (1 + (arguments.embedding if arguments.frequencies else 0))
    return _columns_class()(numbers, levels, arguments), of_numbers + sum(map(category_width, levels))


@functools.cache
def _columns_class() -> type[torch.nn.Module]:
    import torch
    from torch import nn

    class Columns(nn.Module):
        """(N, F) to (N, features): the numbers, what their frequencies give, and the categories' embeddings."""

        def __init__(self, numbers: int, levels: tuple[int, ...], arguments: TableMlpArguments) -> None:
            super().__init__()
            self.numbers, self.levels = numbers, levels
            self.periodic = numbers > 0 and arguments.frequencies > 0
            if self.periodic:
                spread = torch.randn(numbers, arguments.frequencies) * arguments.frequency_scale
                self.frequencies = nn.Parameter(spread)
                bound = 1 / math.sqrt(2 * arguments.frequencies)
                weight = torch.empty(numbers, 2 * arguments.frequencies, arguments.embedding).uniform_(-bound, bound)
                self.weight = nn.Parameter(weight)
            self.tables = nn.ModuleList(nn.Embedding(count, category_width(count)) for count in levels)

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            numbers = rows[:, : self.numbers]
            parts = [numbers]
            if self.periodic:
                angles = 2 * math.pi * self.frequencies * numbers.unsqueeze(-1)
                waves = torch.cat([angles.sin(), angles.cos()], -1)  # (N, numbers, 2 frequencies)
                parts.append(torch.einsum("nfk,fke->nfe", waves, self.weight).relu().flatten(1))
            for place, (count, table) in enumerate(zip(self.levels, self.tables, strict=True)):
                # Rounded and kept in bounds: augmentation may have moved a code that it took for a number.
                codes = rows[:, self.numbers + place].round().long().clamp(0, count - 1)
                parts.append(table(codes))
            return torch.cat(parts, 1)

    return Columns


MODEL = NamedModel(
    name="table_mlp",
    title="a perceptron over numbers on learned frequencies and embedded categories, for tables",
    arguments=TableMlpArguments,
    build=build_table_mlp,
    reads=frozenset({"table", "other"}),
)
