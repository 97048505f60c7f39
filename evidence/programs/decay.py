"""A plain training loop whose weight decay spares biases and normalization, or spares nothing.

`evidence/decay_of_norms.py` runs it: python decay.py --data FILE.npz --seed 3 --optimizer adamw --lr 0.003 --decay 0.05
--spare true --epochs 20. The last line on stdout is a JSON object with the test accuracy in per cent.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

MOST, BATCH, CLASSES = 1000, 50, 10


def images(path: Path, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs (N, 1, 14, 14) in [0, 1] and class indices (N,) of this part of the file."""
    with np.load(path) as stored:
        return torch.tensor(stored[f"x_{name}"]).float() / 255, torch.tensor(stored[f"y_{name}"])


def network(width: int = 8) -> nn.Module:
    """Three convolutions with batch normalization, all with biases, and a linear layer."""
    layers: list[nn.Module] = []
    channels = 1
    for wider in (width, 2 * width, 4 * width):
        layers += [nn.Conv2d(channels, wider, 3, stride=2, padding=1), nn.BatchNorm2d(wider), nn.ReLU()]
        channels = wider
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * 4, CLASSES))


def main() -> None:
    """One training."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--optimizer", choices=("adamw", "sgd"), required=True)
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--decay", type=float, required=True)
    parser.add_argument("--spare", choices=("true", "false"), required=True)
    parser.add_argument("--epochs", type=int, required=True)
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(given.seed)
    inputs, targets = images(given.data, "train")
    chosen = torch.randperm(len(inputs))[:MOST]
    inputs, targets = inputs[chosen], targets[chosen]
    model = network()
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": given.decay},
        {"params": vectors, "weight_decay": 0.0 if given.spare == "true" else given.decay},
    ]
    optimizer: torch.optim.Optimizer
    if given.optimizer == "adamw":
        optimizer = torch.optim.AdamW(groups, lr=given.lr)
    else:
        optimizer = torch.optim.SGD(groups, lr=given.lr, momentum=0.9)
    steps = given.epochs * math.ceil(len(inputs) / BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5 * (1 + math.cos(math.pi * step / steps)))
    for _ in range(given.epochs):
        for index in torch.randperm(len(inputs)).split(BATCH):
            optimizer.zero_grad()
            functional.cross_entropy(model(inputs[index]), targets[index]).backward()
            optimizer.step()
            schedule.step()
    model.eval()
    inputs, targets = images(given.data, "test")
    with torch.no_grad():
        answers = torch.cat([model(part) for part in inputs.split(500)])
    accuracy = 100 * float((answers.argmax(1) == targets).double().mean())
    print(json.dumps({"test_accuracy": accuracy}))


if __name__ == "__main__":
    main()
