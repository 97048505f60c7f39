"""Overconfidence: validation loss rises while the score beside it (accuracy) holds or improves."""

import math

from advisor.diagnosis.findings import Case, all_of, at_most, cost_name, end_rise, level, register
from advisor.diagnosis.model import Finding


def probability(case: Case) -> float:
    """An end rise of the loss beside a score that is no worse at the end than where the loss was best."""
    if case.score is None or math.isnan(case.score_at_best):
        return 0.0
    scale = max(abs(case.score_at_best), abs(case.score.end), 1e-12)
    lost = (case.score.end - case.score_at_best) / scale
    slack = max(0.02, case.score.noise / scale)
    return all_of(end_rise(case), at_most(lost, slack, slack / 3))


def build(case: Case, chance: float) -> Finding:
    """The finding with the onset of the rise of the loss."""
    signals, side = case.signals, case.signals.validation
    other = case.curves.companion(case.validation, "max") if case.validation else None
    before, after = (level(other, cost) for cost in (case.score_at_best, case.score.end if case.score else math.nan))
    return Finding(
        kind="overconfidence",
        severity="warning",
        probability=chance,
        onset=signals.onset,
        onset_interval=(signals.onset_low, signals.onset_high),
        evidence={"rise_relative": side.rise_relative, "score_at_best_loss": before, "score_at_end": after},
        explanation=(
            f"{cost_name(case.validation).capitalize()} rose by {side.rise_relative:.1%} after {case.at(side.best_x)}, "
            "but "
            f"{cost_name(other)} went from {before:.4g} to {after:.4g}: predictions got too sure, not more often wrong."
        ),
        next_check="Fit a temperature on validation logits and measure expected calibration error before and after it.",
    )


register("overconfidence", probability, build, headline=True)
