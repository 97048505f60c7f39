"""Born-again networks: students of their teacher's own form and size (Furlanello et al. 2018).

Fashion-MNIST at 14x14 pixels: each block draws 1000 training images of a pool of 6000; 5000 of the test set's judge.
Perceptrons with two hidden layers of 64 units, 30 epochs of Adam at 0.01 in batches of 50, annealed by a cosine: the
learning rate at which such networks do best after so many epochs (`distillation`). The student starts from the weights
of its block and learns from a network of the same form and recipe that started from others, at temperature 1: with half
of the loss from the labels, or from the teacher alone, or as the third generation of such students. Against it stand
the same network taught by labels alone, which is what its first teacher was but for the seed, and one with label
smoothing of 0.1, which softens targets without a teacher.

Tolerance: judged by the whole 95 % interval. A student beats its teacher where the difference lies above 0 points of
accuracy, and where it lies below 0 in NLL; likewise the third generation beats the first, and the student smoothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from campaigns import fashion_arrays, folder_for, run, values
from common import Claim, Options, main, paired

BLOCKS = 6
RULE, GENERATIONS, CONTROL = (
    "self-distillation-definition",
    "self-distillation-amplifies-regularization",
    "distillation-uniform-teacher-is-smoothing",
)
ARMS: dict[str, dict[str, Any]] = {
    "student": {"self_distillation": {"weight": 0.5}},
    "teacher-alone": {"self_distillation": {"weight": 1.0}},
    "third": {"self_distillation": {"weight": 0.5, "generations": 3}},
    "smoothing": {"label_smoothing": {"epsilon": 0.1}},
}


def measure(options: Options) -> list[Claim]:
    """All claims of this script."""
    seeds = options.seeds(BLOCKS)
    with folder_for(options, "born_again") as folder:
        evidence = run(
            options,
            {
                "data": fashion_arrays(options, folder, train=6000, test=5000)
                | {"train_size": 100 if options.quick else 1000},
                "model": {"name": "mlp", "arguments": {"width": 64}},
                "baseline": {"optimizer": "adam", "lr": 0.01, "epochs": 30, "batch_size": 50, "schedule": "cosine"},
                "arms": {name: {"techniques": techniques} for name, techniques in ARMS.items()},
                "design": {"split": "resampled", "looks": "last", "max_blocks": BLOCKS},
                "budget": "2h",
            },
        )

    def compare(rule: str, statement: str, treated: str, control: str, *subjects: str) -> list[Claim]:
        claims = []
        for metric, title, scale, limits in (
            ("accuracy", "points of test accuracy", 100.0, {"above": 0.0}),
            ("nll", "difference of test NLL", 1.0, {"below": 0.0}),
        ):
            arms = {
                arm: [scale * value for value in values(evidence, arm, metric)[: len(seeds)]]
                for arm in (treated, control)
            }
            means = " against ".join(f"{np.mean(arm):.3g}" for arm in arms.values())
            by = "classifies better" if scale > 1 else "has a lower NLL"
            claims.append(
                Claim(
                    f"{statement.format(by)} ({means})", ["self_distillation", *subjects], [rule], title, seeds,
                    **paired(arms, treated, control), **limits,
                )
            )  # fmt: skip
        return claims

    return [
        *compare(RULE, "A born-again student, with labels, {} than what taught it", "student", "baseline"),
        *compare(RULE, "A student of the teacher's answers alone {} than what taught it", "teacher-alone", "baseline"),
        *compare(GENERATIONS, "The third born-again generation {} than the first", "third", "student"),
        *compare(
            CONTROL, "A born-again student {} than label smoothing of 0.1", "student", "smoothing", "label_smoothing"
        ),
    ]


if __name__ == "__main__":
    main(__file__, __doc__, measure)
