"""What techniques for images ask of a batch, and the way from the range of its pixels to [0, 1] and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.errors import AdvisorError

if TYPE_CHECKING:
    import torch


def why_no_image(technique: str, input_shape: tuple[int, ...]) -> str | None:
    """Why one example is no image (C, H, W), or None; an unknown shape, (), is left to `check_images`."""
    if input_shape and len(input_shape) != 3:
        return f"{technique} needs images of shape (channels, height, width) but one example has {input_shape}"
    return None


def why_no_colour(technique: str, input_shape: tuple[int, ...]) -> str | None:
    """Why images of this shape have no colours to change, or None; those of an unknown shape, (), are not refused."""
    if input_shape and input_shape[0] not in (1, 3):
        return f"{technique} needs images of 1 or 3 channels to change their colours but got {input_shape[0]}"
    return None


def check_images(technique: str, inputs: torch.Tensor) -> None:
    """Refuse a batch that is not (N, C, H, W) floats.

    Raises:
        AdvisorError: it is not.
    """
    if inputs.ndim != 4 or not inputs.is_floating_point():
        raise AdvisorError(
            f"{technique} needs a batch of images (N, channels, height, width) of floats but got "
            f"{tuple(inputs.shape)} {inputs.dtype}; convert them, or leave {technique} out of this arm."
        )


def to_unit(images: torch.Tensor, input_range: tuple[float, float]) -> torch.Tensor:
    """Pixels from `input_range` (low, high) to [0, 1]; what lies outside is clipped."""
    low, high = input_range
    if (low, high) == (0.0, 1.0):
        return images.clamp(0, 1)
    return ((images - low) / (high - low)).clamp_(0, 1)


def from_unit(images: torch.Tensor, input_range: tuple[float, float]) -> torch.Tensor:
    """Pixels from [0, 1] back to `input_range` (low, high)."""
    low, high = input_range
    if (low, high) == (0.0, 1.0):
        return images
    return images * (high - low) + low
