"""A plain multi-layer perceptron: flatten, then `depth` hidden layers of `width` units with ReLU."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from advisor.contract import Frozen
from advisor.errors import AdvisorError
from advisor.models.task import ModelTask, NamedModel

if TYPE_CHECKING:
    import torch


class MlpArguments(Frozen):
    """Arguments of the model "mlp"."""

    width: int = Field(128, ge=1, le=8192, description="units in each hidden layer")
    depth: int = Field(2, ge=1, le=32, description="number of hidden layers")
    normalization: Literal["none", "batch", "layer"] = Field("none", description="after each hidden linear layer")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of hidden units set to zero after each activation")


def hidden_layers(features: int, arguments: MlpArguments) -> list[torch.nn.Module]:
    """Linear, perhaps normalization, ReLU and perhaps dropout, `depth` times. `features`: what the first one reads."""
    from torch import nn

    norms = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}
    layers: list[nn.Module] = []
    for _ in range(arguments.depth):
        layers.append(nn.Linear(features, arguments.width))
        if arguments.normalization != "none":
            layers.append(norms[arguments.normalization](arguments.width))
        layers.append(nn.ReLU())
        if arguments.dropout > 0:
            layers.append(nn.Dropout(arguments.dropout))
        features = arguments.width
    return layers


def build_mlp(arguments: MlpArguments, task: ModelTask) -> torch.nn.Module:
    """The network for inputs (N, *input_shape), giving (N, outputs).

    Raises:
        AdvisorError: a table holds the codes of categories, which are no quantities.
    """
    from torch import nn

    if task.facts is not None and task.facts.categories:
        names = ", ".join(task.facts.columns[-len(task.facts.categories) :][:3])
        raise AdvisorError(
            f"Model 'mlp' would take the codes of {len(task.facts.categories)} columns of categories ({names}) for "
            "quantities; use 'table_mlp', which embeds them."
        )
    layers = hidden_layers(math.prod(task.input_shape), arguments)
    return nn.Sequential(nn.Flatten(), *layers, nn.Linear(arguments.width, task.outputs))


MODEL = NamedModel(
    name="mlp",
    title="a plain multi-layer perceptron over all numbers of an example",
    arguments=MlpArguments,
    build=build_mlp,
    reads=frozenset({"image", "table", "other"}),
)
