"""What changes the loss or the confidence: class weights, consistency, temperature."""

from advisor.recipe.condition import Candidate, Condition

CLASS_BALANCE = Candidate(
    technique="class_balance",
    value=4.0,
    reason="It weighs the loss of rare classes up",
    rules=("class-balance-definition", "class-balance-limits", "imbalance-metric-first"),
    parameters={},
    conditions=(
        Condition(
            name="unbalanced-classes-are-weighed",
            holds=lambda case: (case.task.imbalance or 1) >= 5,
            note="imbalance looks like overfitting where the rare classes are the ones that validation loses",
            rules=("imbalance-metric-first", "imbalance-weights-spoil-probabilities"),
            value=4.0,
        ),
    ),
    otherwise="classes are not known to be unbalanced; give `imbalance` (largest class over smallest) if they are",
)

R_DROP = Candidate(
    technique="r_drop",
    value=2.2,
    reason="It asks two passes with different dropout masks to agree",
    rules=("r-drop-definition",),
    parameters={},
    conditions=(
        Condition(
            name="two-masks-agree-when-fine-tuning-text",
            holds=lambda case: case.fine_tuning and case.task.modality == "text",
            note="its gains were measured on fine-tuned transformers that have dropout, at twice the cost of a step",
            rules=("r-drop-definition",),
            value=1.5,
        ),
    ),
    otherwise="it doubles the cost of a step and needs dropout in the network; measure the cheaper steps first",
)

TEMPERATURE_SCALING = Candidate(
    technique="temperature_scaling",
    value=0.5,
    reason="It divides the logits by one number fitted on validation data, which never changes the predicted class",
    rules=("temperature-scaling-definition", "temperature-scaling-recovers-the-scale"),
    parameters={},
    conditions=(
        Condition(
            name="temperature-mends-confidence-afterwards",
            holds=lambda case: case.confidence_matters,
            note="it mends confidence after training without touching accuracy",
            rules=("temperature-scaling-definition",),
            value=5.0,
        ),
    ),
    otherwise="it mends probabilities, not accuracy; take it where NLL or calibration counts",
)

TARGETS = (CLASS_BALANCE, R_DROP, TEMPERATURE_SCALING)
