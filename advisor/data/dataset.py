"""A data set in memory: raw inputs, targets, what they are, how they are cut and prepared, and a fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from advisor.data.card import DataCard as DataCard
from advisor.data.card import make_card
from advisor.data.facts import DataKind as DataKind
from advisor.data.facts import IndexArray as IndexArray
from advisor.data.facts import InputKind, Prepared
from advisor.data.groups import Groups
from advisor.data.preparation import AsTheyAre, Preparation

if TYPE_CHECKING:
    import torch

HASHED_AT_ONCE = 64 * 2**20  # bytes; inputs may be mapped from a file larger than the memory


@dataclass(frozen=True)
class Cut:
    """How the examples are to be split, where that is not left to the default.

    `groups`: (N,) the number of each example's group. `times`: (N,) floats that order the examples. `column`: where
    they come from, for messages.
    """

    by: Literal["given", "random", "stratified", "group", "time"]
    column: str | None = None
    groups: IndexArray | None = None
    times: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Dataset:
    """Examples on the CPU, as their source has them; `prepared` gives what a model gets.

    inputs: (N, ...) float32; uint8 where pixels lie in 0..255; int64 where a user gave integers; the raw form of
    tables and text is that of their preparation. targets: (N,) int64 class indices for "class"; (N, K) zeros and ones
    for "multilabel"; (N,) or (N, D) float32 for "real"; (N, T) ids for "token". `labels` names classes or labels.
    `given` maps "train" and perhaps "validation" and "test" to indices where the source has splits of its own.
    `names` says where each example comes from, for messages. `remarks`: what loading left out or changed.
    `groups`: on which a model is judged apart; they have no part in how the data are cut, which `cut` says.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    kind: DataKind
    labels: tuple[str, ...] = ()
    given: dict[str, IndexArray] | None = None
    preparation: Preparation = field(default_factory=AsTheyAre)
    cut: Cut | None = None
    names: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    groups: Groups | None = None
    _last: dict[bytes, Prepared] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def classes(self) -> int | None:
        """The number of classes, or None where the targets are none."""
        return len(self.labels) if self.kind == "class" else None

    @property
    def outputs(self) -> int:
        """How many numbers a model must give for one example; for tokens, see `Prepared.outputs`."""
        if self.kind == "class":
            return len(self.labels)
        if self.kind == "token":
            return int(self.targets.max()) + 1
        return 1 if self.targets.ndim == 1 else int(self.targets.shape[1])

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one raw example, without the batch."""
        return tuple(self.inputs.shape[1:])

    @property
    def input_kind(self) -> InputKind:
        """What the inputs are."""
        return self.preparation.kind

    def prepared(self, train: IndexArray) -> Prepared:
        """All examples as a model gets them, with means, encoders and vocabularies fitted on `train` alone.

        The last answer is kept, for the arms of a block share their split.
        """
        key = hashlib.sha256(np.ascontiguousarray(train).data).digest()
        if key not in self._last:
            prepared = self.preparation.fit(self.inputs, self.targets, self.kind, self.outputs, train)
            self._last.clear()
            self._last[key] = prepared
        return self._last[key]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over content and shapes of inputs, targets, labels and given splits, and over cut and preparation."""
        digest = hashlib.sha256()
        parts: list[tuple[str, NDArray[Any]]] = [("inputs", self.inputs.numpy()), ("targets", self.targets.numpy())]
        parts += sorted((self.given or {}).items())
        cut = self.cut or Cut("stratified")
        parts += [(name, array) for name, array in (("groups", cut.groups), ("times", cut.times)) if array is not None]
        parts += [] if self.groups is None else [("judged groups", self.groups.numbers)]
        for name, array in parts:
            digest.update(f"{name} {array.dtype} {array.shape};".encode())
            for chunk in _chunks(array):
                digest.update(chunk.data)
        digest.update(repr((self.kind, self.labels, cut.by, self.preparation.describe())).encode())
        return digest.hexdigest()

    @cached_property
    def card(self) -> DataCard:
        """What a person wants to know about the data, copies looked for between the given splits alone."""
        return make_card(self, self.given)

    @property
    def notes(self) -> tuple[str, ...]:
        """What should be said beside any result on this data: duplicates, leaks between splits, imbalance."""
        return self.card.notes


def _chunks(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """The content in order, contiguous pieces of bounded size."""
    if array.ndim == 0 or array.nbytes <= HASHED_AT_ONCE:
        yield np.ascontiguousarray(array)
        return
    rows = max(1, HASHED_AT_ONCE // max(1, array.nbytes // len(array)))
    for start in range(0, len(array), rows):
        yield np.ascontiguousarray(array[start : start + rows])
