"""A small vision transformer for small images (Dosovitskiy et al. 2021): patches, blocks, the mean of all tokens."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from pydantic import Field

from advisor.errors import AdvisorError
from advisor.models.task import ModelTask, NamedModel
from advisor.models.transformer import TransformerArguments, build_blocks, initialise

if TYPE_CHECKING:
    import torch


class VitTinyArguments(TransformerArguments):
    """Arguments of the model "vit_tiny"."""

    depth: int = Field(6, ge=1, le=64, description="number of blocks")
    patch_size: int | None = Field(
        None,
        ge=1,
        le=64,
        description="pixels of a patch's side; where not given, the smallest that gives 9 to 64 patches",
    )


def choose_patch_size(height: int, width: int) -> int | None:
    """The smallest size that cuts the image into 9 to 64 equal patches, single pixels last; None where none does."""
    sizes: tuple[int, ...] = (*range(2, 65), 1)
    for size in sizes:
        if height % size == 0 and width % size == 0 and 9 <= (height // size) * (width // size) <= 64:
            return size
    return None


def build_vit_tiny(arguments: VitTinyArguments, task: ModelTask) -> torch.nn.Module:
    """The network for images (N, C, H, W), giving (N, outputs).

    Raises:
        AdvisorError: the inputs are not images, or patches of this size do not cover them.
    """
    channels, height, width = task.image("vit_tiny")
    size = arguments.patch_size or choose_patch_size(height, width)
    if size is None or height % size or width % size:
        raise AdvisorError(
            f"Model 'vit_tiny' cannot cut images of {height}x{width} pixels into patches of "
            f"{size or 'a size up to 64'}; set patch_size to a divisor of both sides, or resize the images."
        )
    model = _vit_class()(arguments, channels, (height // size) * (width // size), size, task.outputs)
    initialise(model, arguments.depth)
    return model


@functools.cache
def _vit_class() -> type[torch.nn.Module]:
    import torch
    from torch import nn

    class VisionTransformer(nn.Module):
        """Images (N, C, H, W) to (N, outputs)."""

        def __init__(
            self, arguments: VitTinyArguments, channels: int, patches: int, patch_size: int, outputs: int
        ) -> None:
            super().__init__()
            self.patches = nn.Conv2d(channels, arguments.width, patch_size, stride=patch_size)
            self.positions = nn.Parameter(torch.randn(1, patches, arguments.width) * 0.02)
            self.blocks = build_blocks(arguments)
            self.norm = nn.LayerNorm(arguments.width)
            self.head = nn.Linear(arguments.width, outputs)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            hidden = self.patches(images).flatten(2).transpose(1, 2) + self.positions
            for block in self.blocks:
                hidden = block(hidden)
            answer: torch.Tensor = self.head(self.norm(hidden).mean(1))
            return answer

    return VisionTransformer


MODEL = NamedModel(
    name="vit_tiny",
    title="a small vision transformer, for images of 8 to 64 pixels",
    arguments=VitTinyArguments,
    build=build_vit_tiny,
    reads=frozenset({"image", "other"}),
)
