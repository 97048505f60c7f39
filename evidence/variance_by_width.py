"""Bias and variance of perceptrons over their width, on disjoint samples of the training data (Yang et al. 2020).

Digits (scikit-learn, 8x8 pixels), with 30 % wrong labels in training, right ones in test. Each block draws 1000
training images and deals them into 4 disjoint samples of 250, on each of which a perceptron with one hidden layer is
trained at the widths 4, 64 and 512: 100 epochs of SGD with momentum 0.9 and weight decay of 0.0005, at
a learning rate of 0.05 with a cosine, batches of 25. Bias and variance are the engine's, of cross-entropy around the
geometric mean of the four networks, on 449 test images. All blocks draw from the same 1797 images. The middle width
(64) is where variance was largest among 4, 8, 16, 32, 64, 128 and 512 in one block that is not used here. In another
such block, on samples of 250 images of Fashion-MNIST with right labels, variance fell from 0.55 nats at width 4 to
0.23 at 32 and stayed there up to 384 with this optimizer, and without weight decay, with AdamW at a constant rate, it
rose from width 8 on to the widest: no peak in either.

1. Variance is unimodal in width: that at the middle width less that at the narrowest, and less that at the widest.
2. Bias falls with width: from the narrowest to the middle width, and from there to the widest.
3. Risk: at the widest less that at the middle width.

Tolerance: judged by the whole 95 % interval. (1) agrees where both differences lie above 0; (2) and (3) agree where the
difference, larger width less smaller width, lies below 0.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from campaigns import run
from common import Claim, Options, main, paired

from advisor.experiments.bias_variance import Decomposition
from advisor.experiments.evidence import Evidence

BLOCKS, SPLITS = 5, 4
WIDTHS = (4, 64, 512)
NARROWEST, WIDEST = WIDTHS[0], WIDTHS[-1]
MIDDLE = 64
WHERE = "on samples of 250 digits with 30 % wrong labels"


def sweep(options: Options, block: int) -> Evidence:
    """The engine's bias and variance over the widths, for one block."""
    spec: dict[str, Any] = {
        "kind": "bias_variance",
        "data": {"builtin": "digits", "train_size": options.size(1000), "label_noise": 0.3},
        "model": {"name": "mlp", "arguments": {"width": WIDTHS[0], "depth": 1}},
        "baseline": {
            "optimizer": "sgd",
            "lr": 0.05,
            "momentum": 0.9,
            "schedule": "cosine",
            "epochs": 100,
            "batch_size": 25,
            "techniques": {"weight_decay": {"strength": 0.0005}},
        },
        "bias_variance": {"splits": SPLITS, "argument": "width", "values": WIDTHS[1:]},
        "design": {"max_blocks": SPLITS, "validation_fraction": 0.1, "test_fraction": 0.25, "seed": block},
        "budget": "3h",
    }
    return run(options, spec)


def by_width(evidence: Evidence) -> dict[int, Decomposition]:
    """The decomposition at each width."""
    findings = evidence.results.findings
    assert findings is not None
    assert findings.bias_variance is not None
    return {int(point.at): point.decomposition for point in findings.bias_variance.points}


def measure(options: Options) -> list[Claim]:
    """All claims of this script."""
    seeds = options.seeds(BLOCKS)
    arms: dict[str, list[float]] = defaultdict(list)
    blocks = [by_width(sweep(options, block)) for block in seeds]
    for found in blocks:
        for width, decomposition in found.items():
            for part in ("variance", "bias", "risk"):
                arms[f"{part}, width {width}"].append(getattr(decomposition, part).value)
    course = {
        part: ", ".join(f"{width}: {np.mean(arms[f'{part}, width {width}']):.3g}" for width in WIDTHS)
        for part in ("variance", "bias", "risk")
    }

    def claim(part: str, first: int, second: int, statement: str, *further: str, **limits: float) -> Claim:
        return Claim(
            f"{statement} {WHERE}: at width {first} less at {second}",
            [],
            ["bias-variance-modern", *further],
            f"difference of {part} in nats",
            seeds,
            **paired(arms, f"{part}, width {first}", f"{part}, width {second}"),
            **limits,
        )

    rises = f"Variance rises with width at first (mean by width {course['variance']})"
    bias, classical = f"Bias falls with width at first (mean by width {course['bias']})", "bias-variance-classical"
    risk = f"Risk falls on with width (mean by width {course['risk']})"
    return [
        claim("variance", MIDDLE, NARROWEST, rises, classical, above=0),
        claim("variance", MIDDLE, WIDEST, "Variance falls again with width", above=0),
        claim("bias", MIDDLE, NARROWEST, bias, classical, below=0),
        claim("bias", WIDEST, MIDDLE, "Bias falls on with width", classical, below=0),
        claim("risk", WIDEST, MIDDLE, risk, "bigger-is-not-always-worse", below=0),
    ]


if __name__ == "__main__":
    main(__file__, __doc__, measure)
