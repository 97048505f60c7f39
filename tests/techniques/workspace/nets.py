"""A user's own network for 8x8 digits: convolutions, a residual block and a head with a hidden layer."""

import torch
from torch import nn


class Residual(nn.Module):
    def __init__(self, classes: int, width: int = 4) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU())
        self.block = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )  # fmt: skip
        self.down = nn.Conv2d(width, 2 * width, 2, stride=2)
        self.hidden = nn.Linear(2 * width * 16, 16)
        self.head = nn.Linear(16, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        hidden = self.stem(images)
        hidden = self.down(torch.relu(hidden + self.block(hidden)))
        return self.head(torch.relu(self.hidden(hidden.flatten(1))))


def build_residual(classes: int, width: int = 4) -> nn.Module:
    return Residual(classes, width)
