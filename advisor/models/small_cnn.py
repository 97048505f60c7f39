"""A small convolutional network: three 3x3 convolutions with batch normalization and ReLU, then a linear layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from advisor.contract import Frozen
from advisor.errors import AdvisorError

if TYPE_CHECKING:
    import torch


class SmallCnnArguments(Frozen):
    """Arguments of the model "small_cnn"."""

    width: int = Field(16, ge=1, le=1024, description="channels of the first convolution; later ones double them")


def build_small_cnn(arguments: SmallCnnArguments, input_shape: tuple[int, ...], outputs: int) -> torch.nn.Module:
    """The network for images (N, C, H, W), giving (N, outputs); 8x8 pixels are enough.

    Raises:
        AdvisorError: the inputs are not images.
    """
    from torch import nn

    if len(input_shape) != 3:
        raise AdvisorError(
            f"Model 'small_cnn' needs images of shape (channels, height, width) but one example has shape "
            f"{input_shape}; use 'mlp', or a model entry of your own."
        )
    layers: list[nn.Module] = []
    channels = input_shape[0]
    # Strides instead of pooling: the backward pass of some pooling layers is not deterministic on a GPU.
    for width, stride in ((1, 1), (2, 2), (4, 2)):
        wider = arguments.width * width
        # No bias: batch normalization would subtract it again.
        layers += [
            nn.Conv2d(channels, wider, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(wider),
            nn.ReLU(),
        ]
        channels = wider
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, outputs))
