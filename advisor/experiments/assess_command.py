"""From the runs of a user's script to results: pairs what finished in both arms, and tells what did not."""

from collections.abc import Sequence

import numpy as np

from advisor.experiments.assess import design_notes, effect_by_epoch, followed, skewness_notes
from advisor.experiments.command_spec import CommandSpec
from advisor.experiments.evidence import ArmEvidence, Comparison, Results, RunResult, Verdict
from advisor.experiments.pairing import Pairs, courses, pair
from advisor.experiments.sequential import Course, Rule
from advisor.experiments.statistics import Outlook, compare, judge
from advisor.words import value

NOT_MEASURED = {
    "generalization gap": "a script's own losses need not be comparable between splits",
    "calibration": "it needs the script's predictions; have it log the metric that you want judged",
    "corruption robustness": "it needs the script's data and model",
}
MAX_NOTE = 700  # characters of a failure in a note; the run itself has all


def assess_command(
    spec: CommandSpec, runs: Sequence[RunResult], repeat: RunResult, rule: Rule, *, reusable: bool
) -> Results:
    """The results of an experiment with a script. `repeat` is the baseline's first block, run a second time."""
    pairs = pair(runs, spec.arm_names)
    ways = script_courses(spec, pairs, rule)
    pairs = {name: found.first(ways[name].blocks) for name, found in pairs.items()}
    baseline = max((found.baseline for found in pairs.values()), key=len)
    values = np.array([run.test[spec.metric] for run in baseline if not run.failure])
    finite = len(values) > 0 and bool(np.isfinite(values).all())
    names = ("baseline", *spec.arm_names)
    return Results(
        metric=spec.metric,
        direction=spec.direction,
        minimum_effect=spec.minimum_effect,
        alpha=spec.design.alpha,
        split=spec.split,
        blocks=len(baseline),
        horizon=rule.horizon,
        sizes={},
        baseline_mean=float(values.mean()) if finite else None,
        baseline_sd=float(values.std(ddof=1)) if finite and len(values) > 1 else None,
        arms=tuple(_arm(spec, name, pairs[name], ways[name], rule) for name in spec.arm_names),
        runs=tuple(
            sorted(
                [*baseline, *(run for found in pairs.values() for run in found.arm)],
                key=lambda run: (run.block, names.index(run.arm)),
            )
        ),
        not_measured=NOT_MEASURED,
        notes=(
            *_seed_notes(spec, baseline, repeat),
            *_run_notes("the baseline", baseline),
            *([] if reusable else ["the files that decide the results could not be determined: nothing is reused"]),
            *design_notes(spec.max_blocks, spec.budget, rule),
        ),
    )


def script_rule(spec: CommandSpec, horizon: int) -> Rule:
    """What decides, for at most so many blocks."""
    return Rule(
        alpha=spec.design.alpha,
        horizon=horizon,
        minimum_effect=spec.minimum_effect,
        early=spec.early,
    )


def script_courses(spec: CommandSpec, pairs: dict[str, Pairs], rule: Rule) -> dict[str, Course]:
    """How far each arm is settled."""
    # One number that agrees may be chance; a whole log that agrees is not.
    whole = all(run.epochs_run > 1 for found in pairs.values() for run, _ in found.finished)
    return courses(pairs, spec.metric, rule, aa=spec.aa, whole=whole)


def _arm(spec: CommandSpec, name: str, pairs: Pairs, course: Course, rule: Rule) -> ArmEvidence:
    finished = pairs.finished
    differences = [difference for difference in pairs.differences(spec.metric) if difference is not None]
    comparison = followed(compare(differences, metric=spec.metric, alpha=spec.design.alpha), course)
    verdict: Verdict
    if len(finished) < 2:
        failed = [sum(bool(run.failure) for run in side) for side in (pairs.arm, pairs.baseline)]
        verdict, sentence, seen = (
            "undecided",
            (
                f"Undecided: only {len(finished)} of {len(pairs.arm)} blocks finished in both arms "
                f"({failed[0]} of its runs and {failed[1]} of the baseline's failed); mend the failure and run again."
            ),
            Outlook(),
        )
    else:
        verdict, sentence, seen = judge(comparison, course, rule, direction=spec.direction, outcome="logged results")
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
        exploratory=(),
        effect_by_epoch=effect_by_epoch([run for run, _ in finished], [other for _, other in finished])
        if finished
        else (),
        gap=None,
        notes=(
            *skewness_notes(comparison),
            *_run_notes("it", pairs.arm, len(finished)),
            *_correlation(spec.metric, finished, comparison),
        ),
    )


def _run_notes(who: str, runs: Sequence[RunResult], paired: int | None = None) -> list[str]:
    """What failed, with the reason of the first, and what single runs had to say."""
    notes = []
    failed = [run for run in runs if run.failure]
    if failed:
        used = "" if paired is None else f" The comparison uses the {paired} blocks where both arms finished."
        biased = (
            " Where failures depend on the seed, what is left may favour an arm." if len(failed) < len(runs) else ""
        )
        notes.append(
            f"{len(failed)} of {len(runs)} runs of {who} failed (block {', '.join(str(r.block) for r in failed)})."
            f"{used}{biased} The first: {failed[0].failure[:MAX_NOTE]}"
        )
    said = [note for run in runs for note in run.notes]
    for note in dict.fromkeys(said):
        notes.append(f"{note} ({said.count(note)} of {len(runs)} runs of {who})")
    lost = [run.block for run in runs if not run.failure and not np.isfinite(list(run.test.values())).all()]
    if lost:
        notes.append(f"not finite in blocks {', '.join(map(str, lost))}: counted as they are, not left out")
    return notes


def _seed_notes(spec: CommandSpec, baseline: Sequence[RunResult], repeat: RunResult) -> list[str]:
    if not spec.uses_seed:
        return ["neither command nor environment uses {seed}: blocks are repeats, and differences are not paired"]
    first, notes = baseline[0], []
    if first.failure or repeat.failure:
        return ["the seed could not be checked: the first block of the baseline or its repeat failed"]
    if first.outcome_digest != repeat.outcome_digest:
        one, two = (value(run.test[spec.metric], spec.metric) for run in (first, repeat))
        notes.append(
            f"the seed is not obeyed: two runs of the baseline with seed {first.seed} gave {one} and {two}"
            f"{', which differ elsewhere in the log' if one == two else ''}; differences are then not fully paired "
            "and need more blocks, the verdicts stay valid"
        )
    finished = [run.outcome_digest for run in baseline if not run.failure]
    if len(finished) > 1 and len(set(finished)) == 1:
        notes.append(
            "the seed changes nothing: every block of the baseline gave the same result, so that the blocks are one "
            "run repeated and say nothing about other seeds"
        )
    return notes


def _correlation(metric: str, pairs: list[tuple[RunResult, RunResult]], comparison: Comparison) -> list[str]:
    if len(pairs) < 3 or comparison.mean is None:
        return []
    values = np.array([[run.test[metric], other.test[metric]] for run, other in pairs])
    if (np.ptp(values, axis=0) == 0).any():
        return []
    found = float(np.corrcoef(values.T)[0, 1])
    helped = "pairing by seed narrowed the interval" if found > 0.1 else "pairing by seed did not narrow the interval"
    return [f"correlation with the baseline's runs over {len(pairs)} blocks: {found:.2f}; {helped}"]
