"""Copies within a data set: exact ones by hash, and near ones by the measure that suits the inputs.

The work is bounded by numbers of examples, never by a clock, so that the same data always gives the same answer.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from advisor.data.facts import IndexArray, InputKind
from advisor.data.near_images import similar_images
from advisor.data.near_texts import similar_texts

if TYPE_CHECKING:
    import torch

# The most examples among which near-duplicates are looked for: the first, the last, and evenly between.
MAX_COMPARED = 100_000
ROUNDING = 100  # rows of a table are the same when each column is, rounded to its deviation over this


@dataclass(frozen=True)
class Copies:
    """(M, 2) pairs of examples, the earlier one first, ordered by the later one.

    `exact`: each example whose inputs equal those of an earlier one, once, with the first such. `near`: further pairs.
    `compared`: how many examples were looked at for near ones, 0 where there is no measure for the inputs.
    """

    exact: IndexArray
    near: IndexArray
    compared: int


def find_copies(inputs: torch.Tensor, kind: InputKind) -> Copies:
    """The copies among raw inputs (N, ...)."""
    array = inputs.numpy()
    exact = same_rows(array)
    if kind == "tokens" or len(array) == 0:
        return Copies(exact, _pairs([]), 0)
    chosen = np.arange(len(array), dtype=np.int64)
    if len(array) > MAX_COMPARED:
        chosen = np.linspace(0, len(array) - 1, MAX_COMPARED).astype(np.int64)
    # An exact copy is reported once, as such.
    chosen = np.setdiff1d(chosen, exact[:, 1])
    rows = array[chosen]
    if kind == "text":
        near = similar_texts(rows)
    elif kind == "image" or (kind == "other" and rows.ndim == 4 and rows.shape[1] in (1, 3)):
        near = similar_images(rows)
    elif rows.ndim == 2 and rows.dtype.kind == "f" and rows.shape[1] > 1:
        near = same_rows(_rounded(rows))
    else:
        return Copies(exact, _pairs([]), 0)
    near = chosen[near].reshape(-1, 2)
    return Copies(exact, near[np.lexsort((near[:, 0], near[:, 1]))], len(chosen) + len(exact))


def same_rows(array: NDArray[Any]) -> IndexArray:
    """(M, 2): each row that equals an earlier one byte for byte, after the first such."""
    first_seen: dict[bytes, int] = {}
    pairs = []
    for number, row in enumerate(array):
        key = hashlib.blake2b(np.ascontiguousarray(row).data, digest_size=16).digest()
        first = first_seen.setdefault(key, number)
        if first != number:
            pairs.append((first, number))
    return _pairs(pairs)


def _rounded(rows: NDArray[Any]) -> NDArray[np.int32]:
    """Each column in steps of a fraction of its deviation; a missing value (NaN) is a value of its own."""
    numbers = rows.astype(np.float64)
    known = np.isfinite(numbers)
    filled = np.where(known, numbers, 0.0)
    count = np.maximum(known.sum(0), 1)
    mean = filled.sum(0) / count
    deviation = np.sqrt((np.where(known, numbers - mean, 0.0) ** 2).sum(0) / count)
    steps = np.rint((filled - mean) / np.where(deviation > 0, deviation, 1.0) * ROUNDING)
    rounded: NDArray[np.int32] = np.where(known, np.clip(steps, -(2**30), 2**30), -(2**31)).astype(np.int32)
    return rounded


def _pairs(pairs: list[tuple[int, int]]) -> IndexArray:
    return np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
