"""Pictures that are nearly the same: a difference hash finds candidates, small grey copies confirm them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.data.facts import IndexArray
from advisor.data.neighbours import near_hashes

SIDE = 8
FINE_SIDE = 16
BITS = SIDE * (SIDE - 1)
# Neighbouring cells that differ by less than this share of the range count as equal: compression flips no bit.
LEAST_DIFFERENCE = 0.02
MOST_FLIPPED_BITS = 5
MOST_MEAN_DIFFERENCE = 0.05
# Of the 16 x 16 cells. At 0.99 simple pictures of one class, such as trousers on black, are still taken for copies.
LEAST_CORRELATION = 0.995
# A picture with less contrast than this is nearly one colour, and alike to all others that are.
LEAST_CONTRAST = 0.03
ROWS_AT_ONCE = 8192


def similar_images(images: NDArray[Any]) -> IndexArray:
    """(M, 2) pairs. images: (N, C, H, W), uint8 or floats of any range."""
    thumbnails, fine = _grey(images)
    contrast = thumbnails.std(axis=(1, 2))
    pairs = near_hashes(_hashes(thumbnails), BITS, MOST_FLIPPED_BITS)
    pairs = pairs[(contrast[pairs] >= LEAST_CONTRAST).all(1)]
    first, second = pairs.T
    alike = np.abs(thumbnails[first] - thumbnails[second]).mean(axis=(1, 2)) <= MOST_MEAN_DIFFERENCE
    pairs = pairs[alike]
    first, second = pairs.T
    flat = fine.reshape(len(fine), FINE_SIDE**2)
    flat = flat - flat.mean(1, keepdims=True)
    flat /= np.maximum(np.sqrt((flat**2).sum(1, keepdims=True)), 1e-12)
    confirmed: IndexArray = pairs[(flat[first] * flat[second]).sum(1) >= LEAST_CORRELATION]
    return confirmed


def _grey(images: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Grey copies of 8 x 8 and 16 x 16 cells, each the mean of its area; all values in [0, 1]."""
    import torch
    from torch.nn import functional

    coarse, fine = [], []
    for start in range(0, len(images), ROWS_AT_ONCE):
        grey = torch.from_numpy(np.ascontiguousarray(images[start : start + ROWS_AT_ONCE])).float().mean(1, True)
        coarse.append(functional.adaptive_avg_pool2d(grey, SIDE)[:, 0].numpy())
        fine.append(functional.adaptive_avg_pool2d(grey, FINE_SIDE)[:, 0].numpy())
    low, high = (0.0, 255.0) if images.dtype == np.uint8 else (float(images.min()), float(images.max()))
    span = high - low or 1.0
    return (np.concatenate(coarse) - low) / span, (np.concatenate(fine) - low) / span


def _hashes(thumbnails: NDArray[Any]) -> NDArray[np.uint64]:
    """The difference hash: a bit for each pair of horizontal neighbours, set where the right one is brighter."""
    brighter = thumbnails[:, :, 1:] > thumbnails[:, :, :-1] + LEAST_DIFFERENCE
    weights = np.left_shift(np.uint64(1), np.arange(BITS, dtype=np.uint64))
    hashes: NDArray[np.uint64] = (brighter.reshape(len(thumbnails), BITS) * weights).sum(1, dtype=np.uint64)
    return hashes
