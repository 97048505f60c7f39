"""Data sets in torchvision's layout that lie on the disk already. Nothing is downloaded and nothing is unpickled.

The MNIST family is read from its IDX files, CIFAR from its binary version; for the others torchvision reads images.
"""

from __future__ import annotations

import gzip
import inspect
import pathlib
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.data.dataset import Dataset
from advisor.data.facts import IndexArray
from advisor.data.images import DEFAULT_SIZE, remark_broken, why_broken
from advisor.data.paths import locate
from advisor.data.preparation import AsTheyAre
from advisor.data.spec import DataSpec
from advisor.data.targets import encode_targets
from advisor.errors import AdvisorError, unknown

IDX_SETS = ("FashionMNIST", "KMNIST", "MNIST")
# name -> (folder, label bytes before the pixels, files of train, files of test)
CIFAR_SETS: dict[str, tuple[str, int, tuple[str, ...], tuple[str, ...]]] = {
    "CIFAR10": ("cifar-10-batches-bin", 1, tuple(f"data_batch_{n}.bin" for n in range(1, 6)), ("test_batch.bin",)),
    "CIFAR100": ("cifar-100-binary", 2, ("train.bin",), ("test.bin",)),
}
# Those whose readers touch images, text and MATLAB files only.
IMAGE_SETS = ("Country211", "DTD", "FGVCAircraft", "Flowers102", "Food101", "GTSRB", "OxfordIIITPet", "RenderedSST2",
              "STL10", "SVHN", "USPS")  # fmt: skip
SPLITS = {"train": ("train", "trainval"), "validation": ("val", "valid"), "test": ("test",)}
MAX_BYTES = 2 * 2**30
IDX_UNSIGNED_BYTES = 0x08


def load_torchvision(data: DataSpec, workspace: pathlib.Path | None) -> Dataset:
    """The set `data.torchvision` below `data.root`, with its own splits.

    Raises:
        AdvisorError: an unknown name, files that are not there or not whole.
    """
    import torch

    assert data.torchvision is not None, "the source is torchvision"
    assert data.root is not None, "it comes with a root"
    name, root = data.torchvision, locate(data.root, workspace)
    remarks: tuple[str, ...] = ()
    if name in IDX_SETS:
        parts = {"train": _idx_pair(root, name, "train"), "test": _idx_pair(root, name, "t10k")}
    elif name in CIFAR_SETS:
        parts = _cifar(root, name)
    elif name in IMAGE_SETS:
        parts, remarks = _from_torchvision(root, name, data.image_size or DEFAULT_SIZE)
    else:
        raise unknown("torchvision data set", name, (*IDX_SETS, *CIFAR_SETS, *IMAGE_SETS))
    stops = np.cumsum([len(labels) for _, labels in parts.values()])
    given: dict[str, IndexArray] = {
        split: np.arange(stop - len(labels), stop, dtype=np.int64)
        for (split, (_, labels)), stop in zip(parts.items(), stops, strict=True)
    }
    pixels = np.concatenate([images for images, _ in parts.values()])
    if data.image_size is not None and pixels.shape[-1] != data.image_size:
        raise AdvisorError(f"{name} has {pixels.shape[-1]} pixels a side and is not resized; leave image_size out.")
    targets = encode_targets(np.concatenate([labels for _, labels in parts.values()]), f"torchvision {name!r}")
    preparation = AsTheyAre("image")
    return Dataset(
        torch.from_numpy(pixels), targets.values, "class", targets.labels, given, preparation, remarks=remarks
    )


