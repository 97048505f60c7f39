"""What changes the course of a training: averages of weights, sharpness, layer-wise rates."""

from advisor.recipe.case import TRANSFORMER_MODELS
from advisor.recipe.condition import Candidate, Condition

EMA = Candidate(
    technique="ema",
    value=2.4,
    reason="It keeps an exponential average of the weights and evaluates that",
    rules=("ema-definition", "ema-horizon", "weight-averaging-removes-gradient-noise"),
    parameters={},
    conditions=(
        Condition(
            name="average-what-jumps",
            holds=lambda case: case.shows("instability", "noisy_validation") and not case.fine_tuning,
            note="averaging takes out the noise of the last steps, which these curves show",
            rules=("weight-averaging-removes-gradient-noise",),
            value=1.0,
        ),
    ),
    otherwise="cheap, but a falling learning rate takes out most of the same noise; measure it as an arm of its own",
)

SWA = Candidate(
    technique="swa",
    value=2.0,
    reason="It averages the weights of the last epochs",
    rules=("weight-averaging-definition", "weight-averaging-choose-one", "weight-averaging-recomputes-batch-norm"),
    parameters={},
    otherwise="one average of weights is enough: they do not add up, and EMA needs no schedule of its own",
)

SAM = Candidate(
    technique="sam",
    value=2.1,
    reason="It steps by the gradient at the worst point nearby",
    rules=("sam-definition", "sam-cost"),
    parameters={},
    otherwise="it doubles the cost of each step; compare it with twice the epochs once the cheaper steps are in",
)

SNAPSHOT_ENSEMBLE = Candidate(
    technique="snapshot_ensemble",
    value=1.4,
    reason="It averages the predictions of one training's cycles",
    rules=("snapshot-ensemble-definition",),
    parameters={},
    otherwise="it needs a long training that is cut into cycles, and several networks at prediction",
)

LLRD = Candidate(
    technique="llrd",
    value=3.0,
    reason="It gives lower layers smaller learning rates",
    rules=("llrd-definition",),
    parameters={},
    conditions=(
        Condition(
            name="lower-layers-move-less-when-fine-tuning",
            holds=lambda case: case.fine_tuning and case.model_is(TRANSFORMER_MODELS),
            note="what a pre-trained transformer knows lies in its lower layers",
            rules=("llrd-definition", "fine-tuning-is-gentler"),
            value=3.0,
        ),
    ),
    otherwise="it is for fine-tuning, where lower layers are worth keeping",
)

GRADUAL_UNFREEZING = Candidate(
    technique="gradual_unfreezing",
    value=1.6,
    reason="It trains the head first and sets the layers below free one after the other",
    rules=("gradual-unfreezing-definition", "fine-tuning-head-first"),
    parameters={},
    otherwise="layer-wise learning rates do the same more smoothly; it is an arm for fine-tuning on little data",
)

TRAINING = (EMA, SWA, SAM, SNAPSHOT_ENSEMBLE, LLRD, GRADUAL_UNFREEZING)
