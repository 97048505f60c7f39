"""Copies: found where they are, not where they are not, and within bounds."""

import numpy as np
import pytest
import torch

from advisor.data import Dataset, inspect, load
from advisor.data import duplicates as module
from advisor.data.duplicates import find_copies
from advisor.data.near_images import similar_images
from advisor.data.near_texts import similar_texts
from advisor.data.neighbours import count_bits, near_hashes
from advisor.experiments.spec import DataSpec, Design
from tests.data.real import DATASETS, needs_real_data

RNG = np.random.default_rng(0)


def test_hashes_within_the_distance_are_found_and_no_others():
    hashes = RNG.integers(0, 2**56, 500, dtype=np.uint64)
    flips = np.uint64(0b1001 << 20) | np.uint64(1 << 50)
    hashes = np.concatenate([hashes, hashes[:50] ^ flips])
    pairs = {tuple(pair) for pair in near_hashes(hashes, 56, 5).tolist()}
    distances = count_bits((hashes[:, None] ^ hashes[None]).ravel()).reshape(550, 550)
    expected = {(i, j) for i, j in zip(*np.nonzero(distances <= 5), strict=True) if i < j}
    assert pairs == expected
    assert {(n, 500 + n) for n in range(50)} <= pairs


def smooth_images(count: int) -> np.ndarray:
    coarse = torch.from_numpy(RNG.random((count, 3, 6, 6)))
    scaled = torch.nn.functional.interpolate(coarse, 32, mode="bicubic").clamp(0, 1)
    return (scaled * 255).to(torch.uint8).numpy()


def test_brighter_noisier_and_smaller_copies_of_pictures_are_near_and_different_ones_are_not():
    images = smooth_images(300)
    brighter = np.clip(images[0].astype(float) * 1.05 + 3, 0, 255)
    noisier = np.clip(images[1] + RNG.normal(0, 4, images[1].shape), 0, 255)
    smaller = torch.nn.functional.interpolate(
        torch.nn.functional.interpolate(torch.from_numpy(images[2:3]).float(), 20, mode="bilinear"), 32, mode="bilinear"
    ).numpy()[0]
    altered = np.stack([brighter, noisier, smaller]).astype(np.uint8)
    pairs = similar_images(np.concatenate([images, altered])).tolist()
    assert pairs == [[0, 300], [1, 301], [2, 302]]


def test_pictures_of_one_colour_are_not_called_copies_of_each_other():
    flat = np.full((20, 1, 16, 16), 128, dtype=np.uint8) + np.arange(20, dtype=np.uint8)[:, None, None, None]
    assert len(similar_images(flat)) == 0


def test_a_text_with_one_word_changed_is_near_and_another_text_is_not():
    tokens = RNG.integers(0, 5000, (400, 40)).astype(np.int32)
    changed = tokens[:5].copy()
    changed[:, 20] = 5001
    shorter = tokens[5:6].copy()
    shorter[:, 38:] = -1
    pairs = similar_texts(np.concatenate([tokens, changed, shorter])).tolist()
    assert pairs == [[n, 400 + n] for n in range(6)]


def test_nearly_equal_rows_of_a_table_are_near():
    rows = torch.from_numpy(RNG.normal(size=(200, 6)))
    rows = torch.cat([rows, rows[:3] + 1e-9, rows[3:4]])
    copies = find_copies(rows, "table")
    assert copies.near.tolist() == [[0, 200], [1, 201], [2, 202]]
    assert copies.exact.tolist() == [[3, 203]]


def test_only_so_many_examples_are_looked_at_and_the_card_says_so(monkeypatch):
    monkeypatch.setattr(module, "MAX_COMPARED", 50)
    rows = torch.from_numpy(RNG.normal(size=(200, 6)))
    card = Dataset(rows.float(), torch.arange(200) % 2, "class", ("a", "b")).card
    assert card.compared == 50
    assert "near-duplicates were looked for among 50 of 200 examples" in card.notes


def test_copies_are_looked_for_between_the_splits_that_the_design_cuts(tmp_path):
    rows = RNG.normal(size=(40, 3))
    np.savez(tmp_path / "d.npz", x=np.concatenate([rows, rows]), y=np.tile(np.arange(40) % 2, 2))
    told = inspect(DataSpec(arrays="d.npz"), tmp_path, Design())["card"]
    assert told["exact_duplicates"] == 40
    assert 0 < told["shared_between_splits"] < 40
    assert load(DataSpec(arrays="d.npz"), tmp_path).card.shared_between_splits == 0
    assert "leakage, such as example" in told["notes"][0]


def test_equal_inputs_with_another_target_are_counted_as_conflicts():
    inputs = torch.tensor([[1.0, 2.0], [1.0, 2.0], [3.0, 4.0], [3.0, 4.0]])
    card = Dataset(inputs, torch.tensor([0, 1, 1, 1]), "class", ("a", "b")).card
    assert (card.exact_duplicates, card.conflicting_duplicates) == (2, 1)
    assert any("label noise" in note for note in card.notes)


@needs_real_data
@pytest.mark.parametrize("name", ["cifar10_small.npz", "flowers_tiny"])
def test_real_pictures_without_copies_are_not_accused(name):
    source = {"arrays": str(DATASETS / name)} if name.endswith("npz") else {"folder": str(DATASETS / name)}
    card = load(DataSpec(**source), None).card
    assert (card.exact_duplicates, card.near_duplicates) == (0, 0)
    assert card.compared == card.examples