def _idx_pair(root: pathlib.Path, name: str, prefix: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    images = read_idx(_find(root, name, f"{prefix}-images-idx3-ubyte"))
    labels = read_idx(_find(root, name, f"{prefix}-labels-idx1-ubyte"))
    if len(images) != len(labels) or images.ndim != 3:
        raise AdvisorError(
            f"{name} has {len(images)} images but {len(labels)} labels for {prefix}; get its files again."
        )
    return images[:, None], labels.astype(np.int64)


def _find(root: pathlib.Path, name: str, file: str) -> pathlib.Path:
    folders = (root / name / "raw", root / name, root)
    for folder in folders:
        for path in (folder / file, folder / f"{file}.gz"):
            if path.is_file():
                return path
    raise AdvisorError(
        f"{name} is not below {str(root)!r}: looked for {file} or {file}.gz in {', '.join(map(str, folders))}. Nothing "
        f"is downloaded here; get it once with torchvision.datasets.{name}(root, download=True)."
    )


def read_idx(path: pathlib.Path) -> NDArray[np.uint8]:
    """The array in an IDX file of unsigned bytes, gzipped or not.

    Raises:
        AdvisorError: it is none, too large, or not whole.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, EOFError) as error:
        raise AdvisorError(f"{str(path)!r} cannot be unpacked: {error}; get it again.") from None
    if len(content) < 4 or content[:3] != bytes((0, 0, IDX_UNSIGNED_BYTES)) or len(content) < 4 + 4 * content[3]:
        raise AdvisorError(f"{str(path)!r} is no IDX file of bytes: it begins with {content[:4]!r}.")
    start = 4 + 4 * content[3]
    shape = struct.unpack(f">{content[3]}I", content[4:start])
    size = 1
    for length in shape:
        size *= length
    if len(content) - start != size:
        raise AdvisorError(
            f"{str(path)!r} holds {len(content) - start} bytes where {shape} needs {size}; get it again."
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def _cifar(root: pathlib.Path, name: str) -> dict[str, tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    folder, label_bytes, *files = CIFAR_SETS[name]
    place = next((path for path in (root / folder, root) if (path / files[1][0]).is_file()), None)
    if place is None:
        raise AdvisorError(
            f"{name} is not below {str(root)!r}: looked for {folder}/{files[1][0]}. torchvision's own files are "
            "pickled and are not read, because that can run code; unpack the binary version there, or write an entry."
        )
    parts = {}
    for split, names in zip(("train", "test"), files, strict=True):
        try:
            rows = np.concatenate([np.fromfile(place / file, dtype=np.uint8) for file in names])
        except OSError as error:
            raise AdvisorError(f"{name} lacks a file: {error}; unpack its archive again.") from None
        width = label_bytes + 3 * 32 * 32
        if len(rows) % width:
            raise AdvisorError(f"{name} is not whole: {len(rows)} bytes are no multiple of {width}; get it again.")
        rows = rows.reshape(-1, width)
        parts[split] = (rows[:, label_bytes:].reshape(-1, 3, 32, 32), rows[:, label_bytes - 1].astype(np.int64))
    return parts


def _from_torchvision(
    root: pathlib.Path, name: str, size: int
) -> tuple[dict[str, tuple[NDArray[np.uint8], NDArray[np.int64]]], tuple[str, ...]]:
    """The splits, and what is to be said of images that were left out."""
    try:
        import torchvision
    except ImportError:
        raise AdvisorError("torchvision is missing; install it with: pip install torchvision") from None
    kind = getattr(torchvision.datasets, name)
    parts = {}
    remarks: list[str] = []
    for split, words in SPLITS.items():
        opened = _open(kind, str(root), words)
        if opened is None:
            continue
        pixels, labels, broken = [], [], []
        for number in range(len(opened)):
            try:
                image, label = opened[number]
                square = _pixels(image, size)
            except Exception as error:  # a damaged file fails in any way
                broken.append(f"{split} {number} ({why_broken(error)})")
                continue
            pixels.append(square)
            labels.append(label)
        remarks += remark_broken(broken, len(opened), f"{split} of torchvision {name!r}")
        parts[split] = (np.stack(pixels), np.asarray(labels, dtype=np.int64))
    if "train" not in parts:
        raise AdvisorError(
            f"{name} is not below {str(root)!r}, or not whole. Nothing is downloaded here; get it once with "
            f"torchvision.datasets.{name}(root, download=True)."
        )
    return parts, tuple(remarks)


def _open(kind: Any, root: str, words: tuple[str, ...]) -> Any:
    """The split under the first of its names that the set knows; None where it has none."""
    parameters = inspect.signature(kind).parameters
    if "train" in parameters:
        choices: list[dict[str, Any]] = [{"train": words[0] == "train"}] if words[0] in ("train", "test") else []
    else:
        choices = [{"split": word} for word in words]
    for choice in choices:
        try:
            return kind(root, **choice, **({"download": False} if "download" in parameters else {}))
        except (RuntimeError, ValueError, OSError):
            continue
    return None


def _pixels(image: Any, size: int) -> NDArray[np.uint8]:
    from PIL import Image, ImageOps

    square = ImageOps.fit(image.convert("RGB"), (size, size), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(square, dtype=np.uint8).transpose(2, 0, 1))
