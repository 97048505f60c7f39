"""Instability: spikes and saw-teeth, a learning rate that does not fit, and validation too noisy to select on."""

from advisor.diagnosis.divergence import divergence, non_finite
from advisor.diagnosis.findings import Case, above, all_of, at_most, cost_name, describe, register
from advisor.diagnosis.model import Finding


def instability(case: Case) -> float:
    """Several spikes, or a bump that both sides share and come back from."""
    signals = case.signals
    spikes = max((side.spikes for side in (signals.train, signals.validation)), default=0)
    bump = all_of(above(signals.train.bump_height, 0.25), above(signals.train.bump_noise, 8.0))
    return 0.9 * max(above(spikes, 2.5, 4.0), bump if signals.train.finite >= 8 else 0.0)


def _build_instability(case: Case, chance: float) -> Finding:
    signals = case.signals
    spikes = max(signals.train.spikes, signals.validation.spikes)
    worst = max(signals.train.bump_height, signals.validation.bump_height)
    shown = f"The run shows {spikes} spikes" if spikes else "Training and validation jumped together"
    return describe(
        "instability", "warning", chance,
        f"{shown}; the largest excursion rose {worst:.0%} above the level before it and came back.",
        "Compare the excursions with the learning-rate schedule: restarts explain regular ones; clip gradients or "
        "lengthen the warm-up for the others.",
        spikes=spikes, largest_excursion=worst,
    )  # fmt: skip


def bad_learning_rate(case: Case) -> float:
    """Training diverges, becomes non-finite, or never leaves its starting level."""
    side = case.signals.train
    stuck = 0.0
    if side.finite >= 5:
        stuck = all_of(1.0 - above(side.fall, 0.03), at_most(side.end_gain, 0.005, 0.002))
    return max(0.9 * divergence(case), 0.75 * non_finite(case), 0.8 * stuck, 0.5 * instability(case))


def _build_learning_rate(case: Case, chance: float) -> Finding:
    side = case.signals.train
    how = "diverged" if max(divergence(case), non_finite(case)) >= 0.5 else f"left its start by only {side.fall:.1%}"
    return describe(
        "bad_learning_rate", "warning", chance,
        f"Training {how}: the learning rate is a first suspect.",
        "Run 100 steps each at a tenth, a third and three times the learning rate from the same initialization.",
        train_fall=side.fall, train_rise_relative=side.rise_relative,
    )  # fmt: skip


def noisy_validation(case: Case) -> float:
    """Validation scatters from point to point by more than training, and by much of what was ever won."""
    side = case.signals.validation
    if side.finite < 6:
        return 0.0
    won = max(abs(side.start - side.best), 1e-12)
    return all_of(above(side.roughness, 0.03), above(side.noise / won, 0.08))


def _build_noisy(case: Case, chance: float) -> Finding:
    side = case.signals.validation
    return describe(
        "noisy_validation", "info", chance,
        f"{cost_name(case.validation).capitalize()} scatters by {side.roughness:.1%} of its level from point to "
        "point, so that its best point is partly luck.",
        "Select on a running median of five evaluations, or enlarge the validation set fourfold to halve the scatter.",
        noise=side.noise, roughness=side.roughness,
    )  # fmt: skip


register("instability", instability, _build_instability, headline=True)
register("bad_learning_rate", bad_learning_rate, _build_learning_rate)
register("noisy_validation", noisy_validation, _build_noisy)
