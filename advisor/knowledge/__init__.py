"""The rules of the expert: id, claim, scope, source, strength and check. A new topic is its file and one line here."""

from advisor.errors import unknown
from advisor.knowledge.model import Rule as Rule
from advisor.knowledge.topics import (
    augmentation,
    distillation,
    dropout,
    early_stopping,
    ensembles,
    label_smoothing,
    practice,
    principles,
    theory,
    weight_decay,
)

_TOPICS = (
    principles,
    practice,
    augmentation,
    weight_decay,
    dropout,
    label_smoothing,
    early_stopping,
    distillation,
    ensembles,
    theory,
)
RULES: dict[str, Rule] = {rule.id: rule for topic in _TOPICS for rule in topic.RULES}
assert len(RULES) == sum(len(topic.RULES) for topic in _TOPICS), "two rules share an id"


def find_rule(rule_id: str) -> Rule:
    """The rule of this id.

    Raises:
        AdvisorError: there is none; the message offers the nearest ids.
    """
    if rule_id not in RULES:
        raise unknown("rule", rule_id, RULES)
    return RULES[rule_id]


def rules_about(subject: str) -> list[Rule]:
    """Every rule that speaks about this technique, in the order of the topics."""
    return [rule for rule in RULES.values() if subject in rule.subjects]
