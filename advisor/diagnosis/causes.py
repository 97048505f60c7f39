"""Causes that curves cannot separate: each with a share, and the probe that would settle it."""

from collections.abc import Mapping

from advisor.diagnosis.model import Cause, Kind

NONE = "none of these"
# How much each finding speaks for a cause, and what would confirm it. First judgement; a measured table may replace it.
_CAUSES: dict[str, tuple[str, dict[Kind, float]]] = {
    "capacity beyond the data": (
        "Train on half of the data: if validation gets clearly worse and turns earlier, more data or stronger "
        "regularization helps.",
        {"overfitting": 1.0, "memorization": 0.6, "overconfidence": 0.5},
    ),
    "training too long": (
        "Restore the best checkpoint, or repeat with the schedule ended there, and compare on test data.",
        {"overfitting": 0.5, "overconfidence": 0.6, "memorization": 0.4, "plateau": 0.2},
    ),
    "label noise": (
        "Check by hand the training examples with the highest loss at the best checkpoint.",
        {"label_noise": 1.0, "double_descent": 0.6, "overfitting": 0.15},
    ),
    "shift or leakage between splits": (
        "Train a classifier to tell the splits apart, and search for near-duplicates across them.",
        {"generalization_gap_from_start": 1.0, "validation_below_train": 0.4},
    ),
    "training loss measured differently": (
        "Evaluate the training set in evaluation mode, without augmentation, at one checkpoint.",
        {"validation_below_train": 0.7, "incomparable_losses": 0.8},
    ),
    "learning rate or schedule": (
        "Run 100 steps at a third and at three times the learning rate from the same initialization.",
        {"divergence": 1.0, "bad_learning_rate": 0.8, "instability": 0.6, "non_finite": 0.6, "plateau": 0.4},
    ),
    "numerical precision": (
        "Repeat the steps around the first bad value in float32 and compare the loss.",
        {"non_finite": 0.6, "precision_overflow": 1.0},
    ),
    "validation set too small": (
        "Bootstrap the validation metric at two checkpoints: if their intervals overlap, the set decides, not the "
        "model.",
        {"noisy_validation": 1.0},
    ),
    "too little capacity or training": (
        "Fit 100 training examples to zero loss; then double width or training time.",
        {"underfitting": 1.0, "still_improving": 0.5},
    ),
}


def weigh(probabilities: Mapping[Kind, float]) -> tuple[Cause, ...]:
    """The causes that the findings speak for, most likely first; shares add up to 1 with 'none of these'."""
    support = {
        name: sum(weight * probabilities.get(kind, 0.0) ** 2 for kind, weight in kinds.items())
        for name, (_, kinds) in _CAUSES.items()
    }
    kept = {name: value for name, value in support.items() if value >= 0.1}
    total = 0.3 + sum(kept.values())  # the constant is the weight of what nobody listed
    ordered = sorted(kept.items(), key=lambda item: -item[1])
    causes = [Cause(kind=name, probability=value / total, probe=_CAUSES[name][0]) for name, value in ordered]
    none = max(0.0, 1.0 - sum(cause.probability for cause in causes))
    return (*causes, Cause(kind=NONE, probability=none, probe="Change one thing at a time in paired runs and measure."))
