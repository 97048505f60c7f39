"""The skill for a case leaves out what concerns other data and puts first what was observed."""

import pytest

from advisor.diagnosis.model import Kind
from advisor.knowledge import RULES
from advisor.knowledge.lookalikes import LOOK_ALIKES
from advisor.knowledge.narrow import (
    CASE,
    MODALITIES,
    SECTIONS,
    matching_rows,
    matching_rules,
    modality_of,
    narrow,
    size_of,
)
from advisor.knowledge.skill import skill_text


def test_without_a_case_the_text_is_whole() -> None:
    assert narrow(skill_text()) == skill_text()
    assert narrow(skill_text(), " ", "", "") == skill_text()


def test_the_sections_that_are_left_out_exist() -> None:
    lines = skill_text().split("\n")
    assert [section for section in SECTIONS if section not in lines] == []
    assert set(SECTIONS.values()) == set(MODALITIES)


@pytest.mark.parametrize("modality", MODALITIES)
def test_sections_and_rules_of_other_data_are_left_out_and_all_else_stays(modality: str) -> None:
    text = narrow(skill_text(), modality)
    for section, kind in SECTIONS.items():
        assert (section in text) == (kind == modality)
    for rule in RULES.values():
        line = f"- {rule.claim} [{rule.id}]"
        if line in skill_text():
            assert (line in text) == rule.concerns(modality)
    for heading in (line for line in skill_text().split("\n") if line.startswith("## ")):
        assert heading in text


def test_what_was_observed_comes_before_the_procedure() -> None:
    text = narrow(skill_text(), "image", "5000", "validation loss rises but accuracy holds")
    case = text[text.index(CASE) : text.index("## The procedure")]
    assert "over-confidence" in case
    assert case.index("over-confidence") < case.index("overfitting")
    assert "[temperature-scaling-definition]" in case
    assert "- number of training examples: 5000" in case
    assert text.startswith("---\nname: regularization-expert")
    for rule in RULES.values():
        assert text.count(f"- {rule.claim} [{rule.id}]") <= 1


@pytest.mark.parametrize(
    ("observed", "finding"),
    [
        ("val loss rises, acc stable", "overconfidence"),
        ("it overfits after 10 epochs", "overfitting"),
        ("about 20 % label noise", "label_noise"),
        ("GPT memorizes the data after epoch 2", "memorization"),
        ("loss is NaN at step 300", "non_finite"),
        ("class imbalance of 1:50", "wrong_metric"),
        ("training loss still decreasing", "still_improving"),
        ("there is a gap from the first epoch", "generalization_gap_from_start"),
        ("validation loss lower than train loss", "validation_below_train"),
        ("double_descent", "double_descent"),
        ("it underfits", "underfitting"),
        ("seeds differ a lot", "noisy_validation"),
    ],
)
def test_an_observation_in_other_words_finds_its_row(observed: str, finding: Kind) -> None:
    rows = matching_rows(observed)
    assert finding in rows[0].findings


def test_every_kind_that_is_named_finds_its_row_first() -> None:
    for row in LOOK_ALIKES:
        for kind in row.findings:
            assert row in matching_rows(kind)


def test_words_that_say_nothing_match_nothing() -> None:
    assert matching_rows("hello") == []
    assert matching_rows("") == []
    assert matching_rules([], "image", None) == []


def test_few_examples_bring_their_own_rules() -> None:
    rows = matching_rows("overfits")
    few = [rule.id for rule in matching_rules(rows, "image", 2000)]
    many = [rule.id for rule in matching_rules(rows, "image", 1_000_000)]
    assert "augmentation-on-tiny-data" in few
    assert "augmentation-on-tiny-data" not in many
    assert few[0] == "vit-small-data"
    assert all(RULES[rule_id].concerns("image") for rule_id in few)


@pytest.mark.parametrize(
    ("word", "modality"),
    [
        ("image", "image"),
        ("tabular", "table"),
        ("NLP", "text"),
        ("time series", "sequence"),
        ("graph", None),
        ("", None),
    ],
)
def test_words_for_a_kind_of_data(word: str, modality: str | None) -> None:
    assert modality_of(word) == modality


def test_an_unknown_kind_of_data_is_said_and_leaves_everything() -> None:
    text = narrow(skill_text(), "graph")
    assert "not recognized" in text
    assert all(section in text for section in SECTIONS)


@pytest.mark.parametrize(
    ("text", "size"),
    [("5000", 5000), ("5,000", 5000), ("5k", 5000), ("1.2M", 1_200_000), ("about 3000 rows", 3000), ("few", None)],
)
def test_numbers_as_people_write_them(text: str, size: int | None) -> None:
    assert size_of(text) == size
