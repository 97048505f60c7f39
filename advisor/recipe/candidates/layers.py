"""What is put between layers or onto weights, beyond dropout and weight decay."""

from advisor.recipe.case import CONVOLUTIONAL_MODELS, RESIDUAL_MODELS
from advisor.recipe.condition import Candidate, Condition
from advisor.recipe.parameters import Usual

STOCHASTIC_DEPTH = Candidate(
    technique="stochastic_depth",
    value=3.0,
    reason="It leaves out whole residual branches at random, more of them with depth",
    rules=("stochastic-depth-definition", "stochastic-depth-usual-rates"),
    parameters={},
    conditions=(
        Condition(
            name="residual-networks-drop-branches",
            holds=lambda case: case.model_is(RESIDUAL_MODELS) and not case.fine_tuning,
            note="the usual regularizer of deep residual networks and transformers",
            rules=("stochastic-depth-usual-rates",),
            value=2.5,
        ),
        Condition(
            name="careful-dropout-on-tiny-data",
            holds=lambda case: case.tiny,
            note="at the low end, because examples are few",
            rules=("stochastic-depth-usual-rates",),
            parameters={"probability": Usual(0.0)},
        ),
    ),
    otherwise="it needs residual branches, of which nothing is known here",
)

SPATIAL_DROPOUT = Candidate(
    technique="spatial_dropout",
    value=2.0,
    reason="It drops whole channels, which neighbours cannot fill in",
    rules=("spatial-dropout-drops-channels", "dropout-weak-in-convolutions"),
    parameters={},
    otherwise="among convolutions it does what element-wise dropout cannot; try it as an arm once the basics are in",
)

DROP_BLOCK = Candidate(
    technique="drop_block",
    value=1.8,
    reason="It drops blocks of neighbouring activations",
    rules=("drop-block-definition", "dropout-weak-in-convolutions"),
    parameters={},
    otherwise="made for large feature maps and long training; try it as an arm once the basics are in",
)

INPUT_NOISE = Candidate(
    technique="input_noise",
    value=1.7,
    reason="It adds a little noise to the inputs, which for small noise is a penalty on the slope",
    rules=("input-noise-definition", "input-noise-is-tikhonov"),
    parameters={},
    conditions=(
        Condition(
            name="noise-where-nothing-can-be-augmented",
            holds=lambda case: (
                case.task.modality == "table" and case.tiny and case.shows("overfitting", "memorization")
            ),
            note="the one augmentation that a table takes without knowing what its columns mean",
            rules=("input-noise-definition",),
            value=0.8,
        ),
    ),
    otherwise="augmentation that knows the data does more; it is for inputs that nothing else can vary",
)

MAX_NORM = Candidate(
    technique="max_norm",
    value=1.2,
    reason="It caps the length of each unit's incoming weights",
    rules=("max-norm-definition",),
    parameters={},
    conditions=(),
    otherwise="weight decay does the same work with less to choose; it goes with high rates of dropout",
)

LORA_DROPOUT = Candidate(
    technique="lora_dropout",
    value=5.0,
    reason="It trains small adapters instead of all weights, with dropout on their inputs",
    rules=("lora-dropout-definition", "fine-tuning-adapters", "lora-limits-the-update"),
    parameters={},
    conditions=(
        Condition(
            name="adapters-for-fine-tuning-on-little-data",
            holds=lambda case: case.fine_tuning and case.tiny and not case.model_is(CONVOLUTIONAL_MODELS),
            note="few examples should not move all of a pre-trained model's weights",
            rules=("fine-tuning-adapters",),
            value=1.0,
        ),
    ),
    otherwise="it is for fine-tuning on little data, where few weights should move",
)

LAYERS = (STOCHASTIC_DEPTH, SPATIAL_DROPOUT, DROP_BLOCK, INPUT_NOISE, MAX_NORM, LORA_DROPOUT)
