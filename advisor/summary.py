"""Short plain-text summaries of a diagnosis, a recipe and evidence, for terminals and for models alike."""

from advisor.diagnosis.model import Diagnosis, Finding
from advisor.experiments.evidence import ArmEvidence, Evidence
from advisor.lint.model import LintFinding
from advisor.recipe.model import Recipe
from advisor.words import duration, value

SHOWN_RULES = 2  # of each step; the others are in the structured form
SHOWN = 4  # findings and withheld techniques; the structured form has all

# What the split allows to conclude.
LIMITS = {
    "fixed": "the fixed split limits the conclusion to this test set.",
    "resampled": "the resampled split limits the conclusion to this source of data.",
    "script": "the script's own split limits the conclusion.",
}


def describe_diagnosis(diagnosis: Diagnosis) -> list[str]:
    """The strongest findings with their numbers and what to check next, then where they come from."""
    lines = [] if diagnosis.findings else [diagnosis.summary]
    if diagnosis.findings and diagnosis.abstained:
        lines.append("Nothing is clear enough for a verdict; with reserve:")
    for finding in diagnosis.findings[:SHOWN]:
        lines += [f"{_finding_head(finding, diagnosis)}: {finding.explanation}", f"  next: {finding.next_check}"]
    hidden = [finding.kind for finding in diagnosis.findings[SHOWN:]]
    if hidden:
        lines.append(f"weaker: {', '.join(hidden)}")
    pair = [name for name in (diagnosis.train_series, diagnosis.validation_series) if name]
    return [*lines, f"judged from {' and '.join(map(repr, pair)) or 'no series'} in {diagnosis.source}"]


def _finding_head(finding: Finding, diagnosis: Diagnosis) -> str:
    calibrated = diagnosis.calibrated.get(finding.kind, False)
    certainty = f"{finding.probability:.2f}{'' if calibrated else ', not calibrated'}"
    return f"{finding.kind} ({finding.severity}, {certainty})"


def describe_recipe(recipe: Recipe) -> list[str]:
    """The steps in order, what was withheld, and the warnings."""
    lines = [f"For {recipe.because}:"] if recipe.because else []
    lines += [f"! {warning}" for warning in recipe.warnings]
    for number, step in enumerate(recipe.steps, 1):
        parameters = ", ".join(f"{key}={val}" for key, val in step.settings.items())
        lines.append(
            f"{number}. {step.technique}({parameters}): {step.reason} [{', '.join(step.rule_ids[:SHOWN_RULES])}]"
        )
    if not recipe.steps:
        lines.append("No step is recommended.")
    lines += [f"- not {item.technique}: {item.why}" for item in recipe.withheld[:SHOWN]]
    return lines


def describe_evidence(evidence: Evidence) -> list[str]:
    """The baseline, each arm's verdict, the cost, and what to do."""
    results, cost = evidence.results, evidence.cost
    of = results.metric if results.split == "script" else f"test {results.metric}"
    baseline = f"baseline: {of} {value(results.baseline_mean, results.metric)}"
    if results.baseline_sd is not None:
        baseline += f" (sd {value(results.baseline_sd, results.metric)} over {results.blocks} blocks)"
    if results.sizes:
        baseline += f", {results.sizes['train']} training and {results.sizes['test']} test examples"
    lines = [baseline, *(f"note: {note}" for note in results.notes)]
    if results.findings is not None:
        lines += results.findings.sentences
    for arm in results.arms if results.findings is None else ():
        lines.append(f"{arm.name}: {arm.sentence}")
        lines += [f"  note: {note}" for note in arm.notes]
    lines.append(
        f"{cost.runs_trained} runs trained, {cost.runs_reused} reused, in {duration(cost.wall_seconds)}; "
        + LIMITS[results.split]
    )
    return lines if results.findings is not None else [*lines, what_to_do(evidence)]


def what_to_do(evidence: Evidence) -> str:
    """The advice that follows from the verdicts, in a sentence."""
    if evidence.spec.aa:
        moved = [arm.name for arm in evidence.results.arms if any(arm.comparison.differences)]
        return (
            f"A/A check failed: {', '.join(moved)} differs from an identical baseline; do not trust comparisons here."
            if moved
            else "A/A check passed: identical arms gave identical results in every block."
        )
    helps = sorted(_with(evidence, "helps"), key=lambda arm: -abs(arm.comparison.mean or 0.0))
    hurts, undecided = _with(evidence, "hurts"), _with(evidence, "undecided")
    if helps:
        text = f"Do: adopt {helps[0].name}"
        if len(helps) > 1:
            text += f", then measure {_names(helps[1:])} on top of it"
    elif undecided:
        text = "Do: change nothing yet; nothing is proven to help"
    else:
        text = "Do: keep the baseline; no arm helps"
    if hurts:
        text += f"; leave out {_names(hurts)}"
    failed = [arm for arm in undecided if arm.comparison.n == 0]
    diverged = [arm for arm in undecided if arm.settled == "not finite" and arm not in failed]
    open_ones = [arm for arm in undecided if arm not in failed and arm not in diverged]
    if failed:
        text += f"; find out why {_names(failed)} failed"
    if diverged:
        text += f"; find out why {_names(diverged)} diverged"
    if open_ones:
        text += f"; run more blocks for {_names(open_ones)}"
    return text + "."


def _names(arms: list[ArmEvidence]) -> str:
    shown = [arm.name for arm in arms[:SHOWN]]
    return ", ".join(shown) + (f" and {len(arms) - SHOWN} more" if len(arms) > SHOWN else "")


def _with(evidence: Evidence, verdict: str) -> list[ArmEvidence]:
    return [arm for arm in evidence.results.arms if arm.verdict == verdict]


def describe_lint(findings: list[LintFinding]) -> list[str]:
    """One line a finding, with its place, and why it matters."""
    if not findings:
        return ["Nothing found by the rules that this version checks; that is no proof of a sound set-up."]
    lines = []
    for finding in findings:
        fixable = " (patch available)" if finding.patch else ""
        lines.append(f"{finding.path}:{finding.line}: {finding.severity} {finding.rule_id}: {finding.message}{fixable}")
        lines.append(f"  why: {finding.why} ({finding.source})")
    return lines
