"""A text file for language modelling: windows of bytes or characters, each to be continued by one token."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from advisor.data.dataset import Cut, Dataset
from advisor.data.facts import DataKind, IndexArray, InputFacts, InputKind, Prepared
from advisor.data.paths import locate, require_file
from advisor.data.spec import DataSpec
from advisor.data.table_file import read_text
from advisor.errors import AdvisorError

if TYPE_CHECKING:
    import torch

DEFAULT_CONTEXT = 64
MAX_BYTES = 256 * 2**20
FEWEST_WINDOWS = 20
BYTES = 256
UNKNOWN = 0


def load_corpus(data: DataSpec, workspace: pathlib.Path | None) -> Dataset:
    """Windows of `context` tokens and the tokens that follow each of these, cut by position: test is the end.

    Windows share no token, so that none straddles two splits; the target of one window's end is no other's input.

    Raises:
        AdvisorError: the file is too short, too large, or, for characters, not UTF-8.
    """
    import torch

    assert data.corpus is not None, "the source is a corpus"
    path = require_file(locate(data.corpus, workspace), MAX_BYTES)
    characters: tuple[str, ...] = ()
    if data.vocabulary == "character":
        points = np.frombuffer(read_text(path).encode("utf-32-le"), dtype="<u4")
        present, tokens = np.unique(points, return_inverse=True)
        characters = tuple(map(chr, present.tolist()))
        tokens = tokens.reshape(-1).astype(np.int32)
    else:
        tokens = np.frombuffer(path.read_bytes(), dtype=np.uint8).astype(np.int32)
    context = data.context or DEFAULT_CONTEXT
    windows = len(tokens) // (context + 1)
    if windows < FEWEST_WINDOWS:
        raise AdvisorError(
            f"{path.name!r} has {len(tokens)} tokens, which make {windows} windows of {context} and the next; at least "
            f"{FEWEST_WINDOWS} are needed. Lower context, or give a longer text."
        )
    rows = tokens[: windows * (context + 1)].reshape(windows, context + 1)
    return Dataset(
        inputs=torch.from_numpy(np.ascontiguousarray(rows[:, :-1])),
        targets=torch.from_numpy(np.ascontiguousarray(rows[:, 1:])),
        kind="token",
        preparation=Tokens(characters),
        cut=Cut("time", "position", times=np.arange(windows, dtype=np.float64)),
    )


@dataclass(frozen=True)
class Tokens:
    """From raw tokens to ids. Bytes are ids already; of `characters` those in training count, with 0 for the others."""

    characters: tuple[str, ...] = ()
    kind: InputKind = "tokens"

    def describe(self) -> str:
        """The characters that the raw tokens number."""
        return f"tokens: {self.characters}"

    def fit(
        self, inputs: torch.Tensor, targets: torch.Tensor, kind: DataKind, outputs: int, train: IndexArray
    ) -> Prepared:
        """Inputs and targets in the same vocabulary, which is also what a model predicts over."""
        import torch

        if not self.characters:
            facts = InputFacts("tokens", vocabulary=BYTES)
            return Prepared(inputs.long(), targets.long(), facts, BYTES, kind)
        rows = torch.from_numpy(train)
        present = torch.unique(torch.cat([inputs[rows].flatten(), targets[rows].flatten()]))
        table = torch.full((len(self.characters),), UNKNOWN, dtype=torch.int64)
        table[present.long()] = torch.arange(1, len(present) + 1)
        vocabulary = len(present) + 1
        facts = InputFacts("tokens", vocabulary=vocabulary)
        return Prepared(table[inputs.long()], table[targets.long()], facts, vocabulary, kind)
