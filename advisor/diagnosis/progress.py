"""How far the run came: still improving, on a plateau, a good fit, or an underfit one."""

from advisor.diagnosis.divergence import divergence, non_finite
from advisor.diagnosis.findings import (
    Case,
    above,
    all_of,
    at_most,
    below,
    cost_name,
    describe,
    end_rise,
    level,
    register,
)
from advisor.diagnosis.model import Finding
from advisor.diagnosis.record import begins_late


def _sound(case: Case) -> float:
    """How likely the run neither broke nor turned: what all four of these kinds presuppose."""
    if case.main.finite < 4:
        return 0.0
    return 1.0 - max(divergence(case), non_finite(case), end_rise(case))


def still_improving(case: Case) -> float:
    """The last quarter of the run has a clear downward trend that is worth something."""
    side = case.main
    if side.finite < 5:
        return 0.0
    return all_of(
        _sound(case),
        above(side.end_gain, 0.015),
        above(side.end_gain_certainty, 3.0),
        at_most(side.since_best, 0.2, 0.04),
    )


def plateau(case: Case) -> float:
    """Nothing was won in the last quarter, and nothing lost, after something had been learned."""
    side = case.main
    gain = max(abs(side.end_gain), 1e-9)
    return all_of(_sound(case), below(gain, 0.02), above(side.settled, 0.5, 6.0), above(side.fall, 0.1))


def underfitting(case: Case) -> float:
    """Both sides are high and together: little was learned, and it is not for want of training time alone."""
    side = case.signals.train if case.signals.train.finite >= 4 else case.signals.validation
    together = at_most(case.signals.gap_end, 0.15, 0.04) if case.signals.paired else 0.6
    return all_of(
        _sound(case), below(side.fall, 0.16), together, 1.0 - still_improving(case), 0.4 if begins_late(case) else 1.0
    )


def good_fit(case: Case) -> float:
    """Both sides were learned well, validation ends at its best level, and the gap is moderate."""
    signals = case.signals
    if not signals.paired:
        return 0.3 * _sound(case)
    return all_of(
        _sound(case),
        above(signals.validation.fall, 0.15),
        at_most(signals.gap_end, 0.75, 0.1),
        1.0 - 0.6 * plateau(case),
    )


def _numbers(case: Case) -> dict[str, float]:
    side, series = case.main, case.validation if case.signals.validation.finite else case.train
    return {"start": level(series, side.start), "best": level(series, side.best), "end": level(series, side.end),
            "gain_last_quarter": side.end_gain, "relative_gap_at_end": case.signals.gap_end}  # fmt: skip


def _subject(case: Case) -> str:
    return cost_name(case.validation if case.signals.validation.finite else case.train).capitalize()


def _build_improving(case: Case, chance: float) -> Finding:
    return describe(
        "still_improving", "info", chance,
        f"{_subject(case)} still improved by {case.main.end_gain:.1%} over the last quarter of the run, "
        f"{min(case.main.end_gain_certainty, 99):.0f} standard errors from none.",
        "Train for half as long again with the schedule stretched to fit, before adding any regularization.",
        **_numbers(case),
    )  # fmt: skip


def _build_plateau(case: Case, chance: float) -> Finding:
    return describe(
        "plateau", "info", chance,
        f"{_subject(case)} reached its best level at {case.at(case.main.best_x)} and has stayed near it for "
        f"{case.main.settled:.0%} of the run (change in the last quarter {case.main.end_gain:+.1%}).",
        "Lower the learning rate to a tenth for a few epochs: if the loss falls, the schedule was the limit.",
        **_numbers(case),
    )  # fmt: skip


def _build_underfitting(case: Case, chance: float) -> Finding:
    fall = case.signals.train.fall if case.signals.train.finite else case.signals.validation.fall
    return describe(
        "underfitting", "warning", chance,
        f"Only {fall:.1%} of the starting cost was learned and both sides end together (gap "
        f"{case.signals.gap_end:+.1%}).",
        "Fit 100 training examples without any regularization: if that fails, look for a bug or raise capacity or "
        "learning rate.",
        **_numbers(case),
    )  # fmt: skip


def _build_good_fit(case: Case, chance: float) -> Finding:
    return describe(
        "good_fit", "info", chance,
        f"{_subject(case)} ends at {_numbers(case)['end']:.4g}, within its noise of its best, with a gap of "
        f"{case.signals.gap_end:+.1%} to training.",
        "Repeat with two other seeds: the spread tells which further gains could be seen at all.",
        **_numbers(case),
    )  # fmt: skip


register("still_improving", still_improving, _build_improving, headline=True)
register("plateau", plateau, _build_plateau, headline=True)
register("underfitting", underfitting, _build_underfitting, headline=True)
register("good_fit", good_fit, _build_good_fit, headline=True)
