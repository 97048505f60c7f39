"""The answer at the top of the page: what is wrong, what helps, what to do. Everything below it is the proof."""

from advisor.experiments.evidence import ArmEvidence, Evidence, Verdict
from advisor.recipe.model import Recipe
from advisor.report import words
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
    if report.diagnosis is not None:
        parts.append(("What is wrong", report.diagnosis.summary))
    if report.evidence is not None:
        parts.append(("What helps", what_helps(report.evidence)))
        parts.append(("What to do", _capital(what_to_do(report.evidence).removeprefix("Do: "))))
    elif report.recipe is not None:
        parts.append(("What to do", _first_step(report.recipe)))
    return parts


def what_helps(evidence: Evidence) -> str:
    """Each arm under its verdict, with its change and the interval that decided."""
    results = evidence.results
    by_size = sorted(results.arms, key=lambda arm: -abs(arm.comparison.mean or 0.0))
    helping = [arm for arm in by_size if arm.verdict == "helps"]
    if helping:
        effects = _list([f"{arm.name} ({_effect(arm, results.metric)})" for arm in helping])
        text = f"On {results.measured}, over {results.blocks} paired blocks: {effects}."
    else:
        text = f"No arm was shown to improve {results.measured} in {results.blocks} paired blocks."
    for verdict, heading in _OTHERS:
        arms = [arm for arm in by_size if arm.verdict == verdict]
        if arms:
            text += (
                f" {heading}: {_list([f'{arm.name} ({change(arm.comparison.mean, results.metric)})' for arm in arms])}."
            )
    return text


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
        text += f" Then, one at a time: {_list([step.technique.replace('_', ' ') for step in rest])}."
    return f"{text} Nothing was measured yet on this data: verify each step in paired runs before you keep it."


def _list(items: list[str]) -> str:
    shown = items[:_NAMED] + ([f"{len(items) - _NAMED} more"] if len(items) > _NAMED else [])
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
