"""The blocks that the transformers here share: attention and a perceptron, each normalized before it is added.

Attention is written out instead of fused: the backward pass of some fused kernels is not deterministic on a GPU.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from advisor.contract import Frozen

if TYPE_CHECKING:
    import torch


class TransformerArguments(Frozen):
    """Arguments that all transformers here have."""

    width: int = Field(128, ge=8, le=4096, description="features of each token, a multiple of heads")
    depth: int = Field(4, ge=1, le=64, description="number of blocks")
    heads: int = Field(4, ge=1, le=64, description="attention heads")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of what a block adds that is set to zero")

    @model_validator(mode="after")
    def _divides(self) -> TransformerArguments:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is no multiple of heads {self.heads}; change one of them")
        return self


def build_blocks(arguments: TransformerArguments) -> torch.nn.ModuleList:
    """Blocks of (N, T, width), each called with the activations and an optional mask, see `attend`."""
    from torch import nn

    block = _block_class()
    return nn.ModuleList(block(arguments.width, arguments.heads, arguments.dropout) for _ in range(arguments.depth))


def initialise(model: torch.nn.Module, depth: int) -> None:
    """Normal weights of deviation 0.02, biases 0; what is added to the stream smaller by sqrt(2 depth), as in GPT-2."""
    import torch
    from torch import nn

    for name, module in model.named_modules():
        if isinstance(module, (nn.Linear, nn.Embedding)):
            scale = 1 / math.sqrt(2 * depth) if name.endswith((".out", ".down")) else 1.0
            nn.init.normal_(module.weight, std=0.02 * scale)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding) and module.padding_idx is not None:
                with torch.no_grad():
                    module.weight[module.padding_idx].zero_()


def attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, allowed: torch.Tensor | None = None
) -> torch.Tensor:
    """Scaled dot-product attention; all three (N, heads, T, width), and so is the answer.

    `allowed` broadcasts to (N, heads, T, T) and is false where a position must not be looked at; a position that may
    look at nothing looks evenly at all.
    """
    import torch

    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if allowed is not None:
        scores = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min)
    return scores.softmax(-1) @ value


@functools.cache
def _block_class() -> type[torch.nn.Module]:
    from torch import nn

    class Attention(nn.Module):
        """Self-attention with several heads."""

        def __init__(self, width: int, heads: int) -> None:
            super().__init__()
            self.heads = heads
            self.qkv = nn.Linear(width, 3 * width)
            self.out = nn.Linear(width, width)

        def forward(self, hidden: torch.Tensor, allowed: torch.Tensor | None = None) -> torch.Tensor:
            examples, length, width = hidden.shape
            parts = self.qkv(hidden).view(examples, length, 3, self.heads, width // self.heads)
            query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
            mixed = attend(query, key, value, allowed).transpose(1, 2).reshape(examples, length, width)
            answer: torch.Tensor = self.out(mixed)
            return answer

    class Perceptron(nn.Module):
        """Two linear layers with four times the width between them."""

        def __init__(self, width: int) -> None:
            super().__init__()
            self.up = nn.Linear(width, 4 * width)
            self.activation = nn.GELU()
            self.down = nn.Linear(4 * width, width)

        def forward(self, hidden: torch.Tensor) -> torch.Tensor:
            answer: torch.Tensor = self.down(self.activation(self.up(hidden)))
            return answer

    class Block(nn.Module):
        """Attention and perceptron beside the residual stream; dropout, where there is any, before each addition."""

        def __init__(self, width: int, heads: int, dropout: float) -> None:
            super().__init__()
            self.norm1 = nn.LayerNorm(width)
            self.attention = Attention(width, heads)
            self.drop1: nn.Module = nn.Dropout(dropout) if dropout > 0 else nn.Identity()
            self.norm2 = nn.LayerNorm(width)
            self.perceptron = Perceptron(width)
            self.drop2: nn.Module = nn.Dropout(dropout) if dropout > 0 else nn.Identity()

        def forward(self, hidden: torch.Tensor, allowed: torch.Tensor | None = None) -> torch.Tensor:
            hidden = hidden + self.drop1(self.attention(self.norm1(hidden), allowed))
            answer: torch.Tensor = hidden + self.drop2(self.perceptron(self.norm2(hidden)))
            return answer

    return Block
