"""Runs measured under corruptions: the same damaged test examples for every arm, and nothing else changed by it."""

import math
import pathlib
import re
from typing import Any

import numpy as np
import pytest
import torch

from advisor.training.engine import Data, train
from advisor.training.plan import RunPlan
from advisor.training.robustness import CORRUPTIONS, CorruptedTest, corrupted_test, overlap_notes, why_none
from advisor.training.robustness.registry import Corruption
from advisor.training.stack import train_stack
from tests.training.run_plans import SMALL_CNN, make_plan

TASKS = ["images", "wine", "table", "real", "words", "bytes", "labels"]
MINE = """
import numpy as np
def pictures(size, channels):
    random = np.random.default_rng(0)
    return random.random((60, channels, size, size), dtype="float32") * 3 - 1, random.integers(2, size=60)
def labels():
    random = np.random.default_rng(0)
    pictures = random.random((60, 1, 8, 8), dtype="float32")
    return pictures, np.stack([pictures.mean((1, 2, 3)) > 0.5, pictures[:, 0, 0, 0] > 0.5], 1).astype("int64")
def sequences():
    return np.random.default_rng(0).random((60, 4, 2), dtype="float32"), np.arange(60) % 2
def numbers():
    return np.random.default_rng(0).integers(9, size=(60, 1, 8, 8)), np.arange(60) % 2
"""


def task(folder: pathlib.Path, name: str, **changes: Any) -> RunPlan:
    """A plan on data of this form, which are written to the folder."""
    random = np.random.default_rng(0)
    (folder / "mine.py").write_text(MINE)
    rows = [
        f"{'' if n % 9 == 0 else n % 7},{random.normal():.4f},{'red' if n % 2 else 'blue'},city{n % 40},{n % 2}"
        for n in range(240)
    ]
    (folder / "t.csv").write_text("\n".join(["some,all,colour,city,y", *rows]))
    texts = [f"{'good' if n % 2 else 'bad'} film number {n % 6} {'really ' * (n % 5)}!\t{n % 2}" for n in range(120)]
    (folder / "t.tsv").write_text("\n".join(["text\tlabel", *texts]))
    text_model = {"name": "text_cnn"}
    plans: dict[str, dict[str, Any]] = {
        "images": {"model": SMALL_CNN},
        "wine": {"data": {"builtin": "wine"}},
        "table": {"data": {"table": "t.csv", "target": "y"}, "model": {"name": "table_mlp"}},
        "real": {"data": {"table": "t.csv", "target": "all"}, "model": {"name": "table_mlp"}, "metric": "rmse"},
        "words": {"data": {"text": "t.tsv", "target": "label"}, "model": text_model},
        "bytes": {"data": {"text": "t.tsv", "target": "label", "vocabulary": "byte"}, "model": text_model},
        "labels": {"data": {"entry": "mine:labels"}, "metric": "label_accuracy"},
    }
    return make_plan(corruptions=True, **plans[name], **changes)


def versions(plan: RunPlan, folder: pathlib.Path, data: Data | None = None) -> dict[str, torch.Tensor]:
    """The inputs under each corruption, by label."""
    data = data or Data(plan, folder)
    made = data.corrupted.versions(plan, data.parts(plan)["test"], (0.0, 1.0))
    return {label: part.inputs for label, part in made}


def alike(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return list(one) == list(other) and all(one[label].equal(other[label]) for label in one)


@pytest.mark.parametrize("name", TASKS)
def test_a_run_adds_its_corrupted_values_and_keeps_all_others_to_the_bit(tmp_path, name):
    plan = task(tmp_path, name)
    result = train(plan, workspace=tmp_path)
    plain = train(plan.model_copy(update={"corruptions": False}), workspace=tmp_path)
    added = {"corrupted_rmse"} if name == "real" else {"corrupted_accuracy", "corrupted_nll"}
    assert set(result.test) - set(plain.test) == added
    kept = {metric: value for metric, value in result.test.items() if metric not in added}
    assert result.model_copy(update={"test": kept, "corruptions": {}, "notes": ()}) == plain
    main = "rmse" if name == "real" else "accuracy"
    table = dict(result.corruptions)
    assert table.pop("clean") == plain.test[main]  # of so few test examples all are measured
    assert result.test[f"corrupted_{main}"] == pytest.approx(np.mean(list(table.values())))
    assert all(math.isfinite(value) for value in result.test.values())
    (note,) = result.notes
    assert note.startswith("corrupted values are means over ")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("images", {name for name, one in CORRUPTIONS.items() if one.form == "image"}),
        ("wine", {"missing_values", "number_noise"}),
        ("table", {"missing_values", "number_noise", "replaced_categories"}),
        ("words", {"misspelled_words", "dropped_words", "swapped_words"}),
        ("bytes", {"replaced_characters", "dropped_characters", "swapped_characters"}),
    ],
)
def test_each_form_of_data_has_its_corruptions_in_five_severities(tmp_path, name, expected):
    labels = versions(task(tmp_path, name), tmp_path)
    assert set(labels) == {f"{corruption}/{severity}" for corruption in expected for severity in range(1, 6)}


