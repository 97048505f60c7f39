"""Texts and corpora: tokens, vocabularies of the training split, and windows that never straddle."""

import json

import numpy as np
import pytest
import torch

from advisor.data import load, split
from advisor.errors import AdvisorError
from advisor.experiments.spec import DataSpec, Design
from tests.data.real import DATASETS, needs_real_data

SHAKESPEARE = DATASETS / "text" / "tinyshakespeare.txt"
TEXTS = [f"{'good' if n % 2 else 'bad'} film number {n % 6} {'really ' * (n % 5)}!" for n in range(60)]


def write(folder, texts=TEXTS, name="t.tsv"):
    rows = [f"{'pos' if n % 2 else 'neg'}\t{text}" for n, text in enumerate(texts)]
    (folder / name).write_text("\n".join(["label\ttext", *rows]) + "\n")
    return DataSpec(text=name, target="label")


def test_words_become_ids_with_padding_at_the_end_and_unknown_for_rare_ones(tmp_path):
    dataset = load(write(tmp_path, [*TEXTS[:-1], "good film unheard"]), tmp_path)
    splits = split(dataset, Design(), 0, None)
    prepared = dataset.prepared(splits.train)
    ids, facts = prepared.inputs, prepared.facts
    assert (facts.kind, facts.padding, ids.dtype, dataset.labels) == ("text", 0, torch.int64, ("neg", "pos"))
    assert int(ids.max()) < (facts.vocabulary or 0)
    for row in ids.tolist():
        length = len(row) - row[::-1].index(next(i for i in row[::-1] if i)) if any(row) else 0
        assert 0 not in row[:length]
    assert ids[59, 2] == 1
    assert ids[1, 0] == ids[3, 0] != ids[0, 0]


def test_tsv_csv_and_json_lines_give_the_same_texts(tmp_path):
    first = load(write(tmp_path), tmp_path).fingerprint
    lines = [{"text": text, "label": "pos" if n % 2 else "neg"} for n, text in enumerate(TEXTS)]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "t.csv").write_text("label,text\n" + "".join(f'{r["label"]},"{r["text"]}"\n' for r in lines))
    for name in ("t.jsonl", "t.csv"):
        assert load(DataSpec(text=name, target="label"), tmp_path).fingerprint == first


def test_bytes_need_no_fitting_and_keep_every_letter(tmp_path):
    spec = write(tmp_path).model_copy(update={"vocabulary": "byte"})
    dataset = load(spec, tmp_path)
    prepared = dataset.prepared(split(dataset, Design(), 0, None).train)
    shown = bytes(i - 2 for i in prepared.inputs[0].tolist() if i >= 2).decode()
    assert prepared.facts.vocabulary == 258
    assert TEXTS[0].startswith(shown)


def test_an_empty_text_is_one_unknown_token_and_the_vocabulary_is_capped(tmp_path):
    spec = write(tmp_path, ["", *TEXTS[1:]]).model_copy(update={"vocabulary_size": 10})
    dataset = load(spec, tmp_path)
    prepared = dataset.prepared(np.arange(60))
    assert prepared.inputs[0].tolist() == [1] + [0] * (prepared.input_shape[0] - 1)
    assert prepared.facts.vocabulary == 12
    assert "1 texts are empty" in dataset.notes


def test_quotes_in_a_tsv_are_text(tmp_path):
    (tmp_path / "t.tsv").write_text('label\ttext\na\tsay "hi there\nb\t"whole, quoted"\n' + "a\tx y\nb\tz w\n" * 5)
    dataset = load(DataSpec(text="t.tsv", target="label"), tmp_path)
    assert len(dataset) == 12
    assert dataset.names[1] == "row 2 'whole, quoted'"


@pytest.mark.parametrize(
    ("content", "fields", "message"),
    [
        ("label\ttext\na\tb\n", {"text_column": "texts"}, "Unknown column of text 't.tsv' 'texts'"),
        ("label\ttext\n\tb\nx\tc\n", {}, "target 'label' .* is missing in 1 of 2 rows, such as line 2"),
        ("label\ttext\na\t\nb\t \n", {}, "All 2 texts of text 't.tsv' are empty"),
        ("label\ttext\na\tb\na\tc\n", {}, "are 'a'; a model needs two classes"),
    ],
)
def test_a_text_file_that_cannot_be_meant_is_refused(tmp_path, content, fields, message):
    (tmp_path / "t.tsv").write_text(content)
    with pytest.raises(AdvisorError, match=message):
        load(DataSpec(text="t.tsv", target="label", **fields), tmp_path)


def test_broken_json_lines_are_named(tmp_path):
    (tmp_path / "t.jsonl").write_text('{"text": "a", "label": 1}\n{"text": \n')
    with pytest.raises(AdvisorError, match="no JSON in line 2"):
        load(DataSpec(text="t.jsonl", target="label"), tmp_path)


@pytest.mark.parametrize("vocabulary", ["byte", "character"])
def test_windows_of_a_corpus_share_no_token_and_are_cut_by_position(tmp_path, vocabulary):
    text = "".join(chr(97 + n % 26) for n in range(1000)) + "é" * 100
    (tmp_path / "c.txt").write_text(text)
    dataset = load(DataSpec(corpus="c.txt", context=9, vocabulary=vocabulary), tmp_path)
    splits = split(dataset, Design(), 3, None)
    assert dataset.kind == "token"
    assert max(splits.train) < min(splits.validation) <= max(splits.validation) < min(splits.test)
    together = torch.cat([dataset.inputs, dataset.targets[:, -1:]], 1).flatten()
    raw = text.encode() if vocabulary == "byte" else text
    assert len(together) == len(raw) // 10 * 10
    assert torch.equal(dataset.inputs[:, 1:], dataset.targets[:, :-1])
    prepared = dataset.prepared(splits.train)
    assert prepared.outputs == prepared.facts.vocabulary == (256 if vocabulary == "byte" else 27)
    if vocabulary == "character":
        assert prepared.inputs[-1].tolist() == [0] * 9  # a letter that training has never seen


def test_a_short_corpus_is_refused_with_its_length(tmp_path):
    (tmp_path / "c.txt").write_text("to be")
    with pytest.raises(AdvisorError, match=r"'c.txt' has 5 tokens, which make 0 windows of 64"):
        load(DataSpec(corpus="c.txt"), tmp_path)


@needs_real_data
def test_real_shakespeare_has_65_characters():
    dataset = load(DataSpec(corpus=str(SHAKESPEARE), vocabulary="character"), None)
    everything = dataset.prepared(np.arange(len(dataset)))
    assert everything.facts.vocabulary == 66
    assert dataset.input_shape == (64,)
