"""A small transformer encoder for text: learned positions, blocks that pass padding over, the mean of all tokens."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from advisor.models.task import ModelTask, NamedModel
from advisor.models.transformer import TransformerArguments, build_blocks, initialise

if TYPE_CHECKING:
    import torch


class TextTransformerArguments(TransformerArguments):
    """Arguments of the model "text_transformer"."""


def build_text_transformer(arguments: TextTransformerArguments, task: ModelTask) -> torch.nn.Module:
    """The network for ids (N, T), giving (N, outputs); how much padding follows a text changes nothing.

    Raises:
        AdvisorError: the inputs are not ids.
    """
    length, vocabulary, padding = task.ids("text_transformer")
    model = _text_transformer_class()(arguments, length, vocabulary, padding, task.outputs)
    initialise(model, arguments.depth)
    return model


@functools.cache
def _text_transformer_class() -> type[torch.nn.Module]:
    import torch
    from torch import nn

    class TextTransformer(nn.Module):
        """Ids (N, T) to (N, outputs)."""

        def __init__(
            self, arguments: TextTransformerArguments, length: int, vocabulary: int, padding: int | None, outputs: int
        ) -> None:
            super().__init__()
            self.padding = padding
            self.embedding = nn.Embedding(vocabulary, arguments.width, padding_idx=padding)
            self.positions = nn.Parameter(torch.randn(1, length, arguments.width) * 0.02)
            self.blocks = build_blocks(arguments)
            self.norm = nn.LayerNorm(arguments.width)
            self.head = nn.Linear(arguments.width, outputs)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            hidden = self.embedding(ids) + self.positions[:, : ids.shape[1]]
            real = None if self.padding is None else ids != self.padding
            allowed = None if real is None else real[:, None, None, :]
            for block in self.blocks:
                hidden = block(hidden, allowed)
            hidden = self.norm(hidden)
            if real is None:
                mean = hidden.mean(1)
            else:
                share = real.to(hidden.dtype).unsqueeze(-1)
                mean = (hidden * share).sum(1) / share.sum(1).clamp(min=1)
            answer: torch.Tensor = self.head(mean)
            return answer

    return TextTransformer


MODEL = NamedModel(
    name="text_transformer",
    title="a small transformer encoder, for text",
    arguments=TextTransformerArguments,
    build=build_text_transformer,
    reads=frozenset({"text", "tokens"}),
)
