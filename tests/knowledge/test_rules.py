"""Every rule is complete, its check exists, and every topic of the field is covered."""

import re
from pathlib import Path
from typing import get_args

import pytest

from advisor.diagnosis.model import Kind
from advisor.errors import AdvisorError
from advisor.knowledge import RULES, TOPICS, find_rule, rules_about, rules_on
from advisor.knowledge.advice import ADVICE, NAMES, known_as
from advisor.knowledge.model import Modality, Rule
from advisor.knowledge.usual import usual_range
from advisor.lint.base import CONFIG_CHECKS, SCRIPT_CHECKS
from advisor.recipe import CONDITION_NAMES
from advisor.techniques import TECHNIQUES

REPOSITORY = Path(__file__).resolve().parents[2]
LINT_CHECKS = {*SCRIPT_CHECKS, *CONFIG_CHECKS, "unreadable-file"}


def test_ids_are_names_in_lower_case_and_match_their_key() -> None:
    for key, rule in RULES.items():
        assert key == rule.id
        assert key.replace("-", "").isalnum()
        assert key == key.lower()


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
def test_a_rule_has_a_claim_a_scope_a_source_and_a_check_that_exists(rule: Rule) -> None:
    assert len(rule.claim) > 40
    assert rule.scope
    assert rule.source
    kind, _, target = rule.check.partition(":")
    if kind == "technique":
        assert target in NAMES
    elif kind == "lint":
        assert target in LINT_CHECKS
    elif kind == "recipe":
        assert target in CONDITION_NAMES
    elif kind == "evidence":
        assert target.replace("_", "").isalnum()
    else:
        assert kind == "test"
        path, _, name = target.partition("::")
        assert f"def {name}(" in (REPOSITORY / path).read_text(encoding="utf-8")


def _targets(kind: str) -> set[str]:
    return {rule.check.partition(":")[2] for rule in RULES.values() if rule.check.startswith(f"{kind}:")}


def test_every_technique_that_a_rule_names_as_its_check_can_be_run() -> None:
    assert _targets("technique") - set(TECHNIQUES) == set()


def test_every_measurement_that_a_rule_names_as_its_check_exists() -> None:
    missing = sorted(name for name in _targets("evidence") if not (REPOSITORY / "evidence" / f"{name}.py").is_file())
    assert missing == [], f"write evidence/NAME.py for {', '.join(missing)}"


def test_every_test_of_a_claim_stands_behind_a_rule() -> None:
    folder = REPOSITORY / "tests" / "knowledge"
    tests = {
        f"tests/knowledge/{path.name}::{name}"
        for path in folder.glob("test_claims*.py")
        for name in re.findall(r"^def (test_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert tests - _targets("test") == set()


def test_a_rule_that_the_usual_range_checks_speaks_about_a_parameter_that_declares_one() -> None:
    for rule in RULES.values():
        if rule.check == "lint:strength-outside-usual-range" and rule.subjects:
            fields = [field for name in rule.subjects for field in TECHNIQUES[name].parameter_fields().values()]
            assert any(usual_range(field) for field in fields), rule.id


def test_scopes_that_can_be_computed_with_use_known_words() -> None:
    for rule in RULES.values():
        assert set(rule.findings) <= set(get_args(Kind)), rule.id
        assert set(rule.modalities) < set(get_args(Modality)), rule.id


def test_every_technique_and_every_lint_check_stands_behind_a_rule() -> None:
    checks = {rule.check for rule in RULES.values()}
    assert {f"technique:{name}" for name in TECHNIQUES} <= checks
    assert {f"lint:{name}" for name in LINT_CHECKS} <= checks


def test_subjects_are_known_techniques_and_every_advised_technique_has_a_rule() -> None:
    subjects = {subject for rule in RULES.values() for subject in rule.subjects}
    assert subjects == set(NAMES)
    assert set(TECHNIQUES) <= set(NAMES)
    assert set(ADVICE) == set(NAMES) - set(TECHNIQUES)


def test_a_contested_rule_shows_both_sides_in_its_sources() -> None:
    contested = [rule for rule in RULES.values() if rule.strength == "contested"]
    assert {rule.id for rule in contested} >= {"label-smoothing-and-distillation", "double-descent-explanation"}
    for rule in contested:
        assert " against " in rule.source
        assert rule.claim.startswith("Contested.")


def test_corrections_of_common_belief_are_in_the_rules() -> None:
    assert "product" in RULES["weight-decay-times-learning-rate"].claim
    assert "computes every branch" in RULES["stochastic-depth-speed"].claim
    assert "T^2" in RULES["distillation-loss"].claim
    assert "31 bins" in RULES["randaugment-magnitude-scale"].claim
    assert "8 and more" in RULES["mixup-usual-alpha"].claim


def test_an_unknown_rule_is_answered_with_the_nearest() -> None:
    assert find_rule("mixup-effect").topic == "augmentation"
    with pytest.raises(AdvisorError, match="nearest first: mixup-effect,"):
        find_rule("mixup-efect")


def test_people_may_use_the_names_they_know() -> None:
    assert known_as("Rand-Augment") == "randaugment"
    assert known_as("random erasing") == "cutout"
    assert known_as("Deep Ensemble") == "seed_ensemble"
    assert known_as("something new") == "something_new"
    aliases = [alias for known in NAMES.values() for alias in known.aliases]
    assert len(aliases) == len(set(aliases))
    assert not set(aliases) & {*NAMES, *TECHNIQUES}
    assert rules_about("DropPath") == rules_about("stochastic_depth") != []


def test_rules_are_found_by_topic() -> None:
    assert [rule for topic in TOPICS for rule in rules_on(topic)] == sorted(
        RULES.values(), key=lambda rule: TOPICS.index(rule.topic)
    )
    assert rules_on("Double_Descent") == rules_on("double descent")
    with pytest.raises(AdvisorError, match="nearest first: ensembles"):
        rules_on("ensemble")
