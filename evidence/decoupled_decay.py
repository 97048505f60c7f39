"""AdamW against Adam with an L2 term in its gradient, both tuned (Loshchilov & Hutter 2019).

Fashion-MNIST at 14x14 pixels: each block draws 500 training and 1200 validation images of a pool of 6000; 5000 of the
test set's judge. Perceptrons with two hidden layers of 64 units, 60 epochs in batches of 50, the learning rate annealed
by a cosine: enough to learn the training images nearly by heart and to become over-confident.

Tuning, in 4 blocks, on validation alone: learning rates 0.003, 0.01 and 0.03 with five strengths each, in equal steps:
0.03, 0.1, 0.3, 1 and 3 for AdamW; 0.0003, 0.001, 0.003, 0.01 and 0.03 for Adam's L2; and each learning rate without
decay. The best mean is chosen by accuracy and by NLL, apart. What was chosen is then trained in 10 fresh blocks, and
compared on test: by the metric that it was chosen by. The ranges were looked at in 4 further blocks.
What accuracy chose lies at the grid's edge twice: AdamW's learning rate, the highest, and the strength of L2, the
lowest, below which only none at all was tried.

Tolerance: judged by the whole 95 % interval. Decoupled decay generalizes better where AdamW's accuracy less that of
Adam with L2 lies above 0 points, and where its NLL less the other's lies below 0. Tuned decay of either kind helps
against tuned Adam without decay where the difference lies above 0 points, or below 0 in NLL.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from campaigns import fashion_arrays, folder_for, run, values
from common import Claim, Options, main, paired

from advisor.experiments.evidence import Evidence

TUNING_BLOCKS, BLOCKS = 4, 10
RATES = (0.003, 0.01, 0.03)
STRENGTHS = {"adamw": (0.03, 0.1, 0.3, 1.0, 3.0), "adam": (0.0003, 0.001, 0.003, 0.01, 0.03)}
RULE = "weight-decay-decoupled"
METRICS = {"accuracy": ("points of test accuracy", 100.0), "nll": ("difference of test NLL", 1.0)}
NAMES = {"adamw": "AdamW", "adam": "Adam with L2", "none": "Adam without decay"}


def grid(options: Options) -> dict[str, dict[str, Any]]:
    """Every setting that is tried, by its name; a quick run tries fewer."""
    rates = RATES[:1] if options.quick else RATES
    found: dict[str, dict[str, Any]] = {f"none-{rate:g}": {"lr": rate} for rate in rates}
    for optimizer, strengths in STRENGTHS.items():
        for rate in rates:
            for strength in strengths[1:3] if options.quick else strengths:
                found[f"{optimizer}-{rate:g}-{strength:g}"] = {
                    "optimizer": optimizer,
                    "lr": rate,
                    "techniques": {"weight_decay": {"strength": strength}},
                }
    return found


def experiment(options: Options, folder: Path, arms: dict[str, dict[str, Any]], blocks: int, seed: int) -> Evidence:
    """These arms in so many blocks; the first one is the baseline, Adam without decay."""
    first, *others = arms
    return run(
        options,
        {
            "data": fashion_arrays(options, folder, train=6000, test=5000)
            | {"train_size": 100 if options.quick else 500},
            "model": {"name": "mlp", "arguments": {"width": 64}},
            "baseline": {"optimizer": "adam", "epochs": 60, "batch_size": 50, "schedule": "cosine"} | arms[first],
            "arms": {name: arms[name] for name in others},
            "design": {"split": "resampled", "looks": "last", "max_blocks": blocks, "seed": seed},
            "budget": "2h",
        },
    )


def best(evidence: Evidence, names: list[str], kind: str, metric: str) -> str:
    """The setting of this kind with the best mean on validation."""
    sign = -1.0 if metric == "nll" else 1.0
    arms = {name: "baseline" if number == 0 else name for number, name in enumerate(names)}
    means = {
        name: sign * float(np.mean(values(evidence, arms[name], metric, "validation")))
        for name in names
        if name.startswith(f"{kind}-")
    }
    return max(means, key=lambda name: means[name])


def measure(options: Options) -> list[Claim]:
    """All claims of this script."""
    seeds = options.seeds(BLOCKS)
    tried = grid(options)
    claims = []
    with folder_for(options, "decoupled_decay") as folder:
        tuning = experiment(options, folder, tried, TUNING_BLOCKS, seed=1)
        chosen = {metric: {kind: best(tuning, list(tried), kind, metric) for kind in NAMES} for metric in METRICS}
        # Adam without decay comes first, whose names begin so.
        wanted = sorted({name for found in chosen.values() for name in found.values()}, key=list(tried).index)
        fresh = experiment(options, folder, {name: tried[name] for name in wanted}, BLOCKS, seed=2)
    for metric, (title, scale) in METRICS.items():
        arms = {}
        for kind, name in chosen[metric].items():
            arm = "baseline" if name == wanted[0] else name
            arms[NAMES[kind]] = [scale * value for value in values(fresh, arm, metric)[: len(seeds)]]
        told = {kind: f"{NAMES[kind]} (learning rate, strength: {name.split('-', 1)[1].replace('-', ', ')})"
                for kind, name in chosen[metric].items()}  # fmt: skip
        better = {"above": 0.0} if scale > 1 else {"below": 0.0, "above": -math.inf}
        for statement, treated, control in (
            (f"{told['adamw']} generalizes better than {told['adam']}, both tuned by", "adamw", "adam"),
            (
                f"Decoupled decay, {told['adamw']}, helps against {told['none'].replace(', strength', '')}, by",
                "adamw",
                "none",
            ),
            (f"An L2 term, {told['adam']}, helps against {told['none'].replace(', strength', '')}, by", "adam", "none"),
        ):
            claims.append(
                Claim(
                    f"{statement} {'accuracy' if scale > 1 else 'NLL'} on validation",
                    ["weight_decay"],
                    [RULE],
                    title,
                    seeds,
                    **paired(arms, NAMES[treated], NAMES[control]),
                    **better,
                )
            )
    return claims


if __name__ == "__main__":
    main(__file__, __doc__, measure)
