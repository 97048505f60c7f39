"""What processing does to images: contrast, brightness, resolution, compression. images: (N, C, H, W) in [0, 1]."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from advisor.training.robustness.registry import corruption

if TYPE_CHECKING:
    import torch

BLOCK = 8  # pixels, of compression


@corruption("image", (0.75, 0.6, 0.45, 0.3, 0.2), "share of the contrast that is left")
def contrast(images: torch.Tensor, setting: float, generator: torch.Generator) -> torch.Tensor:
    """Each channel drawn together around its mean, as in haze."""
    del generator
    mean = images.mean((2, 3), keepdim=True)
    return mean.lerp(images, setting).clamp_(0, 1)


@corruption("image", (0.08, 0.16, 0.24, 0.32, 0.40), "what is added, as a share of the range of pixels")
def brightness(images: torch.Tensor, setting: float, generator: torch.Generator) -> torch.Tensor:
    """Every value raised by the same amount and cut off at white, as when exposed too long."""
    del generator
    return (images + setting).clamp_(0, 1)


@corruption("image", (0.9, 0.75, 0.6, 0.45, 0.3), "share of the pixels of a side that are left")
def pixelate(images: torch.Tensor, setting: float, generator: torch.Generator) -> torch.Tensor:
    """Pixels of a coarser grid, each the mean of those that it covers, as from a coarse camera."""
    del generator
    down, across = (_cell_means(side, setting, images) for side in images.shape[2:])
    return (down @ images @ across.T).clamp_(0, 1)


@corruption(
    "image", (0.06, 0.12, 0.20, 0.30, 0.45), "step of the lowest coefficient, which is eight times a block's mean"
)
def compression(images: torch.Tensor, setting: float, generator: torch.Generator) -> torch.Tensor:
    """Frequencies of blocks of 8 x 8 pixels rounded, the higher the coarser, as JPEG does.

    Each channel by itself, with steps that grow evenly with the frequency instead of JPEG's tables.
    """
    import torch
    from torch.nn import functional

    del generator
    count, channels, height, width = images.shape
    padded = functional.pad(images, (0, -width % BLOCK, 0, -height % BLOCK), mode="replicate")
    high, wide = padded.shape[2:]
    blocks = padded.view(count, channels, high // BLOCK, BLOCK, wide // BLOCK, BLOCK).transpose(3, 4)
    number = torch.arange(BLOCK, device=images.device, dtype=images.dtype)
    waves = (math.pi / BLOCK * (number + 0.5) * number.unsqueeze(1)).cos() * math.sqrt(2 / BLOCK)
    waves[0] /= math.sqrt(2)  # rows are orthonormal now
    steps = setting * (1 + (number + number.unsqueeze(1)) / 2)
    rounded = (waves @ blocks @ waves.T / steps).round_() * steps
    restored = (waves.T @ rounded @ waves).transpose(3, 4).reshape(count, channels, high, wide)
    return restored[..., :height, :width].clamp(0, 1)


def _cell_means(side: int, share: float, like: torch.Tensor) -> torch.Tensor:
    """(side, side): what averages pixels in a row within cells, as equal in size as can be; no cells overlap."""
    import torch

    cells = max(1, round(side * share))
    cell = torch.arange(side, device=like.device) * cells // side
    together = (cell == cell.unsqueeze(1)).to(like.dtype)
    return together / together.sum(1, keepdim=True)
