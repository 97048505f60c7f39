"""Nothing that is fitted depends on validation or test data: poisoned, they change nothing of the training split."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from advisor.data import Dataset, Splits, load, split
from advisor.experiments.spec import DataSpec, Design

WORDS = [f"{'good' if n % 2 else 'bad'} film {n % 6} {'really ' * (n % 5)}" for n in range(80)]


def sources(folder):
    lines = [
        f"{n * 0.5},{'red' if n % 3 else 'blue'},city{n % 40},{'' if n % 9 == 8 else n % 7},{n * 10.5}"
        for n in range(160)
    ]
    (folder / "t.csv").write_text("size,colour,city,count,y\n" + "\n".join(lines) + "\n")
    (folder / "t.tsv").write_text("label\ttext\n" + "".join(f"{n % 2}\t{text}\n" for n, text in enumerate(WORDS)))
    (folder / "c.txt").write_text("abcdefgh " * 300)
    np.savez(folder / "x.npz", x=np.random.default_rng(0).normal(size=(60, 4)), y=np.arange(60) % 2)
    return {
        "table": DataSpec(table="t.csv", target="y"),
        "text": DataSpec(text="t.tsv", target="label"),
        "bytes": DataSpec(text="t.tsv", target="label", vocabulary="byte"),
        "corpus": DataSpec(corpus="c.txt", context=8, vocabulary="character"),
        "arrays": DataSpec(arrays="x.npz"),
        "builtin": DataSpec(builtin="breast_cancer"),
    }


def poisoned(dataset: Dataset, splits: Splits) -> Dataset:
    """The same training examples, and in the other splits the worst that their raw form can hold."""
    inputs, targets = dataset.inputs.clone(), dataset.targets.clone()
    for index in (splits.validation, splits.test):
        rows = torch.from_numpy(index)
        if inputs.is_floating_point():
            inputs[rows] = inputs[rows] * 0 + 1e9
            inputs[rows[0]] = math.nan if dataset.input_kind == "table" and inputs.dtype == torch.float64 else -1e9
            levels = getattr(dataset.preparation, "levels", ())
            for column, words in enumerate(levels):
                if words:
                    inputs[rows, column] = len(words) - 1
        else:
            inputs[rows] = int(inputs.max())
        if dataset.kind == "real":
            targets[rows] = 1e9
        if dataset.kind == "token":
            targets[rows] = int(targets.max())
    return dataclasses.replace(dataset, inputs=inputs, targets=targets, _last={})


@pytest.mark.parametrize("name", ["table", "text", "bytes", "corpus", "arrays", "builtin"])
def test_poison_in_validation_and_test_changes_nothing_of_what_training_gets(tmp_path, name):
    dataset = load(sources(tmp_path)[name], tmp_path)
    splits = split(dataset, Design(), 1, None)
    clean = dataset.prepared(splits.train)
    foul = poisoned(dataset, splits).prepared(splits.train)
    assert clean.facts == foul.facts
    assert clean.outputs == foul.outputs
    for first, second in zip(
        clean.part(splits.train, torch.float32), foul.part(splits.train, torch.float32), strict=True
    ):
        assert torch.equal(first, second)
    assert not torch.equal(clean.inputs, foul.inputs)
    assert bool(foul.inputs.double().isfinite().all())


def test_a_word_a_level_and_a_gap_that_only_the_test_split_has_leave_the_form_as_it_was(tmp_path):
    source = sources(tmp_path)["table"]
    before = load(source, tmp_path)
    train = split(before, Design(), 0, None).train
    outside = sorted(set(range(160)) - set(train.tolist()))[0]
    lines = (tmp_path / "t.csv").read_text().splitlines()
    lines[outside + 1] = ",violet,atlantis,,3.5"
    (tmp_path / "t.csv").write_text("\n".join(lines))
    load(DataSpec(builtin="wine"), None)
    after = load(source, tmp_path)
    assert after.fingerprint != before.fingerprint
    assert after.prepared(train).facts == before.prepared(train).facts
    rows = torch.from_numpy(train)
    assert torch.equal(after.prepared(train).inputs[rows], before.prepared(train).inputs[rows])
    unseen = after.prepared(train).inputs[outside]
    assert [unseen[n].item() for n, c in enumerate(after.prepared(train).facts.columns) if c.startswith("colour")] == [
        0,
        0,
    ]


def test_the_same_data_are_prepared_to_the_same_bits(tmp_path):
    for name, source in sources(tmp_path).items():
        first = load(source, tmp_path)
        train = split(first, Design(), 0, None).train
        load(DataSpec(builtin="wine"), None)
        again = load(source, tmp_path)
        assert (name, again.fingerprint) == (name, first.fingerprint)
        assert torch.equal(first.prepared(train).inputs, again.prepared(train).inputs)
