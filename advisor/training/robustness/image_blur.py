"""Blur of images, as from a lens out of focus or a moving camera. images: (N, C, H, W) in [0, 1].

Settings are pixels for images whose shorter side is 32; for others they grow with the root of the side, because
larger images show the same things in finer detail but not in proportion. Beyond its border an image goes on as it ends.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from advisor.training.robustness.registry import corruption

if TYPE_CHECKING:
    import torch

USUAL_SIDE = 32
REACH = 3  # standard deviations of the bell that count


@corruption("image", (0.5, 0.75, 1.0, 1.3, 1.7), "standard deviation in pixels, at 32 pixels a side")
def gaussian_blur(images: torch.Tensor, setting: float, generator: torch.Generator) -> torch.Tensor:
    """Each pixel averaged with its neighbours under a bell, as out of focus."""
    import torch
    from torch.nn import functional

    del generator
    deviation = _pixels(setting, images)
    reach = math.ceil(REACH * deviation)
    places = torch.arange(-reach, reach + 1, device=images.device, dtype=images.dtype)
    bell = (-0.5 * (places / deviation).square()).exp()
    bell = bell / bell.sum()
    planes = images.reshape(-1, 1, *images.shape[2:])
    across = functional.conv2d(functional.pad(planes, (reach, reach, 0, 0), mode="replicate"), bell.view(1, 1, 1, -1))
    blurred = functional.conv2d(functional.pad(across, (0, 0, reach, reach), mode="replicate"), bell.view(1, 1, -1, 1))
    return blurred.view(images.shape).clamp_(0, 1)


@corruption("image", (1.5, 2.5, 3.5, 5.0, 6.5), "length of the path in pixels, at 32 pixels a side")
def motion_blur(images: torch.Tensor, setting: float, generator: torch.Generator) -> torch.Tensor:
    """Each image averaged along a straight path in a direction of its own, as from a moving camera."""
    import torch
    from torch.nn import functional

    count, _, height, width = images.shape
    length = _pixels(setting, images)
    # at most one pixel apart, centred on the image's own place
    steps = math.ceil(length) + 1
    offsets = [length * (step / (steps - 1) - 0.5) for step in range(steps)]
    angle = torch.rand(count, generator=generator, device=images.device, dtype=images.dtype) * math.pi
    # grid_sample counts from -1 to 1 over the whole side
    x = (torch.arange(width, device=images.device, dtype=images.dtype) * 2 + 1) / width - 1
    y = ((torch.arange(height, device=images.device, dtype=images.dtype) * 2 + 1) / height - 1).unsqueeze(1)
    by_x, by_y = (angle.cos() * 2 / width).view(-1, 1, 1), (angle.sin() * 2 / height).view(-1, 1, 1)
    total = torch.zeros_like(images)
    for offset in offsets:
        places = [(x + by_x * offset).expand(count, height, width), (y + by_y * offset).expand(count, height, width)]
        total += functional.grid_sample(
            images, torch.stack(places, -1), mode="bilinear", padding_mode="border", align_corners=False
        )
    return total.div_(steps).clamp_(0, 1)


def _pixels(setting: float, images: torch.Tensor) -> float:
    return setting * math.sqrt(min(images.shape[2:]) / USUAL_SIDE)
