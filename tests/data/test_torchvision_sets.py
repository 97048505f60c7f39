"""torchvision's sets on disk: the MNIST family, CIFAR's binary version, image sets; no download and no pickle."""

import gzip
import pickle
import struct

import numpy as np
import pytest
from PIL import Image

from advisor.data import inspect, load
from advisor.errors import AdvisorError
from advisor.experiments.spec import DataSpec, Design
from tests.data.real import DATASETS, needs_real_data

RNG = np.random.default_rng(0)


def idx(array: np.ndarray) -> bytes:
    return (
        bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(np.uint8).tobytes()
    )


def write_mnist(folder, *, packed: bool = False):
    folder.mkdir(parents=True)
    for prefix, count in (("train", 30), ("t10k", 10)):
        for kind, array in (
            ("images-idx3", RNG.integers(0, 256, (count, 28, 28))),
            ("labels-idx1", np.arange(count) % 10),
        ):
            path = folder / f"{prefix}-{kind}-ubyte"
            content = idx(array)
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(content)) if packed else path.write_bytes(
                content
            )


@pytest.mark.parametrize("packed", [False, True])
def test_mnist_in_torchvisions_layout_is_read_as_torchvision_reads_it(tmp_path, packed):
    from torchvision.datasets import FashionMNIST

    write_mnist(tmp_path / "FashionMNIST" / "raw", packed=packed)
    dataset = load(DataSpec(torchvision="FashionMNIST", root="."), tmp_path)
    assert tuple(dataset.inputs.shape) == (40, 1, 28, 28)
    assert inspect(DataSpec(torchvision="FashionMNIST", root="."), tmp_path, Design())["sizes"]["test"] == 10
    if not packed:
        reference = FashionMNIST(str(tmp_path), train=True, download=False)
        np.testing.assert_array_equal(dataset.inputs[:30, 0].numpy(), reference.data.numpy())
        np.testing.assert_array_equal(dataset.targets[:30].numpy(), reference.targets.numpy())


def test_cifar_is_read_from_its_binary_version_and_never_from_pickles(tmp_path):
    pickled = tmp_path / "cifar-10-batches-py"
    pickled.mkdir()
    (pickled / "data_batch_1").write_bytes(pickle.dumps({}))
    spec = DataSpec(torchvision="CIFAR10", root=".")
    with pytest.raises(AdvisorError, match="pickled and are not read"):
        load(spec, tmp_path)
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    images = RNG.integers(0, 256, (20, 3072), dtype=np.uint8)
    rows = np.concatenate([(np.arange(20) % 10).astype(np.uint8)[:, None], images], 1)
    for name in (*(f"data_batch_{n}.bin" for n in range(1, 6)), "test_batch.bin"):
        (folder / name).write_bytes(rows.tobytes())
    dataset = load(spec, tmp_path)
    assert (tuple(dataset.inputs.shape), dataset.targets[3].item()) == ((120, 3, 32, 32), 3)
    np.testing.assert_array_equal(dataset.inputs[7].numpy(), images[7].reshape(3, 32, 32))
    assert dataset.card.shared_between_splits == 20


def test_an_image_set_is_read_through_torchvision(tmp_path):
    for part in ("train", "valid", "test"):
        for kind in ("AD", "BE"):
            for number in range(3):
                path = tmp_path / "country211" / part / kind / f"{number}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(RNG.integers(0, 256, (30, 40, 3), dtype=np.uint8)).save(path)
    dataset = load(DataSpec(torchvision="Country211", root=".", image_size=16), tmp_path)
    assert tuple(dataset.inputs.shape) == (18, 3, 16, 16)
    assert {name: len(index) for name, index in (dataset.given or {}).items()} == {
        "train": 6,
        "validation": 6,
        "test": 6,
    }


def test_broken_images_of_a_set_are_named_and_left_out_unless_they_are_many(tmp_path):
    paths = []
    for part in ("train", "valid", "test"):
        for number in range(12):
            path = tmp_path / "country211" / part / ("AD", "BE")[number % 2] / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(RNG.integers(0, 256, (30, 40, 3), dtype=np.uint8)).save(path)
            paths.append(path)
    paths[12].write_bytes(b"no picture")
    dataset = load(DataSpec(torchvision="Country211", root=".", image_size=16), tmp_path)
    assert {name: len(index) for name, index in (dataset.given or {}).items()} == {
        "train": 12,
        "validation": 11,
        "test": 12,
    }
    assert any(
        note.startswith("1 images cannot be read and were left out: validation 0 (Uni") for note in dataset.notes
    )
    for path in paths[:6]:
        path.write_bytes(path.read_bytes()[:200])
    load(DataSpec(builtin="wine"), None)
    with pytest.raises(AdvisorError, match=r"6 of 12 images in train of torchvision 'Country211' cannot be read"):
        load(DataSpec(torchvision="Country211", root=".", image_size=16), tmp_path)


def test_absent_unknown_and_cut_off_sets_are_named(tmp_path):
    with pytest.raises(AdvisorError, match=r"MNIST is not below .*Nothing is downloaded here"):
        load(DataSpec(torchvision="MNIST", root="."), tmp_path)
    with pytest.raises(AdvisorError, match="Unknown torchvision data set 'MNISTT'; known, nearest first: MNIST"):
        load(DataSpec(torchvision="MNISTT", root="."), tmp_path)
    with pytest.raises(AdvisorError, match="DTD is not below"):
        load(DataSpec(torchvision="DTD", root="."), tmp_path)
    write_mnist(tmp_path / "MNIST" / "raw")
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(AdvisorError, match=r"holds 23515 bytes where .* needs 23520"):
        load(DataSpec(torchvision="MNIST", root="."), tmp_path)
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(AdvisorError, match="no IDX file of bytes"):
        load(DataSpec(torchvision="MNIST", root="."), tmp_path)


@needs_real_data
def test_real_fashion_mnist_is_whole():
    dataset = load(DataSpec(torchvision="FashionMNIST", root=str(DATASETS / "fashion-mnist")), None)
    assert tuple(dataset.inputs.shape) == (70_000, 1, 28, 28)
    assert np.bincount(dataset.targets.numpy()).tolist() == [7000] * 10
    assert dataset.inputs[:60_000].float().mean().item() / 255 == pytest.approx(0.2860, abs=1e-4)
