"""Mixup against learning wrong labels by heart (Zhang et al. 2018).

Fashion-MNIST at 14x14 pixels: a pool of 6000 images of which 40 % got a label drawn evenly from the nine others; each
block draws 1000 of them to train on, and 5000 of the test set's, with right labels, judge. Perceptrons with two hidden
layers of 64 units, 80 epochs of Adam at a constant 0.003, batches of 50: plain, and mixup with alpha 1 and 32, the
smallest and the largest of the paper's table. All values are those after the last epoch: the share of the wrongly
labelled training images whose wrong label the network gives, in evaluation mode, and test accuracy. The wrong labels
are a group of the data here, so that the engine judges them apart.

Other claims on mixup and wrong labels, against early stopping: `label_noise`.

Tolerance: Points, judged by the whole 95 % interval. Mixup lowers memorization where the share of wrong labels learned,
less that of plain training, lies below 0; it helps where test accuracy less plain training's lies above 0. The large
alpha does more where the same differences between alpha 32 and alpha 1 lie on these sides.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from campaigns import fashion_arrays, folder_for, run, values
from common import Claim, Options, main, paired

BLOCKS = 6
NOISE = 0.4
RULES = ("label-noise-soft-targets", "mixup-usual-alpha")
PLAIN, ARMS = "plain", {"alpha-1": 1.0, "alpha-32": 32.0}


def with_wrong_labels(data: dict[str, Any], classes: int = 10) -> dict[str, Any]:
    """The same data with a share of `NOISE` of the training labels wrong, and which these are as a group."""
    path = Path(data["arrays"])
    with np.load(path) as stored:
        arrays = dict(stored)
    random = np.random.default_rng(0)
    count = len(arrays["y_train"])
    wrong = random.random(count) < NOISE
    others = (arrays["y_train"] + random.integers(1, classes, count)) % classes
    arrays["y_train"] = np.where(wrong, others, arrays["y_train"])
    told = {"wrong_train": wrong.astype(np.int64), "wrong_test": np.zeros(len(arrays["y_test"]), np.int64)}
    noisy = path.with_name("wrong_labels.npz")
    np.savez(noisy, **arrays, **told)
    return data | {"arrays": str(noisy), "groups": "wrong"}


def measure(options: Options) -> list[Claim]:
    """All claims of this script."""
    seeds = options.seeds(BLOCKS)
    with folder_for(options, "memorized_labels") as folder:
        data = with_wrong_labels(fashion_arrays(options, folder, train=6000, test=5000))
        evidence = run(
            options,
            {
                "data": data | {"train_size": 100 if options.quick else 1000},
                "model": {"name": "mlp", "arguments": {"width": 64}},
                "baseline": {"optimizer": "adam", "lr": 0.003, "epochs": 80, "batch_size": 50},
                "arms": {name: {"techniques": {"mixup": {"alpha": alpha}}} for name, alpha in ARMS.items()},
                "design": {"split": "resampled", "looks": "last", "max_blocks": BLOCKS},
                "budget": "2h",
            },
        )

    def percent(metric: str, split: str) -> dict[str, list[float]]:
        arms = {PLAIN: "baseline"} | {name: name for name in ARMS}
        return {
            name: [100 * value for value in values(evidence, arm, metric, split)[: len(seeds)]]
            for name, arm in arms.items()
        }

    # Of the two groups of the training images the one with wrong labels is learned worse.
    learned, right = percent("worst_group_accuracy", "train"), percent("accuracy", "test")

    def compare(treated: str, control: str) -> list[Claim]:
        alpha, other = (f"mixup with {name.replace('-', ' ')}" if name in ARMS else name for name in (treated, control))
        where = "training on 1000 images with 40 % wrong labels, after the last epoch"
        means = [f"{np.mean(learned[arm]):.0f}" for arm in (treated, control)]
        return [
            Claim(
                f"{alpha.capitalize()} learns fewer wrong labels by heart ({means[0]} %) than {other} ({means[1]} %), "
                f"{where}",
                ["mixup"],
                RULES,
                "points of wrong labels learned",
                seeds,
                **paired(learned, treated, control),
                below=0.0,
            ),
            Claim(
                f"{alpha.capitalize()} classifies better than {other}, {where}",
                ["mixup"],
                RULES,
                "points of test accuracy",
                seeds,
                **paired(right, treated, control),
                above=0.0,
            ),
        ]

    return [*(claim for name in ARMS for claim in compare(name, PLAIN)), *compare("alpha-32", "alpha-1")]


if __name__ == "__main__":
    main(__file__, __doc__, measure)
