"""The answer at the top of the page: what is wrong, what helps, what to do. Everything below it is the proof."""

from advisor.experiments.evidence import ArmEvidence, Evidence, Verdict
from advisor.recipe.model import Recipe
from advisor.report import question, words
from advisor.report.model import Report
from advisor.summary import what_to_do
from advisor.words import change, interval

# Verdicts other than "helps", in the order and the words in which the answer names them.
_OTHERS: tuple[tuple[Verdict, str], ...] = (
    ("equivalent", "Makes no difference that matters"),
    ("undecided", "Not decided by these runs"),
    ("hurts", "Hurts"),
)
_NAMED = 4  # arms that one sentence names; the table has all


def answer(report: Report) -> list[tuple[str, str]]:
    """(heading, text) for each part of the answer that the report has the content for."""
    parts = []
    if report.evidence is not None and report.evidence.results.findings is not None:
        kind = question.QUESTIONS.get(report.evidence.kind, "What was found")
        parts.append((kind, " ".join(question.lead(report.evidence))))
        if report.diagnosis is not None:
            parts.append(("The baseline's own curves", report.diagnosis.summary))
        return parts
    if report.diagnosis is not None:
        parts.append(("What is wrong", report.diagnosis.summary))
    if report.evidence is not None:
        parts.append(("What helps", what_helps(report.evidence)))
        parts.append(("What to do", words.capital(what_to_do(report.evidence).removeprefix("Do: "))))
    elif report.recipe is not None:
        parts.append(("What to do", _first_step(report.recipe)))
    return parts


def what_helps(evidence: Evidence) -> str:
    """Each arm under its verdict, with its change and the interval that decided."""
    results = evidence.results
    by_size = sorted(results.arms, key=lambda arm: -abs(arm.comparison.mean or 0.0))
    helping = [arm for arm in by_size if arm.verdict == "helps"]
    if helping:
        effects = words.listed([f"{arm.name} ({_effect(arm, results.metric)})" for arm in helping], _NAMED)
        text = f"On {results.measured}, over {_blocks(evidence)}: {effects}."
    else:
        text = f"No arm was shown to improve {results.measured} in {_blocks(evidence)}."
    for verdict, heading in _OTHERS:
        arms = [arm for arm in by_size if arm.verdict == verdict]
        if arms:
            named = [f"{arm.name} ({change(arm.comparison.mean, results.metric)})" for arm in arms]
            text += f" {heading}: {words.listed(named, _NAMED)}."
    return text


def _blocks(evidence: Evidence) -> str:
    """How many blocks the arms had: "8 paired blocks", or "5 to 9 of at most 20 paired blocks"."""
    counts = [arm.comparison.n for arm in evidence.results.arms if arm.comparison.n] or [evidence.results.blocks]
    few, many = min(counts), max(counts)
    text = f"{few} to {many}" if few < many else f"{many}"
    at_most = f" of at most {evidence.results.horizon}" if many < evidence.results.horizon else ""
    return f"{text}{at_most} paired blocks"


def _effect(arm: ArmEvidence, metric: str) -> str:
    found = arm.comparison
    text = change(found.mean, metric)
    if found.interval is not None:
        text += f", {words.level(found.level)} interval {interval(*found.interval, metric)}"
    return text


def _first_step(recipe: Recipe) -> str:
    if not recipe.steps:
        return "Change nothing for now: no technique is recommended for what these curves show."
    first, rest = recipe.steps[0], recipe.steps[1:]
    text = f"Start with {first.technique.replace('_', ' ')}: {first.reason}"
    if rest:
        text += f" Then, one at a time: {words.listed([step.technique.replace('_', ' ') for step in rest], _NAMED)}."
    return f"{text} Nothing was measured yet on this data: verify each step in paired runs before you keep it."
