"""A technique, or a pair of them, in the words of its card and of the rules."""

from typing import Any

from advisor.errors import AdvisorError, nearest
from advisor.knowledge import rules_about
from advisor.knowledge.advice import ADVICE, known_as
from advisor.knowledge.measured import Measured, measured_about
from advisor.knowledge.model import Rule
from advisor.techniques import TECHNIQUES
from advisor.techniques.core import Technique, check_conflicts

NOT_RUN = "Advice only: this version cannot run it in an experiment."

# Hooks in the order of a training, and what a technique does there.
MOMENTS: dict[str, str] = {
    "model": "changes the model before training",
    "plan": "trains other networks first",
    "param_groups": "sets up the optimizer's groups",
    "schedule": "sets the learning rate of each step",
    "epoch_start": "acts before each epoch",
    "batch": "changes each batch",
    "loss": "changes each loss",
    "step": "goes around each step's gradients",
    "step_end": "acts on the weights after each step",
    "eval_model": "chooses the weights that are evaluated",
    "epoch_end": "acts after each epoch",
    "fit_after": "acts once training has ended",
    "predict": "changes the prediction",
}


def explain(name: str, other: str | None = None) -> str:
    """Markdown about one technique, or about whether two may be combined and in which order they act.

    Raises:
        AdvisorError: a name that neither the registry nor the rules know; the message offers the nearest.
    """
    first = _find(name)
    if other is None:
        return _executable(TECHNIQUES[first]) if first in TECHNIQUES else _advice(first)
    second = _find(other)
    if first == second:
        raise AdvisorError(f"Both names mean {first!r}; give two different techniques, or one alone.")
    return _pair(first, second)


def title(name: str) -> str:
    """What a technique is called in a sentence."""
    return TECHNIQUES[name].card.title if name in TECHNIQUES else ADVICE[name].title


def parameter_rows(technique: type[Technique]) -> list[dict[str, str]]:
    """One row for each parameter, from its field: name, meaning, default, bounds, usual range."""
    properties: dict[str, dict[str, Any]] = technique.model_json_schema().get("properties", {})
    return [
        {
            "name": name,
            "meaning": schema.get("description", ""),
            "default": str(schema.get("default")),
            "bounds": _bounds(schema),
            "usual": " to ".join(f"{limit:g}" for limit in schema["usual"]) if schema.get("usual") else "any",
            "unit": schema.get("unit", ""),
        }
        for name, schema in properties.items()
        if name in technique.parameter_fields()
    ]


def _find(name: str) -> str:
    known = known_as(name)
    if known in TECHNIQUES or known in ADVICE:
        return known
    offered = ", ".join(nearest(known, [*TECHNIQUES, *ADVICE]))
    raise AdvisorError(f"Unknown technique {name!r}; known, nearest first: {offered}.")


def outline(name: str) -> str:
    """What `explain` says of a technique in the registry, with its rules by id alone."""
    ids = ", ".join(f"`{rule.id}`" for rule in rules_about(name))
    return "\n".join([*_card(TECHNIQUES[name]), "", f"Rules: {ids}", ""])


def _executable(technique: type[Technique]) -> str:
    lines = _card(technique) + _measured_lines(measured_about(technique.name))
    return "\n".join(lines + _rule_lines(rules_about(technique.name)))


def _card(technique: type[Technique]) -> list[str]:
    card = technique.card
    lines = [f"# {card.title} (`{technique.name}`)", "", card.mechanism, ""]
    lines += [f"- **When:** {card.when}", f"- **Avoid:** {card.avoid}"]
    lines += [f"- **Cost:** {card.cost}", f"- **Interactions:** {card.interactions}"]
    if card.effect:
        effect = card.effect
        lines.append(
            f"- **Reported effect:** {effect.metric} {effect.low:+g} to {effect.high:+g} ({effect.scope}; "
            f"{effect.source}). Your own data decides: verify it."
        )
    lines += [f"- **Source:** {card.source}", f"- **Data:** {', '.join(card.modalities)}", "", "## Parameters", ""]
    lines += ["| name | meaning | default | bounds | usual |", "|---|---|---|---|---|"]
    for row in parameter_rows(technique):
        unit = f" {row['unit']}" if row["unit"] else ""
        lines.append(
            f"| `{row['name']}` | {row['meaning']} | {row['default']}{unit} | {row['bounds']} | {row['usual']} |"
        )
    conflicts = [(b if a == technique.name else a, why) for a, b, why in _conflicts_of(technique.name)]
    if conflicts:
        lines += ["", "## Conflicts", ""] + [f"- `{name}`: {why}" for name, why in conflicts]
    return lines


def _advice(name: str) -> str:
    lines = [f"# {ADVICE[name].title} (`{name}`)", "", NOT_RUN]
    return "\n".join(lines + _rule_lines(rules_about(name)))


def _pair(first: str, second: str) -> str:
    names = [first, second]
    both = [rule for rule in rules_about(first) if second in rule.subjects]
    runnable = [name for name in names if name in TECHNIQUES]
    conflicts = check_conflicts(runnable) if len(runnable) == 2 else []
    lines = [f"# {title(first)} with {title(second)}", ""]
    if conflicts:
        lines.append(f"Do not combine them: {conflicts[0][2]}. Compare them as two arms instead.")
    elif both:
        lines.append("They may be combined, with care: read the rules below, and measure each alone first.")
    else:
        lines.append("No conflict is known. They may be combined; measure each alone first, then both.")
    lines += ["", *(f"- {title(name)}: {TECHNIQUES[name].card.interactions}" for name in runnable)]
    lines += [f"- {title(name)}: {NOT_RUN}" for name in names if name not in runnable]
    if len(runnable) == 2 and not conflicts:
        lines += ["", "## Order in a training", "", *_order(names)]
    return "\n".join([*lines, *_measured_lines(measured_about(*names)), *_rule_lines(both)])


def _order(names: list[str]) -> list[str]:
    """What the techniques do, moment by moment; at the same moment the registry's order decides."""
    acts = [
        (moment, name)
        for moment in MOMENTS
        for name in TECHNIQUES
        if name in names and getattr(TECHNIQUES[name], moment, None) is not getattr(Technique, moment, None)
    ]
    return [f"{number}. `{name}` {MOMENTS[moment]}." for number, (moment, name) in enumerate(acts, 1)]


def _conflicts_of(name: str) -> list[tuple[str, str, str]]:
    return [found for other in TECHNIQUES if other != name for found in check_conflicts([name, other])]


def _measured_lines(results: list[Measured]) -> list[str]:
    if not results:
        return []
    return ["", "## Measured", "", *(f"- {result.statement} ({result.source})" for result in results)]


def _rule_lines(rules: list[Rule]) -> list[str]:
    if not rules:
        return [""]
    return [
        "",
        "## Rules",
        "",
        *(f"- `{rule.id}` ({rule.strength}; {rule.source}): {rule.claim}" for rule in rules),
        "",
    ]


def _bounds(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(repr(value) for value in schema["enum"])
    if schema.get("type") == "boolean":
        return "true or false"
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    parts = []
    if low is not None:
        parts.append(f"{'above' if 'exclusiveMinimum' in schema else 'from'} {low:g}")
    if high is not None:
        parts.append(f"{'below' if 'exclusiveMaximum' in schema else 'to'} {high:g}")
    return " ".join(parts) or "any"
