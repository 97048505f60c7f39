"""From finished runs to results: pairs them by block and judges each arm."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest

import numpy as np

from advisor.experiments.evidence import ArmEvidence, Comparison, Results, RunResult
from advisor.experiments.spec import METRICS, Spec
from advisor.experiments.statistics import compare, judge

NOT_MEASURED = {
    "corruption robustness": "no corruption set is part of this version",
    "effect on unseen data sources": "the split is drawn from one data set; collect another to know",
}


def assess(spec: Spec, runs: Sequence[RunResult], sizes: Mapping[str, int]) -> Results:
    """The results of a `verify` experiment. `runs` holds every arm of every block, baseline included."""
    ordered = sorted(runs, key=lambda run: (run.block, ("baseline", *spec.arm_names).index(run.arm)))
    by_arm = {name: [run for run in ordered if run.arm == name] for name in ("baseline", *spec.arm_names)}
    baseline = np.array([run.test[spec.metric] for run in by_arm["baseline"]])
    for_all = _said_by_all(ordered)
    return Results(
        metric=spec.metric,
        direction=spec.direction,
        minimum_effect=spec.minimum_effect,
        alpha=spec.design.alpha,
        split=spec.split,
        blocks=len(baseline),
        sizes=dict(sizes),
        baseline_mean=float(baseline.mean()) if np.isfinite(baseline).all() else None,
        baseline_sd=float(baseline.std(ddof=1)) if np.isfinite(baseline).all() and len(baseline) > 1 else None,
        arms=tuple(_arm(spec, name, by_arm[name], by_arm["baseline"], sizes, for_all) for name in spec.arm_names),
        runs=tuple(ordered),
        not_measured=NOT_MEASURED,
        notes=(*for_all, *_said(by_arm["baseline"], for_all, " of the baseline")),
    )


def _arm(
    spec: Spec,
    name: str,
    runs: list[RunResult],
    baseline: list[RunResult],
    sizes: Mapping[str, int],
    for_all: tuple[str, ...],
) -> ArmEvidence:
    ratio = sizes["test"] / sizes["train"] if spec.design.split == "resampled" else None

    def paired(metric: str, arms: int) -> Comparison:
        differences = [run.test[metric] - other.test[metric] for run, other in zip(runs, baseline, strict=True)]
        return compare(differences, metric=metric, alpha=spec.design.alpha, arms=arms, test_train_ratio=ratio)

    comparison = paired(spec.metric, len(spec.arm_names))
    identical = all(run.outcome_digest == other.outcome_digest for run, other in zip(runs, baseline, strict=True))
    verdict, sentence = judge(
        comparison, direction=spec.direction, minimum_effect=spec.minimum_effect, identical=identical
    )
    others = [metric for metric in runs[0].test if metric != spec.metric and metric in METRICS]
    return ArmEvidence(
        name=name,
        changes=spec.changes(name),
        comparison=comparison,
        verdict=verdict,
        sentence=sentence,
        exploratory=tuple(paired(metric, 1) for metric in others),
        effect_by_epoch=effect_by_epoch(runs, baseline),
        gap=float(np.mean([_gap(run) for run in runs])),
        notes=(*_notes(runs, identical=identical and not spec.aa), *_said(runs, for_all)),
    )


def _gap(run: RunResult) -> float:
    metric = "nll" if "nll" in run.test else "rmse"
    return run.test[metric] - run.train[metric]


def effect_by_epoch(runs: list[RunResult], baseline: list[RunResult]) -> tuple[tuple[int, float], ...]:
    """Mean paired difference of the validation metric after each epoch that all of these runs reached and logged."""
    effects = []
    for rows in zip_longest(*(run.rows for run in [*runs, *baseline])):
        if any(row is None for row in rows):
            break
        values = [row.validation_metric for row in rows if row.validation_metric is not None]
        if len(values) < len(rows) or len({row.epoch for row in rows}) > 1:
            continue
        arm, base = values[: len(runs)], values[len(runs) :]
        mean = float(np.mean([a - b for a, b in zip(arm, base, strict=True)]))
        if np.isfinite(mean):
            effects.append((rows[0].epoch, mean))
    return tuple(effects)


def _notes(runs: list[RunResult], *, identical: bool) -> tuple[str, ...]:
    notes = []
    diverged = [run.block for run in runs if not all(np.isfinite(list(run.test.values())))]
    if diverged:
        notes.append(f"not finite in blocks {', '.join(map(str, diverged))}: counted as they are, not left out")
    if identical:
        notes.append("changes nothing: the weights are the baseline's, bit for bit")
    return tuple(notes)


def _said_by_all(runs: Sequence[RunResult]) -> tuple[str, ...]:
    """The notes that every run has, such as on the weights of the model that all of them start from."""
    first = dict.fromkeys(runs[0].notes) if runs else {}
    return tuple(note for note in first if all(note in run.notes for run in runs))


def _said(runs: list[RunResult], for_all: tuple[str, ...], of: str = "") -> tuple[str, ...]:
    """The other notes of these runs, each once, with the number of runs that have it."""
    notes = dict.fromkeys(note for run in runs for note in run.notes if note not in for_all)
    return tuple(f"{note} ({sum(note in run.notes for run in runs)} of {len(runs)} runs{of})" for note in notes)
