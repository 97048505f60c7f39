"""A small language model: a causal transformer that predicts the next token at every place (Radford et al. 2019)."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from pydantic import Field

from advisor.models.task import ModelTask, NamedModel
from advisor.models.transformer import TransformerArguments, build_blocks, initialise

if TYPE_CHECKING:
    import torch


class GptMiniArguments(TransformerArguments):
    """Arguments of the model "gpt_mini"."""

    tied: bool = Field(True, description="the last layer uses the embeddings' weights")


def build_gpt_mini(arguments: GptMiniArguments, task: ModelTask) -> torch.nn.Module:
    """The network for ids (N, T), giving (N, T, outputs): what follows each token, from it and those before it.

    Raises:
        AdvisorError: the inputs are not ids.
    """
    length, vocabulary, _ = task.ids("gpt_mini")
    model = _gpt_class()(arguments, length, vocabulary, task.outputs)
    initialise(model, arguments.depth)
    return model


@functools.cache
def _gpt_class() -> type[torch.nn.Module]:
    import torch
    from torch import nn

    class Gpt(nn.Module):
        """Ids (N, T) to (N, T, outputs)."""

        causal: torch.Tensor

        def __init__(self, arguments: GptMiniArguments, length: int, vocabulary: int, outputs: int) -> None:
            super().__init__()
            self.embedding = nn.Embedding(vocabulary, arguments.width)
            self.positions = nn.Parameter(torch.randn(1, length, arguments.width) * 0.02)
            self.blocks = build_blocks(arguments)
            self.norm = nn.LayerNorm(arguments.width)
            self.head = nn.Linear(arguments.width, outputs, bias=False)
            if arguments.tied and outputs == vocabulary:
                self.head.weight = self.embedding.weight
            self.register_buffer("causal", torch.ones(length, length, dtype=torch.bool).tril(), persistent=False)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            length = ids.shape[1]
            hidden = self.embedding(ids) + self.positions[:, :length]
            for block in self.blocks:
                hidden = block(hidden, self.causal[:length, :length])
            answer: torch.Tensor = self.head(self.norm(hidden))
            return answer

    return Gpt


MODEL = NamedModel(
    name="gpt_mini",
    title="a small causal transformer that predicts the next token",
    arguments=GptMiniArguments,
    build=build_gpt_mini,
    reads=frozenset({"tokens", "text", "other"}),
    kinds=frozenset({"token"}),
)
