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
        claim="Alone it improves calibration and can add a little accuracy, mostly in larger models. Together with "
        "MixUp or an ensemble it can make the model under-confident: measure ECE before keeping both.",
        scope="classification",
        source="Mueller et al. 2019; Wen et al. 2021",
        strength="moderate",
        check="recipe:overconfidence-softens-targets",
        subjects=("label_smoothing", "mixup", "ensemble"),
    ),
    Rule(
        id="label-smoothing-and-distillation",
        topic="label smoothing",
        claim="Contested. One side: soft targets already carry the signal, and a smoothed teacher loses what sets "
        "classes apart, so it distils worse. Other side: with other settings smoothed teachers distil as well or "
        "better. Measure it; it is no error.",
        scope="distillation from a teacher trained with smoothing",
        source="Mueller et al. 2019 against Shen et al. 2021",
        strength="contested",
        check="review: distil from a smoothed and a plain teacher in paired blocks",
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
)
