"""Memorization: training cost falls in steps at epoch borders, or almost to nothing while validation stays up."""

import numpy as np

from advisor.diagnosis.findings import Case, above, all_of, at_most, cost_name, describe, end_rise, level, register
from advisor.diagnosis.model import Finding
from advisor.diagnosis.trend import as_cost, drops, finite_part, noise_level


def probability(case: Case) -> float:
    """The stronger of the two traces."""
    side = case.signals.train
    if side.finite < 8:
        return 0.0
    near_zero = 0.0
    if case.signals.paired and side.start > 0:
        left = max(side.end / side.start, 0.0)
        near_zero = all_of(1.0 - above(left, 0.04), above(case.signals.gap_end, 0.8, 6.0))
    return max(near_zero, 0.9 * _falls_in_steps(case))


def _falls_in_steps(case: Case) -> float:
    """How likely training falls at regular borders, as a model does that meets the same examples again."""
    if case.train is None or case.train.unit != "step":
        return 0.0
    _, y = finite_part(case.train.x, as_cost(case.train))
    if len(y) < 60:
        return 0.0
    # Means over blocks: single batches are too noisy to show a step of a few per cent.
    blocks = y[: len(y) // 3 * 3].reshape(-1, 3).mean(axis=1)
    at = drops(blocks, noise_level(blocks))
    at = at[at > 0.05 * len(blocks)]
    if len(at) < 2:
        return 0.0
    strides = np.diff(at)
    return all_of(above(len(at), 1.8), at_most(float(np.std(strides) / np.mean(strides)), 0.25, 0.08))


def build(case: Case, chance: float) -> Finding:
    """The finding with the training levels."""
    side = case.signals.train
    return describe(
        "memorization", "warning", chance,
        f"{cost_name(case.train).capitalize()} fell from {level(case.train, side.start):.4g} to "
        f"{level(case.train, side.end):.4g}, almost to nothing or in steps at regular borders: examples are being "
        "remembered.",
        "Measure the loss on examples seen once and on examples not seen yet at the same step; a gap is memory.",
        train_start=level(case.train, side.start), train_end=level(case.train, side.end),
        relative_gap_at_end=case.signals.gap_end,
    )  # fmt: skip


def label_noise(case: Case) -> float:
    """A possible cause only: the score peaks early and falls while training goes on, or validation bumps."""
    score = case.score
    early_peak = 0.0
    if score is not None and score.finite >= 8:
        early_peak = all_of(
            above(score.rise_relative, 0.04), above(score.rise_noise, 4.0), above(score.since_best, 0.4)
        )
    bump = above(case.signals.validation.bump_height, 0.15) if case.signals.paired else 0.0
    memory = all_of(end_rise(case), above(case.signals.train_fall_since_best, 0.4))
    return max(
        0.6 * all_of(early_peak, memory), 0.55 * min(bump, at_most(case.signals.bump_shared, 0.2, 0.05)), 0.35 * memory
    )


def _build_label_noise(case: Case, chance: float) -> Finding:
    return describe(
        "label_noise", "info", chance,
        "Validation turned or bumped while training went on to fit what is left, as it does when wrong labels are "
        "learned "
        "last; curves alone cannot show this.",
        "Look at the 50 training examples with the highest loss at the best checkpoint and count the wrong labels.",
        train_improvement_since_best=case.signals.train_fall_since_best,
        bump_relative=case.signals.validation.bump_height,
    )  # fmt: skip


register("memorization", probability, build)
register("label_noise", label_noise, _build_label_noise)
