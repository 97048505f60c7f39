"""What trains or asks more than one network: ensembles and teachers."""

from advisor.recipe.condition import Candidate, Condition

SEED_ENSEMBLE = Candidate(
    technique="seed_ensemble",
    value=0.2,
    reason="It averages the predictions of networks that differ in their seeds alone",
    rules=("ensemble-definition", "ensemble-size", "ensemble-beats-its-average-member"),
    parameters={},
    conditions=(
        Condition(
            name="ensembles-for-probabilities",
            holds=lambda case: case.confidence_matters and not case.fine_tuning,
            note="the surest gain in likelihood, at a multiple of the cost; last, once one network is good",
            rules=("ensemble-size", "ensemble-under-confidence"),
            value=0.1,
        ),
    ),
    otherwise="the surest gain of all, at a multiple of the cost of training and prediction; keep it for the end",
)

MC_DROPOUT = Candidate(
    technique="mc_dropout",
    value=0.1,
    reason="It averages passes with dropout left on",
    rules=("mc-dropout-definition", "mc-dropout-effect"),
    parameters={},
    otherwise="it betters likelihood and calibration, seldom accuracy, and needs dropout in the network",
)

DISTILLATION = Candidate(
    technique="distillation",
    value=1.5,
    reason="It learns from the softened answers of other networks",
    rules=("distillation-definition", "distillation-temperature", "distillation-loss"),
    parameters={},
    otherwise="it trains its teachers first; take it where a small network has to carry what a larger one knows",
)

FEATURE_DISTILLATION = Candidate(
    technique="feature_distillation",
    value=0.9,
    reason="It matches a teacher's hidden features",
    rules=("feature-distillation-definition", "feature-distillation-when"),
    parameters={},
    otherwise="it needs a teacher; it pays where teacher and student are built differently",
)

SELF_DISTILLATION = Candidate(
    technique="self_distillation",
    value=1.0,
    reason="It learns from a network of its own form that was trained before",
    rules=("self-distillation-definition", "self-distillation-amplifies-regularization"),
    parameters={},
    otherwise="each generation is a whole training; measure the cheaper steps first",
)

NETWORKS = (SEED_ENSEMBLE, MC_DROPOUT, DISTILLATION, FEATURE_DISTILLATION, SELF_DISTILLATION)
