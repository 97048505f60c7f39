"""The rules of the expert: id, claim, scope, source, strength and check. A new topic is its file and one line here."""

from advisor.errors import unknown
from advisor.knowledge.advice import known_as
from advisor.knowledge.model import Rule as Rule
from advisor.knowledge.topics import (
    augmentation,
    averaging,
    calibration,
    comparing,
    distillation,
    dropout,
    early_stopping,
    ensembles,
    fine_tuning,
    imbalance,
    label_noise,
    label_smoothing,
    language_models,
    mixing,
    practice,
    principles,
    scope,
    splits,
    tables,
    text_and_sequences,
    theory,
    weight_decay,
)

_TOPICS = (
    principles,
    practice,
    splits,
    comparing,
    augmentation,
    mixing,
    weight_decay,
    dropout,
    label_smoothing,
    calibration,
    label_noise,
    imbalance,
    early_stopping,
    distillation,
    ensembles,
    averaging,
    fine_tuning,
    language_models,
    text_and_sequences,
    tables,
    theory,
    scope,
)
RULES: dict[str, Rule] = {rule.id: rule for topic in _TOPICS for rule in topic.RULES}
assert len(RULES) == sum(len(topic.RULES) for topic in _TOPICS), "two rules share an id"
TOPICS: tuple[str, ...] = tuple(dict.fromkeys(rule.topic for rule in RULES.values()))


def find_rule(rule_id: str) -> Rule:
    """The rule of this id.

    Raises:
        AdvisorError: there is none; the message offers the nearest ids.
    """
    if rule_id not in RULES:
        raise unknown("rule", rule_id, RULES)
    return RULES[rule_id]


def rules_on(topic: str) -> list[Rule]:
    """Every rule of a topic, in order.

    Raises:
        AdvisorError: there is no such topic; the message offers the nearest.
    """
    plain = topic.strip().lower().replace("_", " ")
    if plain not in TOPICS:
        raise unknown("topic", topic, TOPICS)
    return [rule for rule in RULES.values() if rule.topic == plain]


def rules_about(subject: str) -> list[Rule]:
    """Every rule that speaks about this technique, by any name that it has, in the order of the topics."""
    name = known_as(subject)
    return [rule for rule in RULES.values() if name in rule.subjects]
