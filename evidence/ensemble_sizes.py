"""How much of the gain of an ensemble of 20 networks one of 3 or 5 has.

Perceptrons with two hidden layers of 64 units, 20 epochs of AdamW with a cosine. The members of a smaller ensemble
belong to the larger ones of its block; predictions are averages of probabilities. Two settings:

- Fashion-MNIST at 14x14 pixels: each block draws 300 of 4000 training images, tests on 2000 of the set's own test
  images; learning rate 0.005, batches of 25. It was run first, and leaves the networks undertrained: they classify some
  85 % of their training images rightly.
- Digits (scikit-learn, 8x8 pixels): each block draws 200 training and 719 test images; learning rate 0.01, batches of
  10: networks that fit their training images.

1. Accuracy and NLL of an ensemble of 5, and of 3, against one network, less what 20 add to that.
2. An ensemble of 20 against one network.

Tolerance: judged by the whole 95 % interval. (1) "Most of the gain" agrees where the step from one network to the
ensemble is larger than the step from it to 20 (above 0 for accuracy, below 0 for NLL). (2) agrees where accuracy rises
and NLL falls.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from campaigns import fashion_arrays, folder_for, run, values
from common import Claim, Options, contrast, main, paired

from advisor.experiments.evidence import Evidence

BLOCKS = 5
MEMBERS = {"ensemble of 3": 3, "ensemble of 5": 5, "ensemble of 20": 20}
MOST = "ensemble of 20"
METRICS = {"accuracy": ("accuracy in points", 100.0, 1), "nll": ("NLL", 1.0, -1)}
SETTINGS = {
    "on 300 images of Fashion-MNIST (undertrained networks)": (300, 0.005, 25, {"validation_fraction": 0.05}),
    "on 200 digits (networks that fit)": (200, 0.01, 10, {"validation_fraction": 0.1, "test_fraction": 0.4}),
}


def experiment(options: Options, folder: Path, where: str) -> Evidence:
    """All arms in all blocks of one setting."""
    size, lr, batch_size, fractions = SETTINGS[where]
    if options.quick:
        size, fractions = 80, fractions | {"validation_fraction": 0.2}
    members = {name: min(count, 4) if options.quick else count for name, count in MEMBERS.items()}
    digits: dict[str, Any] = {"builtin": "digits"}
    data = digits if "digits" in where else fashion_arrays(options, folder, train=4000, test=2000)
    spec: dict[str, Any] = {
        "data": data | {"train_size": size},
        "model": {"name": "mlp", "arguments": {"width": 64, "depth": 2}},
        "baseline": {"lr": lr, "schedule": "cosine", "epochs": 20, "batch_size": batch_size},
        "arms": {
            name.replace(" ", "-"): {"techniques": {"seed_ensemble": {"members": count}}}
            for name, count in members.items()
        },
        "design": {"max_blocks": BLOCKS, "split": "resampled", "looks": "last"} | fractions,
        "metric": "nll",
        "budget": "3h",
    }
    return run(options, spec, folder)


def measure(options: Options) -> list[Claim]:
    """All claims of this script."""
    with folder_for(options, "ensemble_sizes") as folder:
        found = {where: experiment(options, folder, where) for where in SETTINGS}
    return [claim for where, evidence in found.items() for claim in claims(options, evidence, where)]


def claims(options: Options, evidence: Evidence, where: str) -> list[Claim]:
    """The claims of one setting."""
    seeds = options.seeds(BLOCKS)
    found = []
    for metric, (title, scale, sign) in METRICS.items():
        arms = {
            name: [scale * value for value in values(evidence, arm, metric)[: len(seeds)]]
            for name, arm in (("one network", "baseline"), *((name, name.replace(" ", "-")) for name in MEMBERS))
        }
        means = ", ".join(f"{name} {np.mean(value):.3g}" for name, value in arms.items())
        limits = {"above": 0.0} if sign > 0 else {"below": 0.0}
        found += [
            Claim(
                f"What an {name} gains over one network {where} less what an {MOST} adds to it",
                ["seed_ensemble"],
                ["ensemble-size"],
                f"difference of {title}",
                seeds,
                **contrast(arms, name, "one network", MOST, name),
                **limits,
            )
            for name in MEMBERS
            if name != MOST
        ]
        found.append(
            Claim(
                f"An {MOST} against one network {where} (means: {means})",
                ["seed_ensemble"],
                ["ensemble-size", "ensemble-definition"],
                f"difference of {title}",
                seeds,
                **paired(arms, MOST, "one network"),
                **limits,
            )
        )
    return found


if __name__ == "__main__":
    main(__file__, __doc__, measure)
