"""From finished runs to results: pairs them by block and judges each arm."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest

import numpy as np

from advisor.experiments.answers import unpack
from advisor.experiments.evidence import ArmEvidence, Comparison, OverExamples, Results, RunResult
from advisor.experiments.findings import find
from advisor.experiments.pairing import Pairs, courses, pair
from advisor.experiments.sequential import Course, Rule
from advisor.experiments.spec import METRICS, Spec
from advisor.experiments.statistics import compare, judge
from advisor.training.robustness.overlap import overlap_notes
from advisor.words import change, interval

SKEWNESS_BLOCKS, SKEWNESS_LEVEL = 8, 0.01  # the fewest that the test of skewness works with; when it is believed
NOT_MEASURED = {
    "corruption robustness": "it was not asked for; set corruptions: true",
    "effect on unseen data sources": "the split is drawn from one data set; collect another to know",
}


def rule_for(spec: Spec, horizon: int, sizes: Mapping[str, int]) -> Rule:
    """What decides, for at most so many blocks."""
    return Rule(
        alpha=spec.design.alpha,
        horizon=horizon,
        minimum_effect=spec.minimum_effect,
        test_train_ratio=sizes["test"] / sizes["train"] if spec.design.split == "resampled" else None,
        early=spec.early,
    )


def assess(spec: Spec, runs: Sequence[RunResult], sizes: Mapping[str, int], rule: Rule) -> Results:
    """The results of an experiment. What was trained of an arm after it was settled does not count."""
    pairs = pair(runs, spec.arm_names)
    ways = courses(pairs, spec.metric, rule, aa=spec.aa)
    pairs = {name: found.first(ways[name].blocks) for name, found in pairs.items()}
    blocks = max((way.blocks for way in ways.values()), default=max(run.block for run in runs) + 1)
    beside = sorted((run for run in runs if run.arm == "baseline" and run.block < blocks), key=lambda run: run.block)
    counted = sorted(
        [*beside, *(run for found in pairs.values() for run in found.arm)],
        key=lambda run: (run.block, ("baseline", *spec.arm_names).index(run.arm)),
    )
    baseline = np.array([run.test[spec.metric] for run in beside])
    for_all = _said_by_all(counted)
    return Results(
        metric=spec.metric,
        direction=spec.direction,
        minimum_effect=spec.minimum_effect,
        alpha=spec.design.alpha,
        split=spec.split,
        blocks=len(baseline),
        horizon=rule.horizon,
        sizes=dict(sizes),
        baseline_mean=float(baseline.mean()) if np.isfinite(baseline).all() else None,
        baseline_sd=float(baseline.std(ddof=1)) if np.isfinite(baseline).all() and len(baseline) > 1 else None,
        arms=tuple(_arm(spec, name, pairs[name], ways[name], rule, for_all) for name in spec.arm_names),
        runs=tuple(run.model_copy(update={"answers": None, "losses": ""}) for run in counted),
        findings=find(spec, counted, sizes, rule),
        not_measured={name: why for name, why in NOT_MEASURED.items() if not (spec.corruptions and "corrupt" in name)},
        notes=(
            *for_all,
            *_said(beside, for_all, " of the baseline"),
            *design_notes(spec.max_blocks, spec.budget, rule),
            *_resampling_notes(pairs, spec.metric, rule),
        ),
    )


def design_notes(wanted: int, budget: str, rule: Rule) -> tuple[str, ...]:
    """That the budget allows fewer blocks than were asked for."""
    if rule.horizon >= wanted:
        return ()
    return (
        f"the budget of {budget} allows {rule.horizon} of at most {wanted} blocks; a larger one would resolve more",
    )


def _arm(spec: Spec, name: str, pairs: Pairs, course: Course, rule: Rule, for_all: tuple[str, ...]) -> ArmEvidence:
    def paired(metric: str) -> Comparison:
        differences = [difference for difference in pairs.differences(metric) if difference is not None]
        return compare(differences, metric=metric, alpha=spec.design.alpha, test_train_ratio=rule.test_train_ratio)

    comparison = followed(paired(spec.metric), course)
    verdict, sentence, seen = judge(comparison, course, rule, direction=spec.direction)
    examples = over_examples(pairs) if spec.split == "fixed" else None
    others = [metric for metric in pairs.arm[0].test if metric != spec.metric and metric in METRICS]
    return ArmEvidence(
        name=name,
        changes=spec.changes(name),
        comparison=comparison,
        verdict=verdict,
        sentence=sentence,
        settled=course.settled,
        looks=course.looks,
        probability_better=seen.probability_better,
        power=seen.power,
        blocks_needed=seen.blocks_needed,
        exploratory=tuple(paired(metric) for metric in others),
        over_examples=examples,
        effect_by_epoch=effect_by_epoch(pairs.arm, pairs.baseline),
        gap=float(np.mean([_gap(run) for run in pairs.arm])),
        notes=(
            *_examples_note(examples, spec.metric, comparison),
            *skewness_notes(comparison),
            *_notes(pairs, identical=all(pairs.same()) and not spec.aa),
            *_said(pairs.arm, for_all),
            *overlap_notes(spec.arm(name).techniques, corruptions=any(run.corruptions for run in pairs.arm)),
        ),
    )


def over_examples(pairs: Pairs, level: float = 0.95) -> OverExamples | None:
    """The paired comparison over test examples, or None where losses are not known or not finite."""
    from scipy import stats

    sides = [[unpack(run.losses) for run in side if run.losses] for side in pairs]
    if not sides[0] or len(sides[0]) != len(sides[1]) or len({len(row) for side in sides for row in side}) > 1:
        return None
    differences = np.mean(sides[0], axis=0) - np.mean(sides[1], axis=0)
    n = len(differences)
    if n < 2 or not np.isfinite(differences).all():
        return None
    mean, error = float(differences.mean()), float(differences.std(ddof=1)) / n**0.5
    half = float(stats.t.isf((1 - level) / 2, n - 1)) * error
    return OverExamples(examples=n, mean=mean, interval=(mean - half, mean + half), level=level)


def followed(comparison: Comparison, course: Course) -> Comparison:
    """The comparison with the interval, level and p-value that hold although it was looked at block by block."""
    return comparison.model_copy(update={"interval": course.interval, "level": course.level, "p_value": course.p_value})


def _resampling_notes(pairs: Mapping[str, Pairs], metric: str, rule: Rule) -> tuple[str, ...]:
    """What resampled splits, whose runs share training examples, can show at all."""
    if rule.test_train_ratio is None:
        return ()
    from scipy import stats

    ratio = rule.test_train_ratio
    notes = [
        f"splits are resampled: runs share training examples, and the interval counts a correlation of "
        f"{ratio / (1 + ratio):.2f} between blocks (Nadeau and Bengio 2003)"
    ]
    for name, found in pairs.items():
        values = np.array([(run.test[metric], base.test[metric]) for run, base in found.finished])
        if len(values) < 3 or not np.isfinite(values).all() or (np.ptp(values, axis=0) == 0).any():
            continue
        sd = float((values[:, 0] - values[:, 1]).std(ddof=1))
        least = float(stats.norm.isf(rule.alpha / (2 * len(pairs)))) * sd * ratio**0.5
        notes.append(
            f"{name}: correlation with the baseline's runs {np.corrcoef(values.T)[0, 1]:.2f}; no number of blocks can "
            f"show a change below about {change(least, metric).lstrip('+')}"
        )
    return tuple(notes)


def _gap(run: RunResult) -> float:
    metric = "nll" if "nll" in run.test else "rmse"
    return run.test[metric] - run.train[metric]


def effect_by_epoch(runs: Sequence[RunResult], baseline: Sequence[RunResult]) -> tuple[tuple[int, float], ...]:
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


def skewness_notes(comparison: Comparison) -> tuple[str, ...]:
    """Said of differences that a symmetric law would hardly give; error rates hold for symmetric ones."""
    from scipy import stats

    values = np.array(comparison.differences)
    if len(values) < SKEWNESS_BLOCKS or comparison.interval is None or not np.ptp(values) > 0:
        return ()
    if float(stats.skewtest(values).pvalue) >= SKEWNESS_LEVEL:
        return ()
    return (
        f"the differences are skewed ({float(stats.skew(values)):+.1f}): false verdicts are then more frequent than "
        "stated (docs/statistics.md)",
    )


def _examples_note(found: OverExamples | None, metric: str, comparison: Comparison) -> tuple[str, ...]:
    """Said where NLL decides and the choice of test examples leaves the sign of its change open."""
    if found is None or metric != "nll" or comparison.interval is None:
        return ()
    decided = comparison.interval[0] > 0 or comparison.interval[1] < 0
    if not decided or not found.interval[0] <= 0 <= found.interval[1]:
        return ()
    return (
        f"with these networks, other test examples could turn the sign: over {found.examples} of them the change of "
        f"NLL is {interval(*found.interval, metric)} ({100 * found.level:g} % interval)",
    )


def _notes(pairs: Pairs, *, identical: bool) -> tuple[str, ...]:
    notes = []
    diverged = [run.block for run in pairs.arm if not all(np.isfinite(list(run.test.values())))]
    if diverged:
        notes.append(f"not finite in blocks {', '.join(map(str, diverged))}: counted as they are, not left out")
    if identical:
        notes.append("changes nothing: the weights are the baseline's, bit for bit")
    return tuple(notes)


def _said_by_all(runs: Sequence[RunResult]) -> tuple[str, ...]:
    """The notes that every run has, such as on the weights of the model that all of them start from."""
    first = dict.fromkeys(runs[0].notes) if runs else {}
    return tuple(note for note in first if all(note in run.notes for run in runs))


def _said(runs: Sequence[RunResult], for_all: tuple[str, ...], of: str = "") -> tuple[str, ...]:
    """The other notes of these runs, each once, with the number of runs that have it."""
    notes = dict.fromkeys(note for run in runs for note in run.notes if note not in for_all)
    return tuple(f"{note} ({sum(note in run.notes for run in runs)} of {len(runs)} runs{of})" for note in notes)
