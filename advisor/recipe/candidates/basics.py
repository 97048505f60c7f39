"""The steps that most recipes begin with: when each leads, when it stays out, and with which settings."""

from advisor.recipe.case import CONVOLUTIONAL_MODELS
from advisor.recipe.condition import Candidate, Condition
from advisor.recipe.parameters import Usual

_GENTLE_RULES = ("fine-tuning-is-gentler",)

BASIC_AUGMENTATION = Candidate(
    technique="basic_augmentation",
    value=7.0,
    reason="It shows each image at slightly different places, which keeps the label (start with a small shift; about "
    "an eighth of the side is usual)",
    rules=("augmentation-start-with-basics",),
    parameters={"shift": Usual(0.0), "flip": False},
    conditions=(
        Condition(
            name="augmentation-first-on-images",
            holds=lambda case: case.image and case.shows("overfitting", "memorization"),
            note="on images that is usually the largest single gain against overfitting",
            rules=("principles-augmentation-first", "augmentation-order-of-strategies"),
            value=3.0,
        ),
        Condition(
            name="basics-on-tiny-data",
            holds=lambda case: case.tiny,
            note="it matters most where examples are few",
            rules=("augmentation-on-tiny-data",),
            value=1.0,
        ),
        Condition(
            name="flip-only-when-safe",
            holds=lambda case: case.task.flip_safe is True,
            note="mirroring is included, as it keeps the label here",
            rules=("augmentation-must-keep-the-label",),
            parameters={"flip": True},
        ),
        Condition(
            name="no-flip-unless-known-safe",
            holds=lambda case: case.task.flip_safe is not True,
            note="without mirroring, which is not known to keep the label here",
            rules=("augmentation-must-keep-the-label",),
        ),
    ),
)

WEIGHT_DECAY = Candidate(
    technique="weight_decay",
    value=6.0,
    reason="It costs nothing and keeps weights small, norms and biases left out (the strength is for AdamW; SGD has a "
    "much smaller scale)",
    rules=(
        "weight-decay-definition",
        "weight-decay-usual-strengths",
        "weight-decay-exclude-norms",
        "weight-decay-times-learning-rate",
    ),
    parameters={},
    conditions=(
        Condition(
            name="fine-tuning-is-gentler",
            holds=lambda case: case.fine_tuning,
            note="weaker than usual, because the pre-trained weights are worth keeping",
            rules=_GENTLE_RULES,
            value=-1.0,
            parameters={"strength": Usual(2 / 3)},
        ),
        Condition(
            name="stronger-decay-on-small-tables",
            holds=lambda case: case.tiny and case.task.modality == "table" and not case.fine_tuning,
            note="at the high end, because few rows constrain the weights little",
            rules=("weight-decay-usual-strengths",),
            parameters={"strength": Usual(1.0)},
        ),
    ),
)

DROPOUT = Candidate(
    technique="dropout",
    value=5.0,
    reason="It keeps units from relying on one another",
    rules=("dropout-definition", "dropout-usual-rates"),
    parameters={"probability": Usual(0.5)},
    conditions=(
        Condition(
            name="dropout-near-the-head",
            holds=lambda case: case.model_is(CONVOLUTIONAL_MODELS) or case.task.normalization is True,
            note="placed before the classifier, since it does little inside convolutions and disturbs batch "
            "normalization behind it",
            rules=("dropout-weak-in-convolutions", "dropout-before-batch-norm"),
        ),
        Condition(
            name="careful-dropout-on-tiny-data",
            holds=lambda case: case.tiny,
            note="not at a high rate, because its gain falls off where examples are very few",
            rules=("dropout-gain-depends-on-data-size",),
            value=-0.5,
            parameters={"probability": Usual(0.25)},
        ),
        Condition(
            name="fine-tuning-is-gentler",
            holds=lambda case: case.fine_tuning,
            note="at the low end, because much of the model is already trained",
            rules=_GENTLE_RULES,
            parameters={"probability": Usual(0.0)},
        ),
    ),
)

