"""A data set in memory: inputs, targets, what they are, and a fingerprint of the content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from advisor.contract import Frozen

if TYPE_CHECKING:
    import torch

IndexArray = NDArray[np.int64]
DataKind = Literal["class", "real"]
# From this ratio between the largest and the smallest class on, accuracy alone misleads.
IMBALANCE = 3


class DataCard(Frozen):
    """What a person wants to know about the data before believing a result on it."""

    examples: int
    classes: int | None
    class_counts: dict[str, int]  # label -> examples; empty for real targets
    exact_duplicates: int  # examples whose inputs equal those of an earlier example, byte for byte
    shared_between_splits: int  # of those, the ones whose twin is in another given split


@dataclass(frozen=True)
class Dataset:
    """Examples on the CPU.

    inputs: (N, ...) float32, or int64 where the user gave integers (token ids). targets: (N,) int64 class indices for
    "class"; (N,) or (N, D) float32 for "real". `labels` names the classes. `given` maps "train" and perhaps
    "validation" and "test" to indices where the source has splits of its own. `standardize` asks for the columns of a
    table to be brought to mean 0 and deviation 1.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    kind: DataKind
    labels: tuple[str, ...] = ()
    given: dict[str, IndexArray] | None = None
    standardize: bool = False

    @property
    def classes(self) -> int | None:
        """The number of classes, or None for real targets."""
        return len(self.labels) if self.kind == "class" else None

    @property
    def outputs(self) -> int:
        """How many numbers a model must give for one example."""
        if self.kind == "class":
            return len(self.labels)
        return 1 if self.targets.ndim == 1 else int(self.targets.shape[1])

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one example, without the batch."""
        return tuple(self.inputs.shape[1:])

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the content and shapes of inputs, targets, labels and given splits."""
        digest = hashlib.sha256()
        parts = [("inputs", self.inputs.numpy()), ("targets", self.targets.numpy())]
        parts += sorted((self.given or {}).items())
        for name, array in parts:
            digest.update(f"{name} {array.dtype} {array.shape};".encode())
            digest.update(np.ascontiguousarray(array).data)
        digest.update(repr((self.kind, self.labels, self.standardize)).encode())
        return digest.hexdigest()

    @property
    def notes(self) -> tuple[str, ...]:
        """What should be said beside any result on this data: duplicates, leaks between splits, imbalance."""
        card, notes = self.card, []
        if card.shared_between_splits:
            notes.append(f"{card.shared_between_splits} examples occur in more than one of the given splits: leakage")
        elif card.exact_duplicates:
            notes.append(f"{card.exact_duplicates} examples are exact copies of others and may fall into two splits")
        if card.class_counts:
            rare, common = min(card.class_counts.values()), max(card.class_counts.values())
            if common >= IMBALANCE * rare:
                notes.append(f"classes are unbalanced, {rare} to {common} examples: look at balanced_accuracy")
        return tuple(notes)

    @cached_property
    def card(self) -> DataCard:
        """Sizes, class balance and duplicates."""
        counts: dict[str, int] = {}
        if self.kind == "class":
            numbers = np.bincount(self.targets.numpy(), minlength=len(self.labels)).tolist()
            counts = dict(zip(self.labels, numbers, strict=True))
        duplicates, shared = self._duplicates()
        return DataCard(
            examples=len(self.inputs),
            classes=self.classes,
            class_counts=counts,
            exact_duplicates=duplicates,
            shared_between_splits=shared,
        )

    def _duplicates(self) -> tuple[int, int]:
        owner = np.zeros(len(self.inputs), dtype=np.int64)
        for number, index in enumerate((self.given or {}).values()):
            owner[index] = number
        first_seen: dict[bytes, int] = {}
        duplicates = shared = 0
        for row, split in zip(self.inputs.numpy(), owner.tolist(), strict=True):
            key = hashlib.blake2b(np.ascontiguousarray(row).data, digest_size=16).digest()
            first = first_seen.setdefault(key, -1)
            if first >= 0:
                duplicates += 1
                shared += first != split
            else:
                first_seen[key] = split
        return duplicates, shared
