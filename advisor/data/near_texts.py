"""Texts that are nearly the same: their shingles' smallest hashes find candidates, the shingles confirm them.

After Broder (1997): the share of equal smallest hashes estimates how much two sets of shingles have in common.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.data.facts import IndexArray
from advisor.data.neighbours import pair_keys, pairs_of_keys

HASHES = 16
BANDS = 8  # of two hashes each
LEAST_IN_COMMON = 0.8
# Of texts that agree in a band so many are compared with each.
WINDOW = 8
MOST_CONFIRMED = 100_000  # pairs; comparing one takes a tenth of a millisecond
WORDS_OF_SHINGLE = 2
BYTES_OF_SHINGLE = 8
ROWS_AT_ONCE = 4096
_SALT = 0xD1B54A32D192ED03
_PRIME = np.uint64(0x9E3779B97F4A7C15)


def similar_texts(tokens: NDArray[Any]) -> IndexArray:
    """(M, 2) pairs, the earlier text first. tokens: (N, T), words as int32 or bytes as int16, -1 after the end."""
    width = BYTES_OF_SHINGLE if tokens.dtype == np.int16 else WORDS_OF_SHINGLE
    minima = np.concatenate(
        [
            _minima(_shingles(tokens[start : start + ROWS_AT_ONCE], width))
            for start in range(0, len(tokens), ROWS_AT_ONCE)
        ]
    )
    rows_of_band = HASHES // BANDS
    found = [np.empty(0, dtype=np.int64)]
    for band in range(BANDS):
        keys = minima[:, band * rows_of_band : (band + 1) * rows_of_band]
        order = np.lexsort(keys.T)
        ordered = keys[order]
        for step in range(1, min(WINDOW, len(order) - 1) + 1):
            equal = (ordered[:-step] == ordered[step:]).all(1)
            found.append(pair_keys(order[:-step][equal], order[step:][equal], len(tokens)))
    pairs = pairs_of_keys(np.concatenate(found), len(tokens))[:MOST_CONFIRMED].tolist()
    return np.asarray(
        [pair for pair in pairs if _in_common(tokens[pair[0]], tokens[pair[1]], width) >= LEAST_IN_COMMON],
        dtype=np.int64,
    ).reshape(-1, 2)


def _shingles(tokens: NDArray[Any], width: int) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """A hash for each run of `width` tokens, and which runs are inside the text; a short text is one run."""
    known = tokens >= 0
    padded = np.pad(tokens, ((0, 0), (0, width - 1)), constant_values=-1).astype(np.uint64)
    hashes = np.zeros(tokens.shape, dtype=np.uint64)
    for offset in range(width):
        hashes = (hashes ^ padded[:, offset : offset + tokens.shape[1]]) * _PRIME
        hashes ^= hashes >> np.uint64(29)
    lengths = known.sum(1)
    last = np.maximum(lengths - width, 0)
    inside: NDArray[np.bool_] = np.arange(tokens.shape[1]) <= last[:, None]
    return hashes, inside


def _minima(shingles: tuple[NDArray[np.uint64], NDArray[np.bool_]]) -> NDArray[np.uint64]:
    """(N, HASHES): the smallest hash of each text under each of several hash functions."""
    hashes, inside = shingles
    largest = np.uint64(2**64 - 1)
    columns = []
    for number in range(HASHES):
        salted = (hashes ^ np.uint64((number + 1) * _SALT % 2**64)) * _PRIME
        salted ^= salted >> np.uint64(31)
        columns.append(np.where(inside, salted * _PRIME, largest).min(1))
    return np.stack(columns, 1)


def _in_common(first: NDArray[Any], second: NDArray[Any], width: int) -> float:
    """The share of all shingles of two texts that both have."""
    sets = []
    for row in (first, second):
        hashes, inside = _shingles(row[None], width)
        sets.append(set(hashes[inside].tolist()))
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])