LABEL_SMOOTHING = Candidate(
    technique="label_smoothing",
    value=4.0,
    reason="It bounds the confidence that training asks for, at no cost",
    rules=("label-smoothing-definition", "label-smoothing-usual-epsilon"),
    parameters={},
    conditions=(
        Condition(
            name="overconfidence-softens-targets",
            holds=lambda case: case.confidence_matters,
            note="over-confidence, not lost accuracy, is the matter here",
            rules=("label-smoothing-calibration", "early-stopping-watch-what-counts"),
            value=5.0,
        ),
        Condition(
            name="softer-targets-against-label-noise",
            holds=lambda case: case.shows("label_noise", "memorization"),
            note="it limits how hard wrong labels pull",
            rules=("label-smoothing-definition",),
            value=2.0,
        ),
    ),
)

MIXUP = Candidate(
    technique="mixup",
    value=4.5,
    reason="It trains on blends of examples and targets, which smooths the decision boundary",
    rules=("mixup-definition", "mixup-usual-alpha"),
    parameters={"alpha": Usual(0.5)},
    conditions=(
        Condition(
            name="no-strong-mixing-on-tiny-data",
            holds=lambda case: case.tiny,
            note="on tiny data blends fall far from the true distribution, and mixing needs capacity and long "
            "training; take the basics first",
            rules=("augmentation-on-tiny-data",),
            withhold=True,
        ),
        Condition(
            name="no-mixing-while-fine-tuning",
            holds=lambda case: case.fine_tuning,
            note="mixing pays in long training from scratch; the few epochs of fine-tuning give it little time",
            rules=("fine-tuning-is-gentler", "practice-short-trials-mislead"),
            withhold=True,
        ),
        Condition(
            name="stronger-mixup-against-label-noise",
            holds=lambda case: case.shows("label_noise", "memorization"),
            note="strongly, because wrong labels seem to be memorized",
            rules=("mixup-usual-alpha",),
            value=4.0,
            parameters={"alpha": Usual(1.0)},
        ),
        Condition(
            name="overconfidence-softens-targets",
            holds=lambda case: case.confidence_matters,
            note="it tempers over-confidence",
            rules=("mixup-effect",),
            value=3.5,
        ),
        Condition(
            name="no-mixing-of-token-ids",
            holds=lambda case: case.task.modality == "text",
            note="token ids are integers, of which there is no in-between",
            rules=("mixup-definition",),
            withhold=True,
        ),
        Condition(
            name="mixing-suits-images",
            holds=lambda case: not case.image,
            note="although the evidence for it comes mostly from images",
            rules=("mixup-effect",),
            value=-2.5,
        ),
    ),
)

EARLY_STOPPING = Candidate(
    technique="early_stopping",
    value=1.0,
    reason="It keeps the best checkpoint and saves the epochs behind it",
    rules=("early-stopping-definition", "early-stopping-best-checkpoint"),
    parameters={"patience_epochs": Usual(1 / 3)},
    conditions=(
        Condition(
            name="double-descent-trains-on",
            holds=lambda case: case.shows("double_descent"),
            note="a second descent is possible, and stopping at the first minimum would miss it; keep the best "
            "checkpoint, but let the run go on",
            rules=("early-stopping-and-double-descent", "double-descent-train-longer"),
            withhold=True,
        ),
        Condition(
            name="early-stopping-first-against-memorization",
            holds=lambda case: case.shows("label_noise", "memorization"),
            note="first of all, because what is learned late here is what should not be learned",
            rules=("early-stopping-definition",),
            value=9.0,
        ),
        Condition(
            name="stop-by-the-goal-when-overconfident",
            holds=lambda case: case.shows("overconfidence") and case.task.goal not in {"nll", "ece", "brier"},
            note="watching the metric, because validation loss rises here while the metric holds",
            rules=("early-stopping-watch-what-counts", "language-models-loss-is-not-quality"),
            parameters={"monitor": "metric"},
        ),
        Condition(
            name="patient-on-noisy-validation",
            holds=lambda case: case.shows("noisy_validation") and not case.fine_tuning,
            note="with long patience, because the validation curve is noisy",
            rules=("early-stopping-noisy-validation",),
            parameters={"patience_epochs": Usual(1.0)},
        ),
        Condition(
            name="fine-tuning-is-gentler",
            holds=lambda case: case.fine_tuning,
            note="first of all and with short patience, because fine-tuning overfits within a few epochs",
            rules=("fine-tuning-is-gentler", "fine-tuning-language-models-few-epochs"),
            value=8.0,
            parameters={"patience_epochs": Usual(0.0)},
        ),
    ),
)

BASICS = (BASIC_AUGMENTATION, WEIGHT_DECAY, DROPOUT, MIXUP, LABEL_SMOOTHING, EARLY_STOPPING)
