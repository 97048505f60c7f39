"""Every statement of the starting document is carried by rules, and the written map is current."""

from pathlib import Path

import pytest

from advisor.errors import AdvisorError
from advisor.knowledge import RULES, seed_map
from advisor.knowledge.seed_statements import STATEMENTS

SECTIONS = (
    "Triggers", "Philosophy", "Standard Dropout", "Spatial Dropout", "DropPath", "Weight Decay", "CutMix", "MixUp",
    "RandAugment", "AugMax", "Strategy Selection", "Label Smoothing", "Early Stopping", "Standard Distillation",
    "Feature Distillation", "Self-Distillation", "Ensemble Methods", "Classical View", "Modern View",
    "Epoch-Wise Double Descent", "Model-Wise Double Descent", "Practical Implications", "Anti-Patterns",
    "Related Skills",
)  # fmt: skip


def test_every_section_of_the_document_occurs_in_its_order() -> None:
    assert tuple(dict.fromkeys(statement.section for statement in STATEMENTS)) == SECTIONS


def test_every_statement_is_carried_by_rules_that_exist() -> None:
    for statement in STATEMENTS:
        assert statement.rules, statement.says
        assert set(statement.rules) <= set(RULES), statement.says


def test_known_errors_of_the_document_are_corrected() -> None:
    corrections = {statement.section: "" for statement in STATEMENTS}
    for statement in STATEMENTS:
        corrections[statement.section] += statement.correction
    for section, words in {
        "Weight Decay": "product",
        "DropPath": "whole batch",
        "Standard Distillation": "T squared",
        "Label Smoothing": "contested",
        "Anti-Patterns": "label-preserving basics",
        "RandAugment": "31 bins",
        "MixUp": "ImageNet",
        "Ensemble Methods": "seldom accuracy",
        "CutMix": "near zero",
        "Epoch-Wise Double Descent": "contested",
    }.items():
        assert words in corrections[section]


def test_the_written_map_is_current() -> None:
    assert seed_map.stale() == []


def test_a_stale_map_is_noticed_and_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seed_map, "_ROOT", tmp_path)
    with pytest.raises(AdvisorError, match="only in a checkout"):
        seed_map.path()
    assert seed_map.main(["--check"]) == 2
    (tmp_path / "docs").mkdir()
    assert seed_map.main(["--check"]) == 1
    assert seed_map.main([]) == 0
    assert seed_map.main(["--check"]) == 0
    (tmp_path / "docs" / "seed_map.md").write_text("old")
    assert seed_map.main(["--check"]) == 1
