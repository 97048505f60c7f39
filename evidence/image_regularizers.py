"""CutMix, Cutout, AugMax and searched policies on small image sets.

- `cutmix-effect`: Fashion-MNIST at 14x14 pixels, 600 training images, 40 epochs. Test accuracy where a square of 6x6
  pixels at a random place of each test image is set to the training images' mean. Localization is not measured.
- `cutmix-against-cutout`: the same trainings on plain test images. CutMix (probability 0.5 or 1) and Cutout (a quarter
  or half of the side) are each chosen by validation accuracy. Cutout beside label smoothing is compared with label
  smoothing alone.
- `augmax-cost`: processor time of training steps with AugMax over those with AugMix, both at their defaults.
- `auto-augment-definition`: that RandAugment and TrivialAugment come close to the policy that AutoAugment found on
  CIFAR-10 (torchvision's table), all three beside shift and mirror, on 1000 images of CIFAR-10 with 30 epochs. The cost
  of the search is not measured.

Tolerance: Accuracies in points (per cent), judged by the whole 95 % interval. CutMix helps where it lies above 0; it
beats Cutout where it lies above 0; Cutout's gain is near zero where it lies within -1 and 1. AugMax is clearly dearer
where a step takes more than twice the time. A policy comes close where it is less than 1 point behind AutoAugment.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from common import (
    Claim,
    Data,
    Options,
    Parts,
    Recipe,
    Trained,
    convolutions,
    fashion_mnist,
    main,
    paired,
    single,
    split,
    train,
)

from advisor.techniques import build_techniques

SEEDS, POLICY_SEEDS = 8, 8
EPOCHS, POLICY_EPOCHS, TIMED_EPOCHS = 40, 30, 3
HIDDEN_SIDE = 6
CHOICES = {
    "CutMix": ({"cutmix": {"probability": 0.5}}, {"cutmix": {"probability": 1.0}}),
    "Cutout": ({"cutout": {"size": 0.25}}, {"cutout": {"size": 0.5}}),
}
SMOOTHING = {"label_smoothing": {"epsilon": 0.1}}
BASICS = {"basic_augmentation": {"shift": 4, "flip": True}}


def hide_squares(data: Data, fill: float, seed: int) -> Data:
    """Each image with a square at its own random place, wholly inside, set to `fill`."""
    generator = torch.Generator().manual_seed(seed)
    side = data.inputs.shape[2]
    corners = torch.randint(side - HIDDEN_SIDE + 1, (2, len(data)), generator=generator)
    line = torch.arange(side)
    down, right = ((line >= corner[:, None]) & (line < corner[:, None] + HIDDEN_SIDE) for corner in corners)
    hidden = (down[:, :, None] & right[:, None, :]).unsqueeze(1)
    return Data(data.inputs.masked_fill(hidden, fill), data.targets)


@dataclass
class Scores:
    """Values by arm, one for each seed."""

    plain: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    hidden: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


def cutting(options: Options) -> list[Claim]:
    """CutMix and Cutout on plain test images and on those with a hidden square."""
    data = fashion_mnist(options.data, side=14)
    seeds, scores = options.seeds(SEEDS), Scores()
    for seed in seeds:
        parts = split(data, seed, train=options.size(600), validation=options.size(1000), test=options.size(5000))
        hidden = hide_squares(parts.test, float(parts.train.inputs.mean()), seed)
        found = {name: _best(parts, choices, options, seed) for name, choices in CHOICES.items()}
        found["nothing"] = _fit(parts, {}, options, seed)
        found["label smoothing"] = _fit(parts, SMOOTHING, options, seed)
        found["label smoothing and Cutout"] = _fit(parts, SMOOTHING | {"cutout": {"size": 0.5}}, options, seed)
        for name, trained in found.items():
            scores.plain[name].append(trained.accuracy(parts.test))
            scores.hidden[name].append(trained.accuracy(hidden))
    where = "on 600 images of Fashion-MNIST at 14x14 pixels"
    accuracy = "points of test accuracy"
    return [
        Claim(
            f"CutMix against nothing {where}, tested with a hidden square in each image",
            ["cutmix"],
            ["cutmix-effect"],
            accuracy,
            seeds,
            **paired(scores.hidden, "CutMix", "nothing"),
            above=0,
        ),
        Claim(
            f"CutMix against Cutout {where}, each tuned on validation",
            ["cutmix", "cutout"],
            ["cutmix-against-cutout"],
            accuracy,
            seeds,
            **paired(scores.plain, "CutMix", "Cutout"),
            above=0,
        ),
        Claim(
            f"Cutout, tuned on validation, against nothing {where}",
            ["cutout"],
            ["cutmix-against-cutout"],
            accuracy,
            seeds,
            **paired(scores.plain, "Cutout", "nothing"),
            above=-1,
            below=1,
        ),
        Claim(
            f"Cutout beside label smoothing against label smoothing alone {where}",
            ["cutout", "label_smoothing"],
            ["cutmix-against-cutout"],
            accuracy,
            seeds,
            **paired(scores.plain, "label smoothing and Cutout", "label smoothing"),
            above=-1,
            below=1,
        ),
    ]


def _fit(parts: Parts, techniques: dict[str, dict[str, float]], options: Options, seed: int) -> Trained:
    recipe = Recipe(options.epochs(EPOCHS), build_techniques(techniques), batch_size=50)
    return train(lambda: convolutions(parts.train), parts, recipe, seed)


def _best(parts: Parts, choices: tuple[dict[str, dict[str, float]], ...], options: Options, seed: int) -> Trained:
    trained = [_fit(parts, choice, options, seed) for choice in choices]
    return max(trained, key=lambda one: one.accuracy(parts.validation))


def cost(options: Options) -> list[Claim]:
    """The time of a step with AugMax."""
    data = fashion_mnist(options.data, side=14)
    seeds, ratios = options.seeds(SEEDS), []
    for seed in seeds:
        parts = split(data, seed, train=options.size(200), validation=options.size(100), test=options.size(100))
        seconds = {}
        for name in ("augmix", "augmax"):
            recipe = Recipe(options.epochs(TIMED_EPOCHS), build_techniques({name: {}}), batch_size=50)
            trained = train(lambda parts=parts: convolutions(parts.train), parts, recipe, seed)
            seconds[name] = trained.seconds / trained.steps
        ratios.append(seconds["augmax"] / seconds["augmix"])
    return [
        Claim(
            "AugMax with 5 steps of search against AugMix without its divergence, a small convolutional network",
            ["augmax", "augmix"],
            ["augmax-cost"],
            "ratio of the processor time of a step",
            seeds,
            **single("AugMax / AugMix", ratios),
            above=2,
        )
    ]


def cifar_10(folder: Path) -> tuple[Data, Data]:
    """5000 training and 2000 test images (3, 32, 32) in [0, 1]."""
    arrays = np.load(folder / "cifar10_small.npz")
    train_part, test_part = (
        Data(
            torch.tensor(arrays[f"x_{name}"], dtype=torch.float32).permute(0, 3, 1, 2) / 255,
            torch.tensor(arrays[f"y_{name}"], dtype=torch.int64),
        )
        for name in ("train", "test")
    )
    return train_part, test_part


def found_policy(images: torch.Tensor) -> torch.Tensor:
    """Each image after a sub-policy of the policy found on CIFAR-10, drawn for it. images: (N, 3, H, W) in [0, 1]."""
    from torchvision.transforms import AutoAugment, AutoAugmentPolicy

    policy = AutoAugment(AutoAugmentPolicy.CIFAR10)
    pixels = (images * 255).round().to(torch.uint8)
    return torch.stack([policy(image) for image in pixels]).float() / 255


def policies(options: Options) -> list[Claim]:
    """RandAugment and TrivialAugment against the policy that a search found."""
    pool, test = cifar_10(options.data)
    seeds = options.seeds(POLICY_SEEDS)
    arms: dict[str, list[float]] = defaultdict(list)
    for seed in seeds:
        drawn = split(pool, seed, train=options.size(1000), validation=options.size(500), test=options.size(500))
        parts = Parts(drawn.train, drawn.validation, test)
        for name, techniques in {
            "shift and mirror": {},
            "AutoAugment": {},
            "RandAugment": {"randaugment": {"magnitude": 6}},
            "TrivialAugment": {"trivialaugment": {}},
        }.items():
            recipe = Recipe(
                options.epochs(POLICY_EPOCHS),
                build_techniques(BASICS | techniques),
                batch_size=100,
                change=found_policy if name == "AutoAugment" else None,
            )
            trained = train(lambda parts=parts: convolutions(parts.train, 16), parts, recipe, seed)
            arms[name].append(trained.accuracy(test))
    base, found = (float(np.mean(arms[name])) for name in ("shift and mirror", "AutoAugment"))
    return [
        Claim(
            f"{name} against AutoAugment's CIFAR-10 policy on 1000 images of CIFAR-10, where AutoAugment has a mean "
            f"accuracy of {found:.1f} % and shift and mirror alone {base:.1f} %",
            ["auto_augment", subject],
            ["auto-augment-definition"],
            "points of test accuracy",
            seeds,
            **paired(arms, name, "AutoAugment"),
            above=-1,
        )
        for name, subject in (("RandAugment", "randaugment"), ("TrivialAugment", "trivialaugment"))
    ]


def measure(options: Options) -> list[Claim]:
    """All claims of this script."""
    return [*cutting(options), *cost(options), *policies(options)]


if __name__ == "__main__":
    main(__file__, __doc__, measure)
