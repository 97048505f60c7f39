"""A small residual network for images of 8 to 64 pixels: a 3x3 stem and three stages (He et al. 2016, section 4.2).

The last normalization of each block starts at zero, so that every block starts as the identity (Goyal et al. 2017).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from advisor.contract import Frozen
from advisor.models.task import ModelTask, NamedModel

if TYPE_CHECKING:
    import torch


class ResNetArguments(Frozen):
    """Arguments of the model "resnet"."""

    width: int = Field(32, ge=4, le=1024, description="channels of the first stage; each later one doubles them")
    depth: int = Field(1, ge=1, le=32, description="residual blocks in each of the three stages")
    normalization: Literal["batch", "group"] = Field("batch", description="group does not depend on the batch")


def build_resnet(arguments: ResNetArguments, task: ModelTask) -> torch.nn.Module:
    """The network for images (N, C, H, W), giving (N, outputs).

    Raises:
        AdvisorError: the inputs are not images.
    """
    from torch import nn

    channels, _, _ = task.image("resnet")
    block, norm = _block_class(), functools.partial(_norm, arguments.normalization)
    width = arguments.width
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1, bias=False), norm(width), nn.ReLU()]
    narrow = width
    for stage in range(3):
        blocks = []
        for place in range(arguments.depth):
            blocks.append(block(narrow, width * 2**stage, 2 if stage > 0 and place == 0 else 1, norm))
            narrow = width * 2**stage
        layers.append(nn.Sequential(*blocks))
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(narrow, task.outputs))
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, (nn.BatchNorm2d, nn.GroupNorm)) and name.endswith(".norm2"):
            nn.init.zeros_(module.weight)
    return model


def _norm(kind: str, channels: int) -> torch.nn.Module:
    from torch import nn

    if kind == "batch":
        return nn.BatchNorm2d(channels)
    groups = next(count for count in (8, 4, 2, 1) if channels % count == 0)
    return nn.GroupNorm(groups, channels)


@functools.cache
def _block_class() -> type[torch.nn.Module]:
    from torch import nn

    class ResidualBlock(nn.Module):
        """Two 3x3 convolutions beside a shortcut, which is a 1x1 convolution where the shape changes."""

        def __init__(self, channels: int, width: int, stride: int, norm: functools.partial[nn.Module]) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False)
            self.norm1 = norm(width)
            self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
            self.norm2 = norm(width)
            self.relu = nn.ReLU()
            self.shortcut: nn.Module = nn.Identity()
            if stride != 1 or channels != width:
                self.shortcut = nn.Sequential(nn.Conv2d(channels, width, 1, stride=stride, bias=False), norm(width))

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            hidden = self.relu(self.norm1(self.conv1(images)))
            hidden = self.norm2(self.conv2(hidden))
            answer: torch.Tensor = self.relu(self.shortcut(images) + hidden)
            return answer

    return ResidualBlock


MODEL = NamedModel(
    name="resnet",
    title="a small residual network, for images of 8 to 64 pixels",
    arguments=ResNetArguments,
    build=build_resnet,
    reads=frozenset({"image", "other"}),
)
