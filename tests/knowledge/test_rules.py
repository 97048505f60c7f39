"""Every rule is complete, its check exists, and every topic of the field is covered."""

from pathlib import Path

import pytest

from advisor.errors import AdvisorError
from advisor.knowledge import RULES, find_rule
from advisor.knowledge.advice import ADVICE, known_as
from advisor.knowledge.explain import explain
from advisor.knowledge.model import Rule
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
        assert target in TECHNIQUES
    elif kind == "lint":
        assert target in LINT_CHECKS
    elif kind == "recipe":
        assert target in CONDITION_NAMES
    elif kind == "test":
        path, _, name = target.partition("::")
        assert f"def {name}(" in (REPOSITORY / path).read_text(encoding="utf-8")
    else:
        assert kind == "review"
        assert len(target) > 20


def test_every_technique_and_every_lint_check_stands_behind_a_rule() -> None:
    checks = {rule.check for rule in RULES.values()}
    assert {f"technique:{name}" for name in TECHNIQUES} <= checks
    assert {f"lint:{name}" for name in LINT_CHECKS} <= checks


def test_subjects_are_known_techniques_and_every_advised_technique_has_a_rule() -> None:
    subjects = {subject for rule in RULES.values() for subject in rule.subjects}
    assert subjects <= {*TECHNIQUES, *ADVICE}
    assert subjects >= {*TECHNIQUES, *ADVICE}
    assert not set(TECHNIQUES) & set(ADVICE)


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


@pytest.mark.parametrize("name", list(TECHNIQUES))
def test_a_technique_is_explained_from_its_card_its_fields_and_its_rules(name: str) -> None:
    text = explain(name)
    technique = TECHNIQUES[name]
    assert technique.card.mechanism in text
    for field, info in technique.parameter_fields().items():
        assert f"| `{field}` |" in text
        extra = info.json_schema_extra
        if isinstance(extra, dict) and isinstance(extra.get("usual"), list):
            low, high = extra["usual"]  # type: ignore[misc]
            assert f"{low:g} to {high:g}" in text
    for rule in RULES.values():
        assert (f"`{rule.id}`" in text) == (name in rule.subjects)


@pytest.mark.parametrize("name", list(ADVICE))
def test_a_technique_that_cannot_be_run_is_explained_and_says_so(name: str) -> None:
    text = explain(name)
    assert "this version cannot run it" in text
    assert any(f"`{rule.id}`" in text for rule in RULES.values())


def test_people_may_use_the_names_they_know() -> None:
    assert explain("DropPath") == explain("stochastic_depth")
    assert explain("Label Smoothing") == explain("label_smoothing")
    assert known_as("RandAugment") == "rand_augment"
    aliases = [alias for advice in ADVICE.values() for alias in advice.aliases]
    assert len(aliases) == len(set(aliases))
    assert not set(aliases) & {*ADVICE, *TECHNIQUES}


def test_a_pair_that_conflicts_is_told_apart_from_one_that_may_be_combined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TECHNIQUES["dropout"], "conflicts", {"weight_decay": "for this test"})
    assert "Do not combine them: for this test" in explain("dropout", "weight_decay")
    assert "under-confident" in explain("label_smoothing", "mixup")
    assert "`label-smoothing-and-distillation`" in explain("label_smoothing", "distillation")
    assert "No conflict is known" in explain("weight_decay", "basic_augmentation")


def test_unknown_and_equal_names_are_refused() -> None:
    with pytest.raises(AdvisorError, match="nearest first: mixup"):
        explain("mixupp")
    with pytest.raises(AdvisorError, match="nearest first: dropout"):
        explain("mixup", "dropuot")
    with pytest.raises(AdvisorError, match="two different"):
        explain("drop_path", "stochastic_depth")