@pytest.mark.parametrize("name", TASKS)
def test_arms_and_blocks_of_one_split_see_the_same_examples_and_another_split_others(tmp_path, name):
    plan = task(tmp_path, name)
    other = plan.model_copy(update={"block": 3, "block_seed": 99, "arm": "other"})
    first = versions(plan, tmp_path)
    assert alike(first, versions(other, tmp_path))
    assert not alike(first, versions(plan.model_copy(update={"split_seed": 4}), tmp_path))


@pytest.mark.parametrize("name", TASKS)
def test_kept_examples_are_those_that_are_made_anew_also_after_another_split(tmp_path, name, monkeypatch):
    plan = task(tmp_path, name)
    data = Data(plan, tmp_path)
    first = versions(plan, tmp_path, data)
    assert alike(first, versions(plan, tmp_path, data))
    versions(plan.model_copy(update={"split_seed": 4}), tmp_path, data)
    monkeypatch.setattr(corrupted_test, "KEPT_BYTES", 0)
    assert alike(first, versions(plan, tmp_path, data))


def test_images_damaged_in_parts_are_of_the_same_form_and_range(tmp_path, monkeypatch):
    monkeypatch.setattr(corrupted_test, "NUMBERS_AT_ONCE", 64 * 50)
    for inputs in versions(task(tmp_path, "images"), tmp_path).values():
        assert inputs.shape == (449, 1, 8, 8)
        assert inputs.is_contiguous(memory_format=torch.channels_last)
        assert 0 <= inputs.min() <= inputs.max() <= 1


@pytest.mark.parametrize("name", ["wine", "table", "real", "words", "bytes"])
def test_damage_of_no_strength_is_encoded_to_the_bits_of_the_clean_examples(tmp_path, name, monkeypatch):
    monkeypatch.setattr(Corruption, "setting", lambda self, severity: 0.0)
    plan = task(tmp_path, name)
    data = Data(plan, tmp_path)
    clean = data.corrupted.clean(plan, data.parts(plan)["test"])
    for label, inputs in versions(plan, tmp_path, data).items():
        assert inputs.equal(clean.inputs), label


def test_missing_values_are_encoded_as_those_of_training_are(tmp_path, monkeypatch):
    monkeypatch.setattr(Corruption, "setting", lambda self, severity: 1.0 if self.name == "missing_values" else 0.0)
    plan = task(tmp_path, "table")
    data = Data(plan, tmp_path)
    test = data.parts(plan)["test"]
    row = dict(zip(test.facts.columns, versions(plan, tmp_path, data)["missing_values/1"][0].tolist(), strict=True))
    gone = dict(zip(test.facts.columns, test.inputs[test.inputs[:, 2] == 1][0].tolist(), strict=True))
    assert (row["some is missing"], row["some"]) == (1.0, gone["some"]), "as where a value is missing in the file"
    assert (row["colour = red"], row["colour = blue"], row["city"]) == (0.0, 0.0, 0.0), "a level that training lacks"


def test_a_table_without_a_mark_for_what_is_missing_gets_the_training_median(tmp_path, monkeypatch):
    monkeypatch.setattr(Corruption, "setting", lambda self, severity: 1.0)
    plan = task(tmp_path, "wine")
    data = Data(plan, tmp_path)
    found = versions(plan, tmp_path, data)["missing_values/1"]
    training = data.parts(plan)["train"].inputs
    np.testing.assert_allclose(found, np.median(training, 0, keepdims=True).repeat(len(found), 0), atol=1e-5)


def test_misspelled_words_become_the_unknown_id_and_nothing_is_learned_of_them(tmp_path, monkeypatch):
    monkeypatch.setattr(Corruption, "setting", lambda self, severity: 1.0)
    plan = task(tmp_path, "words")
    found = versions(plan, tmp_path)["misspelled_words/1"]
    assert set(found.unique().tolist()) == {0, 1}  # padding and unknown


def test_at_most_a_thousand_examples_are_measured_from_all_over_the_test_split(tmp_path):
    pixels = np.random.default_rng(0).random((2800, 1, 8, 8), dtype=np.float32)
    np.savez(tmp_path / "x.npz", x_train=pixels[:400], y_train=np.arange(400) % 2, x_test=pixels[400:],
             y_test=np.repeat([0, 1], 1200))  # fmt: skip
    plan = make_plan(data={"arrays": "x.npz"}, corruptions=True, epochs=1)
    data = Data(plan, tmp_path)
    clean = data.corrupted.clean(plan, data.parts(plan)["test"])
    assert len(clean) == 1000
    assert clean.targets.bincount().min() > 400  # although the source has one class after the other
    assert train(plan, data=data).notes[0].endswith("on 1000 of 2400 test examples")


