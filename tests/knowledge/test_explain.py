"""A technique, or a pair, is explained from its card, its fields, its hooks, the rules, and what was measured."""

import inspect
import json
from pathlib import Path

import pytest

from advisor.errors import AdvisorError
from advisor.knowledge import RULES, measured
from advisor.knowledge.advice import ADVICE
from advisor.knowledge.explain import MOMENTS, explain, outline
from advisor.techniques import TECHNIQUES
from advisor.techniques.core import Technique


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
        assert (f"`{rule.id}`" in outline(name)) == (name in rule.subjects)


@pytest.mark.parametrize("name", list(ADVICE))
def test_a_technique_that_cannot_be_run_is_explained_and_says_so(name: str) -> None:
    text = explain(name)
    assert "this version cannot run it" in text
    assert any(f"`{rule.id}`" in text for rule in RULES.values())


def test_aliases_are_resolved() -> None:
    assert explain("DropPath") == explain("stochastic_depth")
    assert explain("Label Smoothing") == explain("label_smoothing")
    assert explain("l2", "smoothing") == explain("weight_decay", "label_smoothing")


def test_a_pair_that_conflicts_is_told_apart_from_one_that_may_be_combined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TECHNIQUES["dropout"], "conflicts", {"weight_decay": "for this test"})
    text = explain("dropout", "weight_decay")
    assert "Do not combine them: for this test" in text
    assert "Order" not in text
    text = explain("label_smoothing", "mixup")
    assert "`label-smoothing-calibration`" in text
    for name in ("label_smoothing", "mixup"):
        assert TECHNIQUES[name].card.interactions in text
    assert "`label-smoothing-and-distillation`" in explain("label_smoothing", "distillation")
    assert "No conflict is known" in explain("label_smoothing", "weight_decay")


def test_a_pair_says_in_which_order_the_two_act() -> None:
    text = explain("label_smoothing", "mixup")
    assert text.index("`mixup` changes each batch.") < text.index("`label_smoothing` changes each batch.")
    assert "1. `dropout` changes the model before training.\n" in explain("early_stopping", "dropout")


def test_every_hook_of_a_technique_has_words() -> None:
    hooks = [
        name
        for name, member in vars(Technique).items()
        if inspect.isfunction(member) and list(inspect.signature(member).parameters)[1:2] == ["run"]
    ]
    assert set(hooks) == set(MOMENTS)


def test_unknown_and_equal_names_are_refused() -> None:
    with pytest.raises(AdvisorError, match="nearest first: mixup"):
        explain("mixupp")
    with pytest.raises(AdvisorError, match="nearest first: dropout"):
        explain("mixup", "dropuot")
    with pytest.raises(AdvisorError, match="two different"):
        explain("drop_path", "stochastic_depth")


def test_measured_results_are_shown_and_what_cannot_be_read_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = {"statement": "Both: +0.1 to +0.4 points, n = 8.", "subjects": ["mixup", "label_smoothing"], "rule_ids": 3}
    one = {"statement": "By itself: +0.3 points.", "subjects": ["mixup"], "rule_ids": ["mixup-effect"]}
    (tmp_path / "mixing.json").write_text(json.dumps({"claims": [both, one, "no claim", {"subjects": ["mixup"]}]}))
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "other.json").write_text("[1]")
    monkeypatch.setattr(measured, "FOLDER", tmp_path)
    assert [result.rule_ids for result in measured.measured()] == [(), ("mixup-effect",)]
    pair = explain("mixup", "label_smoothing")
    assert "- Both: +0.1 to +0.4 points, n = 8. (evidence/mixing)" in pair
    assert "By itself" not in pair
    assert "By itself: +0.3 points." in explain("mixup")
    monkeypatch.setattr(measured, "FOLDER", tmp_path / "nowhere")
    assert "## Measured" not in explain("mixup")
