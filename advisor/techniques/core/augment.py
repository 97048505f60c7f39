"""Random operations on a batch of images, each image by its own draw, as RandAugment, AugMix and their kin share them.

The draws are made on the host, so that images of the same operation can be taken together without waiting for the
device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from advisor.techniques.core.augmentation_spaces import Space
from advisor.techniques.core.image_ops import Interpolation, apply_ops

if TYPE_CHECKING:
    import torch

ONE_POLICY = (
    "each is a whole policy of distortions, and one upon the other is stronger than either was tuned for; compare them "
    "as two arms"
)


def draw_ops(
    draws: np.random.Generator, space: Space, levels: np.ndarray, size: tuple[int, int], bins: int
) -> tuple[list[str], np.ndarray]:
    """An operation of the space for each image, all alike likely, with its magnitude and a random sign.

    levels: (N,) integers in [0, bins), the bin of each image's magnitude. size: height and width. Returns N names and
    (N,) magnitudes.
    """
    names = list(space)
    table = np.array([space[name].magnitudes(*size, bins) for name in names])
    signed = np.array([space[name].signed for name in names])
    chosen = draws.integers(len(names), size=len(levels))
    negative = (draws.random(len(levels)) < 0.5) & signed[chosen]
    magnitudes = table[chosen, levels]
    return [names[number] for number in chosen], np.where(negative, -magnitudes, magnitudes)


def change(
    images: torch.Tensor, names: list[str], magnitudes: np.ndarray, interpolation: Interpolation = "nearest"
) -> torch.Tensor:
    """Each image by its own operation. images: (N, C, H, W) in [0, 1]; magnitudes: (N,), on the host."""
    return apply_ops(images, names, on_device(magnitudes, images), interpolation=interpolation)


def on_device(values: np.ndarray, like: torch.Tensor) -> torch.Tensor:
    """Numbers of the host as a tensor of the type and on the device of `like`; a copy that nothing waits for."""
    import torch

    # Not from_numpy, whose result has values even where a step is traced.
    return torch.tensor(values.tolist(), dtype=like.dtype).to(like.device, non_blocking=True)


def chains(
    images: torch.Tensor, draws: np.random.Generator, space: Space, *, severity: int, width: int, depth: int
) -> torch.Tensor:
    """`width` changed copies of each image, each after a chain of operations: (width, N, C, H, W).

    images: (N, C, H, W) in [0, 1]. severity: magnitudes are drawn from this many of the lowest of 10 bins. depth: of
    each chain; 0 draws 1, 2 or 3 for each.
    """
    count, size = width * len(images), (images.shape[2], images.shape[3])
    depths = draws.integers(1, 4, size=count) if depth == 0 else np.full(count, depth)
    changed = images.repeat(width, 1, 1, 1)
    for place in range(3 if depth == 0 else depth):
        names, magnitudes = draw_ops(draws, space, draws.integers(severity, size=count), size, bins=10)
        names = [name if place < end else "identity" for name, end in zip(names, depths, strict=True)]
        changed = change(changed, names, magnitudes, "bilinear")
    return changed.view(width, *images.shape)