def test_pixels_of_another_range_are_damaged_within_it(tmp_path):
    plan = make_plan(
        data={"entry": "mine:pictures", "arguments": {"size": 9, "channels": 3}},
        model={"name": "small_cnn", "arguments": {"width": 4}},
    )
    (tmp_path / "mine.py").write_text(MINE)
    data = Data(plan, tmp_path)
    made = dict(data.corrupted.versions(plan, data.parts(plan)["test"], (-1.0, 2.0)))
    lowest = min(part.inputs.min().item() for part in made.values())
    highest = max(part.inputs.max().item() for part in made.values())
    assert (lowest, highest) == (-1.0, 2.0)
    clean = data.corrupted.clean(plan, data.parts(plan)["test"])
    half = made["contrast/5"].inputs - clean.inputs.mean((2, 3), keepdim=True)
    torch.testing.assert_close(half, 0.2 * (clean.inputs - clean.inputs.mean((2, 3), keepdim=True)), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("data", "model", "metric", "why"),
    [
        ({"corpus": "c.txt", "context": 8}, {"name": "gpt_mini"}, "perplexity", "a damaged text"),
        ({"entry": "mine:pictures", "arguments": {"size": 7, "channels": 1}}, None, "accuracy", "7 x 7 pixels"),
        ({"entry": "mine:pictures", "arguments": {"size": 8, "channels": 2}}, None, "accuracy", "2 channels"),
        ({"entry": "mine:sequences"}, None, "accuracy", r"inputs of shape \(4, 2\)"),
        ({"entry": "mine:numbers"}, None, "accuracy", "whole numbers"),
    ],
)
def test_where_no_corruption_fits_the_run_says_why_and_is_otherwise_the_same(tmp_path, data, model, metric, why):
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "c.txt").write_text("to be or not to be, that is the question. " * 40)
    changes: dict[str, Any] = {"data": data, "metric": metric, "epochs": 1} | ({"model": model} if model else {})
    result = train(make_plan(corruptions=True, **changes), workspace=tmp_path)
    (note,) = result.notes
    assert re.search(f"^corrupted values were not measured: .*{why}", note)
    assert result.model_copy(update={"notes": ()}) == train(make_plan(**changes), workspace=tmp_path)
    assert result.corruptions == {}


def test_runs_of_a_stack_are_measured_too_and_the_same_in_any_company():
    plan = make_plan(data={"builtin": "digits", "train_size": 200}, corruptions=True)
    plans = [plan.model_copy(update={"block": block, "block_seed": 50 + block}) for block in range(3)]
    together = train_stack(plans)
    assert train_stack(plans[1:2]) == together[1:2]
    for alone, stacked in zip([train(one) for one in plans], together, strict=True):
        assert list(stacked.corruptions) == list(alone.corruptions)
        assert stacked.test["corrupted_nll"] == pytest.approx(alone.test["corrupted_nll"], abs=1e-3)


def test_a_training_that_diverged_has_corrupted_values_that_are_no_numbers():
    result = train(make_plan(optimizer="sgd", lr=100.0, epochs=20, corruptions=True, data={"builtin": "wine"}))
    assert math.isnan(result.rows[-1].train_loss)
    assert math.isnan(result.test["corrupted_nll"])
    assert math.isnan(result.test["corrupted_accuracy"])


def test_what_the_arm_keeps_is_what_is_measured():
    plan = make_plan({"early_stopping": {"patience_epochs": 1}}, corruptions=True, lr=0.05, epochs=60)
    result = train(plan)
    assert result.kept_epoch < result.epochs_run - 1
    assert result.corruptions["clean"] == result.test["accuracy"]


def test_an_arm_that_trains_on_what_is_measured_has_a_note_and_no_other():
    used = {"randaugment": {}, "input_noise": {"where": "input"}, "mixup": {}}
    notes = overlap_notes(used, corruptions=True)
    assert [note.split()[0] for note in notes] == ["input_noise", "randaugment"]
    assert "gaussian_noise" in notes[0]
    assert overlap_notes(used, corruptions=False) == ()
    assert overlap_notes({"input_noise": {"where": "embedding"}}, corruptions=True) == ()
    assert overlap_notes({"basic_augmentation": {"shift": 2, "brightness": 0.0}}, corruptions=True) == ()
    assert len(overlap_notes({"basic_augmentation": {"brightness": 0.2}}, corruptions=True)) == 1


def test_the_corruptions_that_notes_name_exist():
    from advisor.techniques import TECHNIQUES
    from advisor.training.robustness.overlap import OVERLAPS

    assert set(OVERLAPS) <= set(TECHNIQUES)
    assert {name for names in OVERLAPS.values() for name in names} <= set(CORRUPTIONS)


def test_a_data_set_without_corruptions_has_a_reason(tmp_path):
    plan = make_plan(data={"entry": "mine:sequences"})
    (tmp_path / "mine.py").write_text(MINE)
    dataset = Data(plan, tmp_path).dataset
    assert why_none(dataset) is not None
    assert CorruptedTest(dataset).corruptions == ()
