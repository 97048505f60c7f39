"""The skill for one case: what concerns other data is left out, and what was observed comes first."""

import re

from advisor.knowledge import RULES
from advisor.knowledge.lookalikes import LOOK_ALIKES, SAME, LookAlike
from advisor.knowledge.model import Rule

MODALITIES = ("image", "sequence", "table", "text")
# Sections of the skill that concern one kind of data only.
SECTIONS: dict[str, str] = {
    "### Images": "image",
    "### Tables": "table",
    "### Text and language models": "text",
    "### Time series and audio": "sequence",
}
CASE = "## The case at hand"
SMALL_EXAMPLES = 20_000
SHOWN_RULES = 15


def narrow(skill: str, modality: str = "", train_size: str = "", observed: str = "") -> str:
    """The skill's text for a case; unchanged where nothing is known of it.

    modality: image, table, text or sequence, or a word for one of them. train_size: as people write it, such as 5k.
    observed: free words or names of findings.
    """
    known = {"modality": modality, "number of training examples": train_size, "observed": observed}
    facts = [f"- {name}: {value}" for name, value in known.items() if value.strip()]
    if not facts:
        return skill
    kind, size = modality_of(modality), size_of(train_size)
    rows = matching_rows(observed)
    rules = matching_rules(rows, kind, size)
    case = [CASE, "", *facts, ""]
    if modality.strip() and kind is None:
        case += [
            f"The kind of data was not recognized; it is one of {', '.join(MODALITIES)}. Nothing was left out.",
            "",
        ]
    if rows:
        case += ["What this may be:", "", *(f"- {row.shows}: {row.may_be}. Do: {row.do}." for row in rows), ""]
    if rules:
        case += ["Rules for it:", "", *(f"- {rule.claim} [{rule.id}]" for rule in rules), ""]
    rest = _without_other_data(skill, kind) if kind else skill
    for rule in rules:
        rest = rest.replace(f"- {rule.claim} [{rule.id}]\n", "")  # it has been said
    return _before_first_section(rest, "\n".join(case))


def modality_of(word: str) -> str | None:
    """The kind of data that a word means, or None."""
    plain = word.strip().lower()
    for modality, words in (
        ("image", ("image", "vision", "photo", "picture")),
        ("table", ("table", "tabular", "csv", "structured")),
        ("text", ("text", "language", "nlp", "token", "sentence")),
        ("sequence", ("sequence", "series", "audio", "speech", "sensor", "signal")),
    ):
        if any(known in plain for known in words):
            return modality
    return None


def size_of(text: str) -> int | None:
    """A number as people write it (5000, 5,000, 5k, 1.2M, "about 3000 rows"), or None."""
    found = re.search(r"(\d[\d,_]*(?:\.\d+)?)\s*(k|m|million|thousand)?\b", text.lower())
    if found is None:
        return None
    factor = {"k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6}.get(found[2] or "", 1)
    return round(float(found[1].replace(",", "").replace("_", "")) * factor)


def matching_rows(observed: str) -> list[LookAlike]:
    """The look-alikes that the words of an observation match, those that it matches most closely first."""
    text = observed.lower().replace("over-confiden", "overconfiden").replace("_", " ")
    for said, meant in SAME.items():
        text = re.sub(rf"\b{said}\b", meant, text)
    scored = []
    for row in LOOK_ALIKES:
        named = any(
            re.search(rf"\b{kind.replace('_', ' ')}\b", observed.lower().replace("_", " ")) for kind in row.findings
        )
        closest = max((len(group) for group in row.words if all(re.search(rf"\b{w}", text) for w in group)), default=0)
        if named or closest:
            scored.append((10 if named else closest, row))
    return [row for _, row in sorted(scored, key=lambda item: -item[0])]


def matching_rules(rows: list[LookAlike], modality: str | None, size: int | None) -> list[Rule]:
    """Rules that answer these look-alikes for such data, best evidence first within a row; few data adds its own."""
    rank = {"strong": 0, "moderate": 1, "contested": 2, "weak": 3}
    found: dict[str, Rule] = {}
    for row in rows:
        answers = [rule for rule in RULES.values() if set(rule.findings) & set(row.findings)]
        found |= {rule.id: rule for rule in sorted(answers, key=lambda rule: rank[rule.strength])}
    if size is not None and size <= SMALL_EXAMPLES:
        small = {rule.id: rule for rule in RULES.values() if rule.size == "small"}
        found = {key: rule for key, rule in small.items() if key in found} | found | small
    kept = [
        rule
        for rule in found.values()
        if (modality is None and not rule.modalities) or (modality is not None and rule.concerns(modality))
    ]
    return kept[:SHOWN_RULES]


def _without_other_data(skill: str, modality: str) -> str:
    """The text without the sections and the rules (lines that end with their ids) that concern other data only."""
    lines, leaving = [], False
    for line in skill.split("\n"):
        if line.startswith("#"):
            leaving = line in SECTIONS and SECTIONS[line] != modality
        cited = re.findall(r"\[([a-z0-9-]+)\]", line) if line.startswith("- ") else []
        others = [rule_id in RULES and not RULES[rule_id].concerns(modality) for rule_id in cited]
        if not leaving and not (others and all(others)):
            lines.append(line)
    return "\n".join(lines)


def _before_first_section(skill: str, case: str) -> str:
    before, mark, after = skill.partition("\n## ")
    return f"{before}\n{case.rstrip()}\n{mark}{after}" if mark else f"{skill}\n\n{case}"
