"""Texts with a target, cut into words or bytes; the vocabulary and the length are those of the training split."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from advisor.data.columns import Column
from advisor.data.dataset import Dataset
from advisor.data.facts import DataKind, IndexArray, InputFacts, InputKind, Prepared
from advisor.data.group_columns import given_splits, make_cut
from advisor.data.groups import make_groups
from advisor.data.paths import locate
from advisor.data.spec import DataSpec
from advisor.data.table import encode_columns, target_columns
from advisor.data.table_file import read_columns
from advisor.errors import AdvisorError, unknown

if TYPE_CHECKING:
    import torch

WORD = re.compile(r"\w+|[^\w\s]")
MOST_TOKENS = {"word": 512, "byte": 1024}  # of a text; the rest is cut off
MOST_WORDS = 20_000  # in the vocabulary
LEAST_COUNT = 2  # of a word in training; rarer ones are unknown, so that unknown words have been seen
LENGTH_PERCENTILE = 95
SHORTEST = 4
PADDING, UNKNOWN, FIRST = 0, 1, 2
MAX_BYTES = 4 * 2**30


def load_text(data: DataSpec, workspace: pathlib.Path | None) -> Dataset:
    """The texts and targets in the rows of `data.text`.

    Raises:
        AdvisorError: columns that are missing, targets without a value, no text at all.
    """
    assert data.text is not None, "the source is a text table"
    path = locate(data.text, workspace)
    return text_dataset(read_columns(path), data, f"text {path.name!r}")


def text_dataset(
    columns: Mapping[str, Column], data: DataSpec, what: str, given: dict[str, IndexArray] | None = None
) -> Dataset:
    """A data set of a column of texts and the target columns."""
    import torch

    text_column = data.text_column or "text"
    targets = target_columns(data)
    split_column = data.split.column if data.split else None
    for name in (text_column, *targets, *(name for name in (split_column, data.groups) if name)):
        if name not in columns:
            raise unknown(f"column of {what}", name, columns)
    # Not `words`: a text that says "none" is one.
    texts = ["" if cell is None else str(cell) for cell in columns[text_column].cells]
    unit = data.vocabulary or "word"
    tokens, words, remarks = _tokens(texts, unit, what)
    encoded = encode_columns([columns[name] for name in targets], data, what)
    values = columns[split_column].raw() if split_column else None
    cut = make_cut(data.split, values, what)
    if cut is not None and cut.by == "given" and values is not None:
        given = given_splits(values, split_column or "", what)
    return Dataset(
        inputs=torch.from_numpy(tokens),
        targets=encoded.values,
        kind=encoded.kind,
        labels=encoded.labels,
        given=given,
        preparation=Vocabulary(words, data.vocabulary_size or MOST_WORDS),
        cut=cut,
        names=tuple(f"row {number + 1} {text[:40]!r}" for number, text in enumerate(texts)),
        remarks=remarks,
        groups=make_groups(data.groups, columns[data.groups].raw() if data.groups else None, what),
    )


@dataclass(frozen=True)
class Vocabulary:
    """From raw tokens (N, T), -1 after the end, to ids (N, L).

    Ids: 0 padding, 1 unknown, then bytes by value, or words, the most frequent in training first. `words` are what the
    raw tokens number; empty where they are bytes. L is such that 95 % of the training texts are whole.
    """

    words: tuple[str, ...]
    size: int
    kind: InputKind = "text"

    def describe(self) -> str:
        """Unit and size; the words are those of the raw tokens."""
        return f"text: {self.size} {self.words}"

    def fit(
        self, inputs: torch.Tensor, targets: torch.Tensor, kind: DataKind, outputs: int, train: IndexArray
    ) -> Prepared:
        """The first L tokens of each text as ids; an empty text is one unknown token."""
        import torch

        raw = inputs.numpy()
        lengths = (raw[train] >= 0).sum(1)
        length = max(SHORTEST, int(np.percentile(lengths, LENGTH_PERCENTILE, method="higher")))
        cut = raw[:, :length].astype(np.int64)
        if cut.shape[1] < length:
            cut = np.pad(cut, ((0, 0), (0, length - cut.shape[1])), constant_values=-1)
        table, vocabulary = self._table(raw[train])
        ids = np.where(cut >= 0, table[np.maximum(cut, 0)], PADDING)
        ids[(cut < 0).all(1), 0] = UNKNOWN
        facts = InputFacts("text", vocabulary=vocabulary, padding=PADDING)
        return Prepared(torch.from_numpy(ids), targets, facts, outputs, kind)

    def _table(self, train: NDArray[Any]) -> tuple[IndexArray, int]:
        """The id of each raw token, and how many ids there are."""
        if not self.words:
            return np.arange(FIRST, FIRST + 256, dtype=np.int64), FIRST + 256
        counts = np.bincount(train[train >= 0].astype(np.int64), minlength=len(self.words))
        # Raw tokens are in the order of the words, so that equal counts come in that order.
        order = np.argsort(-counts, kind="stable")[: self.size]
        kept = order[counts[order] >= LEAST_COUNT]
        table = np.full(len(self.words), UNKNOWN, dtype=np.int64)
        table[kept] = np.arange(FIRST, FIRST + len(kept))
        return table, FIRST + len(kept)


def _tokens(texts: list[str], unit: str, what: str) -> tuple[NDArray[Any], tuple[str, ...], tuple[str, ...]]:
    """Raw tokens (N, T), words in lower case as int32 or bytes as int16, what they number, and remarks."""
    most = MOST_TOKENS[unit]
    split: list[list[Any]] = [WORD.findall(text.lower()) if unit == "word" else list(text.encode()) for text in texts]
    lengths = np.asarray([len(tokens) for tokens in split])
    empty, long = int((lengths == 0).sum()), int((lengths > most).sum())
    if empty == len(texts):
        raise AdvisorError(f"All {len(texts)} texts of {what} are empty; check text_column.")
    width = int(min(most, lengths.max()))
    if len(texts) * width * 4 > MAX_BYTES:
        raise AdvisorError(f"{len(texts)} texts of {what} need more than {MAX_BYTES // 2**30} GiB; give fewer.")
    words: tuple[str, ...] = ()
    if unit == "word":
        words = tuple(sorted({str(token) for tokens in split for token in tokens[:most]}))
    number: dict[Any, int] = {word: place for place, word in enumerate(words)} or {byte: byte for byte in range(256)}
    raw = np.full((len(texts), width), -1, dtype=np.int32 if words else np.int16)
    for row, tokens in enumerate(split):
        raw[row, : min(width, len(tokens))] = [number[token] for token in tokens[:width]]
    remarks = []
    if empty:
        remarks.append(f"{empty} texts are empty")
    if long:
        remarks.append(f"{long} texts were cut after {most} {unit}s")
    return raw, words, tuple(remarks)
