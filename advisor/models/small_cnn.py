"""A small convolutional network: three 3x3 convolutions with batch normalization and ReLU, then a linear layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from advisor.contract import Frozen
from advisor.models.task import ModelTask, NamedModel

if TYPE_CHECKING:
    import torch


class SmallCnnArguments(Frozen):
    """Arguments of the model "small_cnn"."""

    width: int = Field(16, ge=1, le=1024, description="channels of the first convolution; later ones double them")


def build_small_cnn(arguments: SmallCnnArguments, task: ModelTask) -> torch.nn.Module:
    """The network for images (N, C, H, W), giving (N, outputs); 8x8 pixels are enough.

    Raises:
        AdvisorError: the inputs are not images.
    """
    from torch import nn

    channels, _, _ = task.image("small_cnn")
    layers: list[nn.Module] = []
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
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, task.outputs))


MODEL = NamedModel(
    name="small_cnn",
    title="three convolutions with batch normalization, for small images",
    arguments=SmallCnnArguments,
    build=build_small_cnn,
    reads=frozenset({"image", "other"}),
)
