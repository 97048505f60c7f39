"""What a model must know of the inputs that it gets, and the inputs themselves: prepared, ready for training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

IndexArray = NDArray[np.int64]
DataKind = Literal["class", "multilabel", "real", "token"]
InputKind = Literal["image", "table", "text", "tokens", "other"]


@dataclass(frozen=True)
class InputFacts:
    """The form of the inputs, fixed by the training split alone.

    image: (N, C, H, W) floats in [0, 1]. table: (N, F) floats. The first F - len(categories) columns are numbers:
    standardized ones, indicators of missing values, and categories of few levels as 0 or 1. The last len(categories)
    columns hold codes as whole numbers, each in [0, its cardinality), for an embedding; code 0 stands for all levels
    that training has once or never. text and tokens: (N, T) int64 ids below `vocabulary`; in text `padding` fills up
    short examples, at their end. other: numbers or ids of which no more is known, such as what a user's function gave.
    """

    kind: InputKind
    vocabulary: int | None = None
    categories: tuple[int, ...] = ()
    columns: tuple[str, ...] = ()  # a table's columns by name, as many as F
    padding: int | None = None


@dataclass(frozen=True)
class Prepared:
    """All examples as a model gets them; what was fitted for this was fitted on the training split alone.

    inputs: (N, ...) floats, uint8 pixels, or int64 ids. targets: as in `Dataset`. `outputs`: how many numbers a model
    gives for one example, or for one token. `scale`: what pixels are multiplied with when they become floats.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    facts: InputFacts
    outputs: int
    kind: DataKind
    scale: float = 1.0

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one example, without the batch."""
        return tuple(self.inputs.shape[1:])

    def part(self, index: IndexArray, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        """The inputs and targets of some examples: numbers as `dtype`, pixels scaled, ids and class indices int64."""
        import torch

        rows = torch.from_numpy(index)
        inputs, targets = self.inputs[rows], self.targets[rows]
        if inputs.dtype == torch.uint8:
            inputs = inputs.to(dtype).mul_(self.scale)
        elif inputs.is_floating_point():
            inputs = inputs.to(dtype)
        return inputs, targets.to(dtype) if self.kind in ("real", "multilabel") else targets
