"""Mixup with a large alpha and label smoothing against wrong labels.

- `label-noise-soft-targets`: Fashion-MNIST at 14x14 pixels, 1000 training and 500 validation images of which 40 % have
  a label drawn evenly from the nine others; the 5000 test labels are right. 60 epochs at a constant learning rate:
  plain training, mixup with alpha 8, label smoothing of 0.2. Test accuracy after the last epoch, and after the epoch at
  which plain training is best on the noisy validation labels.

Tolerance: Points of test accuracy, judged by the whole 95 % interval. A technique helps where its gain after the last
epoch lies above 0; it helps the more the longer one trains where that gain, less the gain at plain training's best
epoch, lies above 0.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import torch
from common import (
    Claim,
    Data,
    Options,
    Parts,
    Recipe,
    Session,
    contrast,
    convolutions,
    fashion_mnist,
    main,
    paired,
    scores,
    split,
    train,
)

from advisor.techniques import build_techniques

SEEDS, EPOCHS = 8, 60
NOISE = 0.4
ARMS = {"plain": {}, "mixup": {"mixup": {"alpha": 8.0}}, "label smoothing": {"label_smoothing": {"epsilon": 0.2}}}
SUBJECTS = {"mixup": "mixup", "label smoothing": "label_smoothing"}


def with_wrong_labels(data: Data, seed: int, classes: int = 10) -> Data:
    """A share of `NOISE` of the labels replaced by one of the other classes."""
    generator = torch.Generator().manual_seed(seed)
    wrong = torch.rand(len(data), generator=generator) < NOISE
    others = (data.targets + torch.randint(1, classes, (len(data),), generator=generator)) % classes
    return data.with_targets(torch.where(wrong, others, data.targets))


def accuracies(parts: Parts, recipe: Recipe, seed: int) -> tuple[list[float], list[float]]:
    """Accuracy in per cent after each epoch, on validation and on test."""
    on_validation: list[float] = []
    on_test: list[float] = []

    def look(session: Session) -> None:
        model = session.model.eval()
        with torch.no_grad():
            for data, values in ((parts.validation, on_validation), (parts.test, on_test)):
                values.append(100 * scores(model(data.inputs), data, "accuracy")["accuracy"])

    train(lambda: convolutions(parts.train), parts, replace(recipe, after_epoch=look), seed)
    return on_validation, on_test


def measure(options: Options) -> list[Claim]:
    """All claims of this script."""
    data = fashion_mnist(options.data, side=14)
    seeds = options.seeds(SEEDS)
    arms: dict[str, list[float]] = defaultdict(list)
    for seed in seeds:
        parts = split(data, seed, train=options.size(1000), validation=options.size(500), test=options.size(5000))
        noisy = Parts(with_wrong_labels(parts.train, seed), with_wrong_labels(parts.validation, seed + 1), parts.test)
        curves = {}
        for name, techniques in ARMS.items():
            recipe = Recipe(
                options.epochs(EPOCHS), build_techniques(techniques), batch_size=50, lr=1e-3, schedule="constant"
            )
            curves[name] = accuracies(noisy, recipe, seed)
        on_validation = curves["plain"][0]
        peak = on_validation.index(max(on_validation))
        for name, (_, on_test) in curves.items():
            arms[f"{name}, last epoch"].append(on_test[-1])
            arms[f"{name}, early peak"].append(on_test[peak])
    where = "on 1000 images of Fashion-MNIST with 40 % wrong labels"
    ends = ("last epoch", "early peak")
    claims = []
    for name, subject in SUBJECTS.items():
        claims += [
            Claim(
                f"{name.capitalize()} against plain training after 60 epochs {where}",
                [subject],
                ["label-noise-soft-targets"],
                "points of test accuracy",
                seeds,
                **paired(arms, f"{name}, last epoch", "plain, last epoch"),
                above=0,
            ),
            Claim(
                f"The gain of {name} after 60 epochs less that at plain training's early peak {where}",
                [subject],
                ["label-noise-soft-targets"],
                "points of test accuracy",
                seeds,
                **contrast(arms, *(f"{arm}, {end}" for end in ends for arm in (name, "plain"))),
                above=0,
            ),
        ]
    return claims


if __name__ == "__main__":
    main(__file__, __doc__, measure)
