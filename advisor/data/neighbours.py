"""Hashes that differ in few bits, found without comparing each with each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from advisor.data.facts import IndexArray

BANDS = 4
# In each order a hash is compared with so many of those that follow it.
WINDOW = 12
_ONES = np.array([bin(byte).count("1") for byte in range(256)], dtype=np.uint8)


def near_hashes(hashes: NDArray[np.uint64], bits: int, most: int) -> IndexArray:
    """(M, 2) pairs, the lower number first, whose hashes of `bits` bits differ in at most `most`.

    Hashes are sorted by each band of their bits in turn, and neighbours in the order compared; a pair that differs in
    few bits agrees in one band or more. In a crowd of equal bands some pairs are missed, never one wrongly found.
    """
    found = [np.empty(0, dtype=np.int64)]
    numbers = np.arange(len(hashes), dtype=np.int64)
    for band in range(BANDS):
        order = numbers[np.argsort(_rotated(hashes, bits, band * bits // BANDS), kind="stable")]
        for step in range(1, min(WINDOW, len(order) - 1) + 1):
            first, second = order[:-step], order[step:]
            close = count_bits(hashes[first] ^ hashes[second]) <= most
            found.append(pair_keys(first[close], second[close], len(hashes)))
    return pairs_of_keys(np.concatenate(found), len(hashes))


def pair_keys(first: IndexArray, second: IndexArray, count: int) -> IndexArray:
    """One number for each pair of numbers below `count`, whichever comes first."""
    keys: IndexArray = np.minimum(first, second) * count + np.maximum(first, second)
    return keys


def pairs_of_keys(keys: IndexArray, count: int) -> IndexArray:
    """(M, 2): the pairs, each once, the lower number first, in order."""
    once = np.unique(keys)
    return np.stack([once // max(count, 1), once % max(count, 1)], 1)


def count_bits(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    """How many bits of each are set."""
    counts: NDArray[np.int64] = _ONES[np.ascontiguousarray(values).view(np.uint8)].reshape(-1, 8).sum(1, dtype=np.int64)
    return counts


def _rotated(hashes: NDArray[np.uint64], bits: int, by: int) -> NDArray[np.uint64]:
    low = (hashes & np.uint64((1 << by) - 1)) << np.uint64(bits - by)
    rotated: NDArray[np.uint64] = low | (hashes >> np.uint64(by))
    return rotated
