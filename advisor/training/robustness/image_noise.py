"""Noise on images, as from poor light, few photons or broken sensors. images: (N, C, H, W) in [0, 1]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.training.robustness.registry import corruption

if TYPE_CHECKING:
    import torch


@corruption("image", (0.04, 0.08, 0.12, 0.18, 0.26), "standard deviation, as a share of the range of pixels")
def gaussian_noise(images: torch.Tensor, setting: float, generator: torch.Generator) -> torch.Tensor:
    """Gaussian noise on every value, as in poor light."""
    import torch

    noise = torch.randn(images.shape, generator=generator, device=images.device, dtype=images.dtype)
    return noise.mul_(setting).add_(images).clamp_(0, 1)


@corruption("image", (250, 100, 50, 25, 12), "photons that make a pixel white")
def shot_noise(images: torch.Tensor, setting: float, generator: torch.Generator) -> torch.Tensor:
    """Poisson noise, stronger where it is bright, as when few photons are counted."""
    import torch

    return torch.poisson(images * setting, generator=generator).div_(setting).clamp_(0, 1)


@corruption("image", (0.01, 0.03, 0.06, 0.10, 0.17), "share of values that are lost")
def impulse_noise(images: torch.Tensor, setting: float, generator: torch.Generator) -> torch.Tensor:
    """Single values turned black or white, as by broken sensors or bit errors."""
    import torch

    drawn = torch.rand(images.shape, generator=generator, device=images.device, dtype=images.dtype)
    return torch.where(drawn < setting, (drawn < setting / 2).to(images.dtype), images)
