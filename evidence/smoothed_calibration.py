"""Label smoothing: calibration and likelihood as it comes and after temperature scaling (Müller et al. 2019).

Fashion-MNIST at 14x14 pixels: each block draws 1000 training and 1200 validation images of a pool of 6000; 5000 of the
test set's judge. Perceptrons with two hidden layers of 64 units and Adam at 0.003 in batches of 50, with label
smoothing of 0.1 and without, each with a temperature fitted on validation and without (T = 1), in two settings:

- long: 80 epochs at a constant learning rate, after which the network knows its training images by heart and is far
  too sure of itself;
- short: 20 epochs, annealed by a cosine, after which it is hardly over-confident.

Calibration is the expected calibration error in 15 bins, in points. That smoothing improves it, and adds accuracy, is
claimed. Of the likelihood no direction is: each has a claim of its own on the same differences. What a smoothed teacher
does to its student: `distillation`.

Tolerance: judged by the whole 95 % interval of smoothed less plain. Calibration improves where the difference lies
below 0 points, accuracy where it lies above 0 points; NLL is lower where the difference lies below 0, and higher where
it lies above 0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from campaigns import fashion_arrays, folder_for, run, values
from common import Claim, Options, main, paired

from advisor.experiments.evidence import Evidence

BLOCKS = 6
RULE = "label-smoothing-calibration"
SETTINGS = {
    "long": {"epochs": 80, "schedule": "constant"},
    "short": {"epochs": 20, "schedule": "cosine"},
}
SMOOTHING: dict[str, Any] = {"label_smoothing": {"epsilon": 0.1}}
TEMPERATURE: dict[str, Any] = {"temperature_scaling": {}}
ARMS = {"smoothed": SMOOTHING, "plain-scaled": TEMPERATURE, "smoothed-scaled": SMOOTHING | TEMPERATURE}
METRICS = {
    "ece": ("points of calibration error", 100.0),
    "accuracy": ("points of test accuracy", 100.0),
    "nll": ("difference of test NLL", 1.0),
}


def trained(options: Options, folder: Path, setting: dict[str, Any]) -> Evidence:
    """The four arms in one setting."""
    return run(
        options,
        {
            "data": fashion_arrays(options, folder, train=6000, test=5000)
            | {"train_size": 100 if options.quick else 1000},
            "model": {"name": "mlp", "arguments": {"width": 64}},
            "baseline": {"optimizer": "adam", "lr": 0.003, "batch_size": 50} | setting,
            "arms": {name: {"techniques": techniques} for name, techniques in ARMS.items()},
            "design": {"split": "resampled", "looks": "last", "max_blocks": BLOCKS},
            "budget": "2h",
        },
    )


def measure(options: Options) -> list[Claim]:
    """All claims of this script."""
    seeds = options.seeds(BLOCKS)
    claims: list[Claim] = []
    with folder_for(options, "smoothed_calibration") as folder:
        found = {name: trained(options, folder, setting) for name, setting in SETTINGS.items()}

    def compare(setting: str, statement: str, metric: str, ending: str = "", **limits: float) -> Claim:
        title, scale = METRICS[metric]
        arms = {
            name: [scale * value for value in values(found[setting], arm, metric)[: len(seeds)]]
            for name, arm in (("smoothed", f"smoothed{ending}"), ("plain", "plain-scaled" if ending else "baseline"))
        }
        how = "after temperature scaling" if ending else "at T = 1"
        means = " against ".join(f"{np.mean(values):.3g}" for values in arms.values())
        subjects = ["label_smoothing", *(["temperature_scaling"] if ending else [])]
        return Claim(
            f"Label smoothing {statement} {how} ({setting} training; {means})", subjects, [RULE], title, seeds,
            **paired(arms, "smoothed", "plain"), **limits,
        )  # fmt: skip

    for setting in SETTINGS:
        claims += [
            compare(setting, "improves calibration", "ece", below=0.0),
            compare(setting, "adds accuracy", "accuracy", above=0.0),
        ]
        for ending in ("", "-scaled"):
            claims += [
                compare(setting, "lowers NLL", "nll", ending, below=0.0),
                compare(setting, "raises NLL", "nll", ending, above=0.0),
            ]
        claims.append(compare(setting, "improves calibration", "ece", "-scaled", below=0.0))
    return claims


if __name__ == "__main__":
    main(__file__, __doc__, measure)
