"""Label smoothing, what it does to calibration, and what it does not go with."""

from advisor.knowledge.model import Rule

RULES = (
    Rule(
        id="label-smoothing-definition",
        topic="label smoothing",
        claim="Label smoothing trains on (1 - epsilon) * y + epsilon / K instead of the hard target, K classes.",
        scope="classification with a loss that takes soft targets",
        source="Szegedy et al. 2016",
        strength="strong",
        check="technique:label_smoothing",
        subjects=("label_smoothing",),
    ),
    Rule(
        id="label-smoothing-usual-epsilon",
        topic="label smoothing",
        claim="An epsilon of 0.1 is usual; it keeps the network from becoming over-confident.",
        scope="classification",
        source="Szegedy et al. 2016; Mueller et al. 2019",
        strength="moderate",
        check="lint:strength-outside-usual-range",
        subjects=("label_smoothing",),
    ),
    Rule(
        id="label-smoothing-calibration",
        topic="label smoothing",
        claim="Label smoothing alone improves calibration and can add a little accuracy, mostly in larger models. "
        "Together with MixUp or an ensemble it can make the model under-confident: measure ECE before "
        "keeping both.",
        scope="classification; over-confident networks: after a short training it made ECE worse here (evidence)",
        source="Mueller et al. 2019; Wen et al. 2021",
        strength="moderate",
        check="evidence:smoothed_calibration",
        subjects=("label_smoothing", "mixup", "seed_ensemble"),
        findings=("overconfidence",),
    ),
    Rule(
        id="label-smoothing-and-distillation",
        topic="label smoothing",
        claim="Contested. Distilling from a teacher trained with label smoothing: one side finds that soft "
        "targets already carry the signal and that a smoothed teacher loses what sets classes apart, so "
        "that it distils worse; the other that with other settings it distils as well or better, as in a "
        "small check on Fashion-MNIST. Measure it; it is no error.",
        scope="distillation from a teacher trained with smoothing",
        source="Mueller et al. 2019 against Shen et al. 2021 and an own check",
        strength="contested",
        check="evidence:distillation",
        subjects=("label_smoothing", "distillation"),
    ),
    Rule(
        id="label-smoothing-needs-soft-targets",
        topic="label smoothing",
        claim="Losses and targets that assume one hard class (regression, margin losses, hinge) cannot be smoothed.",
        scope="choice of loss",
        source="Szegedy et al. 2016",
        strength="strong",
        check="recipe:fits-the-targets",
        subjects=("label_smoothing",),
    ),
    Rule(
        id="label-smoothing-finite-optimum",
        topic="label smoothing",
        claim="With hard targets the best logits are infinite; smoothing makes the best gap between the true "
        "class and another finite, log((K (1 - epsilon) + epsilon) / epsilon), so that weights stop "
        "growing.",
        scope="separable training data",
        source="Szegedy et al. 2016; Mueller et al. 2019",
        strength="strong",
        check="test:tests/knowledge/test_claims_targets.py::test_the_smoothed_optimum_is_finite_and_the_hard_one_is_not",
        subjects=("label_smoothing",),
        findings=("overconfidence",),
    ),
    Rule(
        id="label-smoothing-hides-training-loss",
        topic="label smoothing",
        claim="Smoothed loss has a floor above zero: with epsilon = 0.1 and ten classes no model gets below about "
        "0.5. Compare it with a validation loss on hard labels and the gap means nothing.",
        scope="reading curves",
        source="definition of cross-entropy",
        strength="strong",
        check="test:tests/knowledge/test_claims_targets.py::test_smoothed_loss_has_a_floor",
        subjects=("label_smoothing",),
        findings=("incomparable_losses", "validation_below_train"),
    ),
)
