"""Ensembles, averages of weights, and flat minima."""

from advisor.knowledge.model import Rule

RULES = (
    Rule(
        id="ensemble-definition",
        topic="ensembles",
        claim="Average the predictions of models trained with other seeds, architectures or hyper-parameters: the "
        "most reliable gain in accuracy and calibration, at the price of every further training and inference.",
        scope="any model",
        source="Hansen & Salamon 1990; Lakshminarayanan et al. 2017",
        strength="strong",
        check="review: mean of k runs that an experiment trained anyway against single runs",
        subjects=("ensemble",),
    ),
    Rule(
        id="ensemble-size",
        topic="ensembles",
        claim="Three to five members give most of the gain; after that it flattens.",
        scope="members of equal kind",
        source="Lakshminarayanan et al. 2017",
        strength="moderate",
        check="review: accuracy and NLL against the number of members",
        subjects=("ensemble",),
    ),
    Rule(
        id="snapshot-ensemble-definition",
        topic="ensembles",
        claim="Snapshot ensembles take their members from one training with a cyclic learning rate.",
        scope="where several trainings are too dear; members differ less",
        source="Huang et al. 2017",
        strength="moderate",
        check="review: snapshots against independent members at equal cost",
        subjects=("snapshot_ensemble", "ensemble"),
    ),
    Rule(
        id="mc-dropout-effect",
        topic="ensembles",
        claim="MC-dropout keeps dropout on at inference and averages several passes. It improves NLL and calibration, "
        "seldom accuracy, and falls short of a real ensemble.",
        scope="models trained with dropout",
        source="Gal & Ghahramani 2016; Lakshminarayanan et al. 2017",
        strength="moderate",
        check="review: NLL, ECE and accuracy of one pass, many passes and an ensemble",
        subjects=("mc_dropout", "dropout", "ensemble"),
    ),
    Rule(
        id="weight-averaging-definition",
        topic="ensembles",
        claim="An exponential moving average (EMA) or stochastic weight averaging (SWA) of the weights generalizes "
        "better at almost no cost; batch-norm statistics must be recomputed. The two do not add up: choose one.",
        scope="any training; the gain is largest at a high final learning rate",
        source="Izmailov et al. 2018; Morales-Brotons et al. 2024",
        strength="moderate",
        check="review: paired arms of EMA, SWA and both",
        subjects=("ema", "swa"),
    ),
    Rule(
        id="sam-cost",
        topic="ensembles",
        claim="Sharpness-aware minimization (SAM) seeks flat minima and often helps, but takes two gradients a step: "
        "compare it with twice the training, not with the same number of epochs.",
        scope="image classification, transformers trained from scratch",
        source="Foret et al. 2021",
        strength="moderate",
        check="review: paired arms at equal compute",
        subjects=("sam",),
    ),
)
