"""The data card: what a person wants to know about the data before believing a result on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from advisor.contract import Frozen
from advisor.data.duplicates import find_copies
from advisor.data.facts import DataKind, IndexArray, InputKind
from advisor.data.groups import group_notes

if TYPE_CHECKING:
    from advisor.data.dataset import Dataset

# From this ratio between the largest and the smallest class on, accuracy alone misleads.
IMBALANCE = 3
NAMED = 5


class DataCard(Frozen):
    """Size, form, balance, copies and oddities of a data set."""

    examples: int
    classes: int | None
    class_counts: dict[str, int]  # label -> examples; empty for real targets and tokens
    exact_duplicates: int  # examples whose inputs equal those of an earlier example, byte for byte
    shared_between_splits: int  # of those, the ones whose twin is in another split
    group_counts: dict[str, int] = Field({})  # group -> examples, where data.groups names groups
    near_duplicates: int = 0  # further examples that are nearly the same as an earlier one
    near_shared_between_splits: int = 0  # of those, the ones whose twin is in another split
    conflicting_duplicates: int = 0  # exact copies with another target than their twin
    compared: int = 0  # how many examples were looked at for near-duplicates
    copies: tuple[str, ...] = ()  # some of them, those between splits first: "a = b" exact, "a ~ b" nearly
    input_kind: InputKind = "other"
    input_shape: tuple[int, ...] = ()  # of one example as its source has it
    target_kind: DataKind = "class"
    bytes: int = 0  # of inputs and targets in memory, before they are prepared
    fingerprint: str = ""
    notes: tuple[str, ...] = ()  # what should be said beside any result on this data


def make_card(dataset: Dataset, splits: Mapping[str, IndexArray] | None) -> DataCard:
    """The card; copies are looked for between `splits` where there are any."""
    counts: dict[str, int] = {}
    targets = dataset.targets.numpy()
    if dataset.kind == "class":
        numbers = np.bincount(targets, minlength=len(dataset.labels)).tolist()
        counts = dict(zip(dataset.labels, numbers, strict=True))
    elif dataset.kind == "multilabel":
        names = dataset.labels or tuple(str(number) for number in range(targets.shape[1]))
        counts = dict(zip(names, targets.sum(0).astype(int).tolist(), strict=True))
    owner = np.full(len(dataset), -1, dtype=np.int64)
    for number, index in enumerate((splits or {}).values()):
        owner[index] = number
    copies = find_copies(dataset.inputs, dataset.input_kind)
    across = _across(copies.exact, owner)
    near_across = _across(copies.near, owner)
    card = DataCard(
        examples=len(dataset),
        classes=dataset.classes,
        class_counts=counts,
        group_counts=dataset.groups.counts if dataset.groups is not None else {},
        exact_duplicates=len(copies.exact),
        shared_between_splits=int(across.sum()),
        near_duplicates=len(np.unique(copies.near[:, 1])),
        near_shared_between_splits=len(np.unique(copies.near[near_across][:, 1])),
        conflicting_duplicates=_conflicts(copies.exact, targets) if dataset.kind != "token" else 0,
        compared=copies.compared,
        copies=_examples(dataset, copies.exact, across, "=") + _examples(dataset, copies.near, near_across, "~"),
        input_kind=dataset.input_kind,
        input_shape=dataset.input_shape,
        target_kind=dataset.kind,
        bytes=dataset.inputs.nbytes + dataset.targets.nbytes,
        fingerprint=dataset.fingerprint,
    )
    return card.model_copy(update={"notes": (*dataset.remarks, *_notes(card, dataset, splits))})


def _across(pairs: IndexArray, owner: IndexArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    first, second = owner[pairs[:, 0]], owner[pairs[:, 1]]
    different: np.ndarray[tuple[int], np.dtype[np.bool_]] = (first != second) & (first >= 0) & (second >= 0)
    return different


def _conflicts(pairs: IndexArray, targets: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> int:
    different = targets[pairs[:, 0]] != targets[pairs[:, 1]]
    return int(different.reshape(len(pairs), -1).any(1).sum()) if len(pairs) else 0


def _examples(
    dataset: Dataset, pairs: IndexArray, across: np.ndarray[tuple[int], np.dtype[np.bool_]], sign: str
) -> tuple[str, ...]:
    chosen = np.concatenate([pairs[across], pairs[~across]])[:NAMED].tolist()
    return tuple(f"{_name(dataset, first)} {sign} {_name(dataset, second)}" for first, second in chosen)


def _name(dataset: Dataset, number: int) -> str:
    return dataset.names[number] if dataset.names else f"example {number}"


def _notes(card: DataCard, dataset: Dataset, splits: Mapping[str, IndexArray] | None) -> list[str]:
    notes = []
    named = f", such as {'; '.join(card.copies[:2])}" if card.copies else ""
    whose = "given splits" if splits is not None and splits is dataset.given else "splits"
    if card.shared_between_splits:
        notes.append(f"{card.shared_between_splits} examples occur in more than one of the {whose}: leakage{named}")
    elif card.exact_duplicates:
        notes.append(f"{card.exact_duplicates} examples are exact copies of others and may fall into two splits{named}")
    if card.near_shared_between_splits:
        notes.append(
            f"{card.near_shared_between_splits} examples are nearly the same as one in another of the {whose}: likely "
            f"leakage{named}"
        )
    elif card.near_duplicates:
        notes.append(f"{card.near_duplicates} examples are nearly the same as others and may fall into two splits")
    if card.conflicting_duplicates:
        notes.append(f"{card.conflicting_duplicates} exact copies have another target than their twin: label noise")
    if 0 < card.compared < card.examples:
        notes.append(f"near-duplicates were looked for among {card.compared} of {card.examples} examples")
    if card.target_kind == "class" and min(card.class_counts.values()) * IMBALANCE <= max(card.class_counts.values()):
        rare, common = min(card.class_counts.values()), max(card.class_counts.values())
        notes.append(f"classes are unbalanced, {rare} to {common} examples: look at balanced_accuracy")
    if card.target_kind == "class" and splits:
        notes += _lopsided(dataset, splits)
    if dataset.groups is not None and splits:
        notes += group_notes(dataset.groups, splits)
    return notes


def _lopsided(dataset: Dataset, splits: Mapping[str, IndexArray]) -> list[str]:
    """Classes that some split lacks."""
    notes = []
    targets = dataset.targets.numpy()
    for name, index in splits.items():
        counts = np.bincount(targets[index], minlength=len(dataset.labels))
        missing = [dataset.labels[label] for label in np.flatnonzero(counts == 0)]
        if missing:
            more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
            listed = ", ".join(repr(label) for label in missing[:NAMED])
            notes.append(f"the {name} split holds no example of class {listed}{more}")
    return notes
