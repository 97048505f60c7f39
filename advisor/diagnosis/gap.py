"""The gap between training and validation: from the start, the wrong way round, or not comparable at all."""

from advisor.diagnosis.findings import Case, above, all_of, at_most, cost_name, describe, end_rise, register
from advisor.diagnosis.model import Finding


def from_start(case: Case) -> float:
    """Validation is far worse than training from the first points on, and does not turn."""
    if not case.signals.paired or case.signals.validation.finite < 4:
        return 0.0
    return all_of(above(case.signals.gap_start, 0.45, 4.0), above(case.signals.gap_end, 0.35),
                  1.0 - 0.6 * end_rise(case), above(case.signals.validation.fall, 0.03))  # fmt: skip


def _build_from_start(case: Case, chance: float) -> Finding:
    signals = case.signals
    return describe(
        "generalization_gap_from_start", "warning", chance,
        f"Validation was worse than training by {signals.gap_start:.0%} of its own level in the first fifth of the run "
        f"and by {signals.gap_end:.0%} in the last: a gap there from the start is shift between the splits, not "
        "overfitting.",
        "Train a classifier to tell training from validation inputs; above chance, the splits differ.",
        gap_start=signals.gap_start, gap_end=signals.gap_end,
    )  # fmt: skip


def validation_below(case: Case) -> float:
    """Validation is better than training by more than noise for most of the run."""
    if not case.signals.paired or case.signals.validation.finite < 4:
        return 0.0
    return at_most(-case.signals.below_share, -0.6, 0.08)


def _build_below(case: Case, chance: float) -> Finding:
    return describe(
        "validation_below_train", "info", chance,
        f"Validation is better than training at {case.signals.below_share:.0%} of its points (gap at the end "
        f"{case.signals.gap_end:+.0%}): a regularized or averaged training loss, an easy validation set, or leakage.",
        "Evaluate the training set in evaluation mode without augmentation at the last checkpoint and compare.",
        share_below=case.signals.below_share, gap_end=case.signals.gap_end,
    )  # fmt: skip


def incomparable(case: Case) -> float:
    """The two sides log different quantities, or differ as a training loss with extra terms would."""
    if case.train is None or case.validation is None:
        return 0.0
    if case.train.metric != case.validation.metric or case.train.direction != case.validation.direction:
        return 0.95
    if case.train.scale != case.validation.scale and {case.train.scale, case.validation.scale} <= {
        "fraction",
        "percent",
    }:
        return 0.9
    modes = 0.6 if (case.train.mode, case.validation.mode) == ("train", "eval") else 0.0
    start = above(abs(case.signals.gap_start), 3.0) if case.signals.paired else 0.0
    return max(modes, 0.7 * validation_below(case), 0.8 * start)


def _build_incomparable(case: Case, chance: float) -> Finding:
    return describe(
        "incomparable_losses", "info", chance,
        f"{cost_name(case.train).capitalize()} and {cost_name(case.validation)} may not measure the same thing "
        "(relative gap "
        f"{case.signals.gap_start:+.0%} at the start, {case.signals.gap_end:+.0%} at the end): the sign of the gap "
        "says "
        "little, the shapes still do.",
        "Log the training loss a second time in evaluation mode, with the validation loss's own function.",
        gap_start=case.signals.gap_start, gap_end=case.signals.gap_end,
    )  # fmt: skip


register("generalization_gap_from_start", from_start, _build_from_start)
register("validation_below_train", validation_below, _build_below)
register("incomparable_losses", incomparable, _build_incomparable)
