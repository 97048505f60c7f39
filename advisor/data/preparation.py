"""From raw inputs to what a model gets: the one place where anything is fitted, and on the training split alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from advisor.data.facts import DataKind, IndexArray, InputFacts, InputKind, Prepared

if TYPE_CHECKING:
    import torch


class Preparation(Protocol):
    """How one kind of raw inputs is prepared."""

    @property
    def kind(self) -> InputKind:
        """What the inputs are."""

    def describe(self) -> str:
        """All that decides the outcome beside the raw inputs, for the fingerprint."""

    def fit(
        self, inputs: torch.Tensor, targets: torch.Tensor, kind: DataKind, outputs: int, train: IndexArray
    ) -> Prepared:
        """All examples prepared; only those at `train` may influence what is fitted."""


@dataclass(frozen=True)
class AsTheyAre:
    """Nothing is fitted. Pixels of 0..255 (uint8) are scaled to [0, 1] when they become floats."""

    kind: InputKind = "other"

    def describe(self) -> str:
        """Nothing but the kind."""
        return f"as they are: {self.kind}"

    def fit(
        self, inputs: torch.Tensor, targets: torch.Tensor, kind: DataKind, outputs: int, train: IndexArray
    ) -> Prepared:
        """The inputs themselves."""
        return Prepared(inputs, targets, InputFacts(self.kind), outputs, kind, scale=1 / 255)


@dataclass(frozen=True)
class TokenIds:
    """Ids in [0, vocabulary) that the source's own tokenizer gave; nothing is fitted."""

    vocabulary: int
    kind: InputKind = "tokens"

    def describe(self) -> str:
        """The size of the vocabulary."""
        return f"ids: {self.vocabulary}"

    def fit(
        self, inputs: torch.Tensor, targets: torch.Tensor, kind: DataKind, outputs: int, train: IndexArray
    ) -> Prepared:
        """The ids themselves; a model predicts over the same vocabulary."""
        return Prepared(inputs, targets, InputFacts("tokens", vocabulary=self.vocabulary), self.vocabulary, kind)


@dataclass(frozen=True)
class Standardized:
    """The columns of (N, F) floats brought to mean 0 and deviation 1 by the training split's statistics."""

    columns: tuple[str, ...] = ()
    kind: InputKind = "table"

    def describe(self) -> str:
        """The columns' names."""
        return f"standardized: {self.columns}"

    def fit(
        self, inputs: torch.Tensor, targets: torch.Tensor, kind: DataKind, outputs: int, train: IndexArray
    ) -> Prepared:
        """The inputs; a column that is constant in training is 0 everywhere."""
        return Prepared(standardize(inputs, train), targets, InputFacts("table", columns=self.columns), outputs, kind)


def standardize(inputs: torch.Tensor, train: IndexArray) -> torch.Tensor:
    """Columns of mean 0 and deviation 1 over `train`, as float32; computed in float64. inputs: (N, F).

    A column that is constant there is 0 everywhere: no weight of it is trained, so another value elsewhere, in a unit
    of which nothing is known, would be noise to the model.
    """
    scaled, constant = _scaled(inputs, train)
    return scaled.masked_fill(constant, 0)


def standardize_targets(targets: torch.Tensor, train: IndexArray) -> torch.Tensor:
    """The same for (N,) or (N, D) targets, of which a constant one keeps its differences elsewhere."""
    return _scaled(targets, train)[0]


def _scaled(values: torch.Tensor, train: IndexArray) -> tuple[torch.Tensor, torch.Tensor]:
    """The values in deviations from the mean, and which columns are constant, whose deviation counts as 1."""
    import torch

    rows = values[torch.from_numpy(train)].double()
    mean, deviation = rows.mean(0), rows.std(0, correction=0)
    constant = rows.amin(0) == rows.amax(0)  # not by the deviation, which rounding leaves above 0
    deviation = torch.where(constant | (deviation == 0), torch.ones_like(deviation), deviation)
    return ((values.double() - mean) / deviation).float(), constant
