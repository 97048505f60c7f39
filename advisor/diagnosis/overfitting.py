"""Overfitting: validation gets worse for good while training goes on to improve."""

from advisor.diagnosis.divergence import divergence
from advisor.diagnosis.findings import (
    Case,
    all_of,
    at_most,
    cost_name,
    end_rise,
    level,
    register,
)
from advisor.diagnosis.model import Finding
from advisor.diagnosis.overconfidence import probability as overconfidence


def probability(case: Case) -> float:
    """An end rise of validation that training does not share, unless the score beside the loss shows no harm."""
    if not case.signals.paired:
        return 0.5 * end_rise(case)  # a rise without the training side may be divergence as well
    return all_of(end_rise(case), at_most(overconfidence(case), 0.5, 0.05), 1.0 - divergence(case))


def build(case: Case, chance: float) -> Finding:
    """The finding with its onset: where validation left its best level for good."""
    signals, side = case.signals, case.signals.validation
    kept = f" while training improved by another {signals.train_fall_since_best:.0%}" if signals.paired else ""
    return Finding(
        kind="overfitting",
        severity="critical" if side.rise_relative > 0.2 else "warning",
        probability=chance,
        onset=signals.onset,
        onset_interval=(signals.onset_low, signals.onset_high),
        evidence={
            "best": level(case.validation, side.best),
            "end": level(case.validation, side.end),
            "rise_relative": side.rise_relative,
            "rise_in_noise_units": side.rise_noise,
            "train_improvement_since_best": signals.train_fall_since_best,
            "relative_gap_at_end": signals.gap_end,
        },
        explanation=(
            f"{cost_name(case.validation).capitalize()} was best at {case.at(side.best_x)} "
            f"({level(case.validation, side.best):.4g}) and ended at {level(case.validation, side.end):.4g}, "
            f"{side.rise_relative:.1%} worse and {side.rise_noise:.0f} times the noise{kept}."
        ),
        next_check=(
            f"Evaluate the checkpoint of {case.at(side.raw_best_x)}, which has the lowest single value, and the last "
            "one on data that selected nothing."
        ),
    )


register("overfitting", probability, build, headline=True)
