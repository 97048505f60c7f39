"""Epoch-wise double descent: validation rises without training, then falls again."""

from advisor.diagnosis.findings import Case, above, all_of, at_most, cost_name, end_rise, level, register
from advisor.diagnosis.model import Finding


def probability(case: Case) -> float:
    """A bump of validation that lasts, that training does not share, and that the run comes back from."""
    side = case.signals.validation
    if not case.signals.paired or side.finite < 8:
        return 0.0
    return all_of(
        above(side.bump_height, 0.06),
        above(side.bump_noise, 6.0),
        above(side.bump_share, 0.05),
        above(case.signals.train.fall, 0.05),
        above(side.bump_points / side.finite, 0.15),
        at_most(case.signals.bump_shared, 0.2, 0.05),
        1.0 - 0.7 * end_rise(case),
    )


def build(case: Case, chance: float) -> Finding:
    """The finding; its onset is the peak."""
    side = case.signals.validation
    return Finding(
        kind="double_descent",
        severity="info",
        probability=chance,
        onset=side.bump_x,
        evidence={"bump_relative": side.bump_height, "bump_in_noise_units": side.bump_noise,
                  "best": level(case.validation, side.best), "end": level(case.validation, side.end)},
        explanation=(
            f"{cost_name(case.validation).capitalize()} rose by {side.bump_height:.1%} up to {case.at(side.bump_x)}, "
            "training "
            "did not, and then it fell again: epoch-wise double descent."
        ),
        next_check=(
            "Repeat with other seeds and with a tenth of the labels checked: label noise and weak regularization make "
            "such a bump, and early stopping at the first rise would have missed the second descent."
        ),
    )  # fmt: skip


register("double_descent", probability, build, headline=True)
