"""A plain training loop whose weight decay spares biases and normalization, or spares nothing.

`evidence/decay_of_norms.py` runs it: python decay.py --data FOLDER --seed 3 --optimizer adamw --lr 0.003 --decay 0.05
--spare true --epochs 30. The last line on stdout is a JSON object with the test accuracy in per cent and the mean norm
of the scales of the normalization layers.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

TRAIN, TEST, BATCH, CLASSES = 1000, 5000, 50, 10


def images(folder: Path, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs (N, 1, 14, 14) in [0, 1], each the mean of 2x2 pixels, and class indices (N,)."""
    pixels, labels = (
        np.frombuffer(gzip.decompress((folder / f"{name}-{rest}-ubyte.gz").read_bytes()), np.uint8, offset=offset)
        for rest, offset in (("images-idx3", 16), ("labels-idx1", 8))
    )
    inputs = torch.tensor(pixels.reshape(-1, 1, 28, 28), dtype=torch.float32) / 255
    return functional.avg_pool2d(inputs, 2), torch.tensor(labels, dtype=torch.int64)


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
    chosen = torch.randperm(len(inputs))[:TRAIN]
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
    steps = given.epochs * TRAIN // BATCH
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5 * (1 + math.cos(math.pi * step / steps)))
    for _ in range(given.epochs):
        for index in torch.randperm(TRAIN).split(BATCH):
            optimizer.zero_grad()
            functional.cross_entropy(model(inputs[index]), targets[index]).backward()
            optimizer.step()
            schedule.step()
    model.eval()
    inputs, targets = images(given.data, "t10k")
    with torch.no_grad():
        answers = torch.cat([model(part) for part in inputs[:TEST].split(500)])
    scales = [float(module.weight.norm()) for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    accuracy = 100 * float((answers.argmax(1) == targets[:TEST]).double().mean())
    print(json.dumps({"test_accuracy": accuracy, "scale_norm": sum(scales) / len(scales)}))


if __name__ == "__main__":
    main()
