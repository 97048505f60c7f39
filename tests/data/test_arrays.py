"""Arrays from files: names, forms, memory-mapping, and what is never loaded."""

import numpy as np
import pytest
import torch

from advisor.data import load, split
from advisor.errors import AdvisorError
from advisor.experiments.spec import DataSpec, Design
from tests.data.real import DATASETS, needs_real_data

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)).astype(np.float32)
Y = np.arange(40) % 2


def test_an_npz_with_x_and_y_is_a_table_of_numbers(tmp_path):
    np.savez(tmp_path / "d.npz", x=X, y=Y)
    dataset = load(DataSpec(arrays="d.npz"), tmp_path)
    train = split(dataset, Design(), 0, None).train
    assert (dataset.kind, dataset.labels, dataset.given) == ("class", ("0", "1"), None)
    rows = dataset.prepared(train).inputs.numpy()[train]
    np.testing.assert_allclose(rows.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(rows.std(0), 1, rtol=1e-5)


def test_named_splits_and_class_names_are_taken(tmp_path):
    np.savez(tmp_path / "d.npz", X_train=X, y_train=Y, X_test=X[:6], y_test=Y[:6], classes=np.array(["no", "yes"]))
    dataset = load(DataSpec(arrays="d.npz"), tmp_path)
    assert (dataset.labels, sorted(dataset.given or {})) == (("no", "yes"), ["test", "train"])
    assert dataset.card.shared_between_splits == 6


def test_safetensors_give_the_same_data_as_npz(tmp_path):
    save_file = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed").save_file

    np.savez(tmp_path / "d.npz", x=X, y=Y)
    save_file({"x": X, "y": Y}, tmp_path / "d.safetensors")
    first = load(DataSpec(arrays="d.npz"), tmp_path).fingerprint
    assert load(DataSpec(arrays="d.safetensors"), tmp_path).fingerprint == first


def test_npy_files_stay_mapped_and_are_never_changed(tmp_path):
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y)
    before = (tmp_path / "x.npy").read_bytes()
    dataset = load(DataSpec(arrays=("x.npy", "y.npy")), tmp_path)
    dataset.inputs.mul_(0)
    assert (tmp_path / "x.npy").read_bytes() == before
    load(DataSpec(builtin="wine"), None)
    assert load(DataSpec(arrays="."), tmp_path).inputs.sum().item() == pytest.approx(float(X.sum()), abs=1e-4)


def test_images_with_channels_last_get_them_first(tmp_path):
    images = RNG.integers(0, 256, (12, 9, 8, 3), dtype=np.uint8)
    np.savez(tmp_path / "d.npz", images=images, labels=np.arange(12) % 3)
    dataset = load(DataSpec(arrays="d.npz"), tmp_path)
    assert (tuple(dataset.inputs.shape), dataset.inputs.dtype) == ((12, 3, 9, 8), torch.uint8)
    np.testing.assert_array_equal(dataset.inputs[5, 2].numpy(), images[5, :, :, 2])
    assert "channels last" in dataset.notes[0]


def test_columns_of_zeros_and_ones_are_labels_and_floats_are_real(tmp_path):
    marks = RNG.integers(0, 2, (40, 4))
    np.savez(tmp_path / "d.npz", x=X, y=marks)
    dataset = load(DataSpec(arrays="d.npz"), tmp_path)
    assert (dataset.kind, dataset.outputs, dataset.targets.dtype) == ("multilabel", 4, torch.float32)
    np.savez(tmp_path / "r.npz", x=X, y=X[:, :2])
    assert load(DataSpec(arrays="r.npz"), tmp_path).kind == "real"


def test_integers_for_integers_are_tokens(tmp_path):
    ids = RNG.integers(0, 50, (30, 8))
    np.savez(tmp_path / "d.npz", x=ids, y=np.roll(ids, -1, 1))
    dataset = load(DataSpec(arrays="d.npz"), tmp_path)
    prepared = dataset.prepared(split(dataset, Design(), 0, None).train)
    assert (dataset.kind, prepared.inputs.dtype, prepared.facts.kind) == ("token", torch.int64, "tokens")
    assert prepared.facts.vocabulary == prepared.outputs == 50


def test_pickled_objects_are_never_loaded(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "exploded"), "w"))

    np.savez(tmp_path / "d.npz", x=np.array([Bomb()] * 4, dtype=object), y=Y[:4])
    np.save(tmp_path / "x.npy", np.array([Bomb()] * 4, dtype=object), allow_pickle=True)
    np.save(tmp_path / "y.npy", Y[:4])
    for arrays in ("d.npz", ("x.npy", "y.npy")):
        with pytest.raises(AdvisorError, match="pickled objects, which are never loaded"):
            load(DataSpec(arrays=arrays), tmp_path)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": X, "b": Y}, "holds a, b; name the arrays x and y"),
        ({"x_train": X}, "has x but no y for train"),
        ({"x": X, "y": Y[:3]}, r"x of shape \(40, 3\) and y of shape \(3,\)"),
        ({"x": np.full_like(X, np.nan), "y": Y}, "120 values that are not finite"),
        ({"x": X, "y": np.where(Y, np.nan, 1.0)}, "20 of 40 are NaN or infinite, such as those of examples 1, 3"),
        ({"x": X, "y": np.zeros(40, dtype=int)}, "are 0; a model needs two classes"),
        ({"x": X, "y": np.arange(40)}, "40 different integer targets for 40 examples"),
        ({"x": X, "y": np.ones(40)}, "there is nothing to learn"),
        ({"x": X.astype(str), "y": Y}, "give numbers"),
        ({"x_train": X, "y_train": Y, "x_test": X[:, :2], "y_test": Y}, "test has another shape or type than train"),
    ],
)
def test_arrays_that_do_not_fit_are_named(tmp_path, arrays, message):
    np.savez(tmp_path / "d.npz", **arrays)
    with pytest.raises(AdvisorError, match=message):
        load(DataSpec(arrays="d.npz"), tmp_path)


def test_a_broken_archive_is_said_to_be_one(tmp_path):
    (tmp_path / "d.npz").write_bytes(b"PK nothing")
    with pytest.raises(AdvisorError, match="cannot be read"):
        load(DataSpec(arrays="d.npz"), tmp_path)


@needs_real_data
def test_real_cifar_images_keep_their_test_split():
    dataset = load(DataSpec(arrays=str(DATASETS / "cifar10_small.npz")), None)
    assert (tuple(dataset.inputs.shape), dataset.inputs.dtype) == ((7000, 3, 32, 32), torch.uint8)
    assert split(dataset, Design(), 0, None).sizes == {"train": 4000, "validation": 1000, "test": 2000}
    assert "frog" in dataset.labels
