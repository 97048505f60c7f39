"""Double descent over epochs, with wrong labels: whether the error of a wide network falls, rises, and falls again.

Digits (scikit-learn, 8x8 pixels): 400 training and 270 validation images, of which each block draws its own; 30 % of
the training labels are wrong, those of validation are right. Perceptrons with one hidden layer of 256 units; 600
epochs of AdamW at a constant learning rate of 0.005, batches of 50; once with no regularizer and once with a weak
weight decay (0.1, decoupled), which acts over some hundred epochs. The error is that on validation, which chooses
nothing here, averaged within 30 stretches of epochs of ever greater length. Other networks were looked at in blocks
that are not used here: in four a perceptron of width 512 with a cosine over 300 epochs, and in one a small
convolutional network (width 16, 250 epochs, 20 % wrong labels); the error of neither fell again once it had risen.

The first minimum is the stretch with the lowest error before the training images are fitted, the peak the one with the
highest error after that; both are chosen by the mean of the other blocks.

1. The rise: error at the peak less that at the first minimum.
2. The second descent: error at the peak less that in the last stretch.
3. Training on against stopping: error in the last stretch less that at the first minimum.

Tolerance: errors in points (per cent), judged by the whole 95 % interval. (1) and (2) agree above 0. (3) training
longer recovers from what looked like overfitting where the difference is below 1 point.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from campaigns import run
from common import Claim, Options, main, paired
from numpy.typing import NDArray

from advisor.experiments.evidence import Evidence

Array = NDArray[np.float64]
BLOCKS, EPOCHS, STRETCHES = 5, 600, 30
FITTED = 0.01  # share of train errors
ARMS = {"no regularizer": 0.0, "weight decay 0.1": 0.1}
WHERE = "on 400 digits with 30 % wrong labels, a perceptron of width 256"


def long_training(options: Options, decay: float) -> Evidence:
    """The engine's double descent over epochs."""
    spec: dict[str, Any] = {
        "kind": "double_descent",
        "data": {"builtin": "digits", "train_size": 400, "label_noise": 0.3},
        "model": {"name": "mlp", "arguments": {"width": 256, "depth": 1}},
        "baseline": {
            "lr": 0.005,
            "epochs": EPOCHS,
            "batch_size": 50,
            "techniques": {"weight_decay": {"strength": decay}} if decay else {},
        },
        "double_descent": {"over": "epochs"},
        "design": {"max_blocks": BLOCKS, "split": "resampled", "validation_fraction": 0.15, "test_fraction": 0.4},
        "budget": "3h",
    }
    return run(options, spec)


def courses(evidence: Evidence) -> tuple[Array, Array, Array]:
    """The last epoch of each stretch (s,), and the errors on validation and on train (s, blocks)."""
    rows = [one.rows for one in evidence.results.runs]
    ends = np.unique(np.geomspace(1, len(rows[0]), STRETCHES).round().astype(int))
    spans = list(zip([0, *ends[:-1]], ends, strict=True))

    def errors(name: str) -> Array:
        values = np.array([[1 - getattr(row, name) for row in run_rows] for run_rows in rows])
        return np.array([values[:, first:last].mean(axis=1) for first, last in spans])

    return ends, errors("validation_metric"), errors("train_metric")


def measure_blocks(errors: Array, train: Array) -> dict[str, list[float]]:
    """By block the errors in per cent at the first minimum, at the peak and in the last stretch."""
    found: dict[str, list[float]] = {"first minimum": [], "peak": [], "last": []}
    for block in range(errors.shape[1]):
        others = np.delete(errors, block, axis=1).mean(axis=1)
        fitting = np.flatnonzero(np.delete(train, block, axis=1).mean(axis=1) <= FITTED)
        first = int(others[: max(1, int(fitting[0]) if len(fitting) else len(others))].argmin())
        peak = first + int(others[first:].argmax())
        for name, at in (("first minimum", first), ("peak", peak), ("last", -1)):
            found[name].append(100 * float(errors[at, block]))
    return found


def measure(options: Options) -> list[Claim]:
    """All claims of this script."""
    seeds = options.seeds(BLOCKS)
    claims = []
    for arm, decay in ARMS.items():
        evidence = long_training(options, decay)
        ends, errors, train = courses(evidence)
        found = {name: values[: len(seeds)] for name, values in measure_blocks(errors, train).items()}
        means = errors.mean(axis=1)
        shown = ", ".join(f"{ends[at]}: {100 * means[at]:.1f}" for at in range(0, len(ends), max(1, len(ends) // 9)))
        subjects = ["weight_decay"] if decay else []

        def claim(
            statement: str,
            first: str,
            second: str,
            *rules: str,
            arm: str = arm,
            subjects: list[str] = subjects,
            found: dict[str, list[float]] = found,
            **limits: float,
        ) -> Claim:
            return Claim(
                f"{statement} {WHERE} ({arm})",
                subjects,
                ["double-descent-epoch-wise", *rules],
                "points of error",
                seeds,
                **paired(found, first, second),
                **limits,
            )

        claims += [
            claim(
                f"Error rises over epochs (mean error in per cent up to epoch {shown}; the engine's verdict: "
                f"{verdict(evidence)})",
                "peak", "first minimum", above=0,
            ),
            claim("Error falls a second time: at the peak less in the end", "peak", "last", above=0),
            claim(
                f"Training on to epoch {EPOCHS} against the first minimum", "last", "first minimum",
                "double-descent-train-longer", "early-stopping-and-double-descent", below=1,
            ),
        ]  # fmt: skip
    return claims


def verdict(evidence: Evidence) -> str:
    """The engine's own verdict, in a word."""
    findings = evidence.results.findings
    descent = findings.double_descent if findings else None
    return "none" if descent is None else str(descent.shape)


if __name__ == "__main__":
    main(__file__, __doc__, measure)
