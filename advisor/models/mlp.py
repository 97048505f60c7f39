"""A plain multi-layer perceptron: flatten, then `depth` hidden layers of `width` units with ReLU."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import Field

from advisor.contract import Frozen

if TYPE_CHECKING:
    import torch


class MlpArguments(Frozen):
    """Arguments of the model "mlp"."""

    width: int = Field(128, ge=1, le=8192, description="units in each hidden layer")
    depth: int = Field(2, ge=1, le=32, description="number of hidden layers")


def build_mlp(arguments: MlpArguments, input_shape: tuple[int, ...], outputs: int) -> torch.nn.Module:
    """The network for inputs (N, *input_shape), giving (N, outputs)."""
    from torch import nn

    layers: list[nn.Module] = [nn.Flatten()]
    features = math.prod(input_shape)
    for _ in range(arguments.depth):
        layers += [nn.Linear(features, arguments.width), nn.ReLU()]
        features = arguments.width
    return nn.Sequential(*layers, nn.Linear(features, outputs))
