"""Arrays from files: npz without pickle, safetensors, and npy files that stay on the disk until they are used."""

from __future__ import annotations

import pathlib
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from advisor.data.dataset import Cut, Dataset
from advisor.data.facts import IndexArray
from advisor.data.group_columns import given_splits, make_cut
from advisor.data.groups import make_groups
from advisor.data.libraries import missing_library
from advisor.data.paths import locate, require_file
from advisor.data.preparation import AsTheyAre, Preparation, Standardized, TokenIds
from advisor.data.spec import DataSpec
from advisor.data.targets import encode_targets, is_tokens, token_targets
from advisor.errors import AdvisorError

if TYPE_CHECKING:
    import torch

Arrays = dict[str, NDArray[Any]]
INPUTS = ("x", "inputs", "images", "data", "features")
TARGETS = ("y", "targets", "labels", "target", "label")
SPLITS = {"train": ("train",), "validation": ("validation", "val", "valid", "dev"), "test": ("test",)}
CLASS_NAMES = ("classes", "class_names", "label_names")
CHANNELS = (1, 3, 4)
MAX_BYTES = 8 * 2**30


def load_arrays(data: DataSpec, workspace: pathlib.Path | None) -> Dataset:
    """x and y, or x_train, y_train, x_test and so on; `classes` may hold the names of the classes.

    Groups of given splits come as one array over train, validation and test, or as one for each.
    uint8 images are pixels of 0..255. Images with the channels last get them first. Wider integers stay as they are.

    Raises:
        AdvisorError: pickled objects, names that are missing, lengths that differ, values that are not finite.
    """
    assert data.arrays is not None, "the source is arrays"
    what = f"arrays {data.arrays!r}"
    arrays = _read(data.arrays, workspace)
    parts = _pairs(arrays, what)
    inputs = np.concatenate([x for x, _ in parts.values()]) if len(parts) > 1 else next(iter(parts.values()))[0]
    raw = np.concatenate([y for _, y in parts.values()]) if len(parts) > 1 else next(iter(parts.values()))[1]
    given: dict[str, IndexArray] | None = None
    if len(parts) > 1:
        stops = np.cumsum([len(x) for x, _ in parts.values()])
        given = {
            name: np.arange(stop - len(x), stop, dtype=np.int64)
            for (name, (x, _)), stop in zip(parts.items(), stops, strict=True)
        }
    tensor, preparation, remarks = _inputs(inputs, what)
    names = next((arrays[key] for key in arrays if key.lower() in CLASS_NAMES), None)
    labels = () if names is None else tuple(str(name) for name in names.ravel().tolist())
    cut = _cut(data, arrays, len(inputs), what)
    told = None if data.groups is None else _told(arrays, data.groups, tuple(parts), len(inputs), what)
    groups = make_groups(data.groups, told, what)
    if cut is not None and cut.by == "given" and cut.column is not None:
        given = given_splits(arrays[cut.column], cut.column, what)
    if is_tokens(raw, tensor):
        tokens, vocabulary = token_targets(raw, tensor.long(), what)
        return Dataset(tensor.long(), tokens, "token", (), given, TokenIds(vocabulary), cut, (), remarks, groups)
    targets = encode_targets(raw, what, data.task, labels)
    return Dataset(tensor, targets.values, targets.kind, targets.labels, given, preparation, cut, (), remarks, groups)


def _read(where: str | tuple[str, str], workspace: pathlib.Path | None) -> Arrays:
    if not isinstance(where, str):
        paths = [locate(path, workspace) for path in where]
        return {"x": _read_npy(paths[0]), "y": _read_npy(paths[1])}
    path = locate(where, workspace)
    if path.is_dir():
        inside = (entry for entry in sorted(path.iterdir()) if entry.suffix == ".npy" and not entry.is_symlink())
        return {entry.stem: _read_npy(entry) for entry in inside}
    readers = {".npz": _read_npz, ".safetensors": _read_safetensors}
    if path.suffix not in readers:
        raise AdvisorError(
            f"arrays {where!r} ends in {path.suffix!r}; give .npz, .safetensors, a folder of .npy files, or a pair of "
            ".npy files."
        )
    return readers[path.suffix](path)


def _read_npz(path: pathlib.Path) -> Arrays:
    require_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(item.file_size for item in archive.infolist())
        if size > MAX_BYTES:
            raise AdvisorError(f"{str(path)!r} unpacks to {size} bytes, more than {MAX_BYTES}; give a part of it.")
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (zipfile.BadZipFile, OSError, ValueError, EOFError) as error:
        raise _unreadable(path, error) from None


def _read_npy(path: pathlib.Path) -> NDArray[Any]:
    """Mapped copy-on-write: read as it is used, and the file never changes."""
    require_file(path, limit=64 * 2**30)
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise _unreadable(path, error) from None
    return array


def _read_safetensors(path: pathlib.Path) -> Arrays:
    try:
        import safetensors
        from safetensors.numpy import load_file
    except ImportError:
        raise missing_library("safetensors", f"Reading {path.name!r}") from None
    require_file(path)
    try:
        arrays: Arrays = load_file(path)
    except (safetensors.SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise _unreadable(path, error) from None
    return arrays


def _unreadable(path: pathlib.Path, error: Exception) -> AdvisorError:
    if any(word in str(error) for word in ("allow_pickle", "Object arrays", "Python objects")):
        return AdvisorError(
            f"{str(path)!r} holds pickled objects, which are never loaded because they can run code; save plain "
            "numbers or strings instead, such as np.stack(x)."
        )
    return AdvisorError(f"{str(path)!r} cannot be read: {type(error).__name__}: {str(error)[:200]}. Write it again.")


def _pairs(arrays: Arrays, what: str) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    """Inputs and targets of each split; only "train" where the arrays have no splits."""
    known = {key.lower(): array for key, array in arrays.items()}
    parts = {}
    for split, words in SPLITS.items():
        x = _named(known, INPUTS, words)
        y = _named(known, TARGETS, words)
        if (x is None) != (y is None):
            raise AdvisorError(
                f"{what} has {'x' if y is None else 'y'} but no {'y' if y is None else 'x'} for {split}."
            )
        if x is not None and y is not None:
            parts[split] = (x, y)
    if not parts:
        x, y = (next((known[name] for name in names if name in known), None) for names in (INPUTS, TARGETS))
        if x is not None and y is not None:
            parts["train"] = (x, y)
    if "train" not in parts:
        raise AdvisorError(
            f"{what} holds {', '.join(sorted(arrays)) or 'nothing'}; name the arrays x and y, or x_train and y_train "
            "with x_test, y_test and perhaps x_validation, y_validation."
        )
    for split, (x, y) in parts.items():
        if x.ndim < 2 or y.ndim < 1 or len(x) != len(y) or len(x) == 0:
            raise AdvisorError(
                f"{what} has for {split} x of shape {x.shape} and y of shape {y.shape}; give as many targets as "
                "examples, and inputs of shape (examples, features...)."
            )
        if (x.shape[1:], x.dtype, y.shape[1:]) != (
            parts["train"][0].shape[1:], parts["train"][0].dtype, parts["train"][1].shape[1:],
        ):  # fmt: skip
            raise AdvisorError(f"{what}: {split} has another shape or type than train; give all splits the same form.")
    return parts


def _named(known: Arrays, names: tuple[str, ...], splits: tuple[str, ...]) -> NDArray[Any] | None:
    keys = [key for name in names for word in splits for key in (f"{name}_{word}", f"{word}_{name}")]
    return next((known[key] for key in keys if key in known), None)


def _inputs(array: NDArray[Any], what: str) -> tuple[torch.Tensor, Preparation, tuple[str, ...]]:
    import torch

    if array.dtype.kind not in "fiub":
        raise AdvisorError(f"The inputs of {what} are {array.dtype}; give numbers.")
    remarks: tuple[str, ...] = ()
    if array.ndim == 3 and array.dtype == np.uint8:
        array = array[:, None]
    if array.ndim == 4 and array.shape[-1] in CHANNELS and array.shape[1] not in CHANNELS:
        array = np.moveaxis(array, -1, 1)
        remarks = (
            f"images of shape {(*array.shape[2:], array.shape[1])} have their channels last: moved to the front",
        )
    image = array.ndim == 4 and array.shape[1] in CHANNELS
    if array.dtype == np.uint8 and image:
        return torch.from_numpy(array), AsTheyAre("image"), remarks
    if array.dtype.kind in "iu" and array.dtype.itemsize > 1:
        return torch.from_numpy(array.astype(np.int64)), AsTheyAre(), remarks
    array = array.astype(np.float32, copy=False)
    bad = int(array.size - np.count_nonzero(np.isfinite(array)))
    if bad:
        raise AdvisorError(f"The inputs of {what} hold {bad} values that are not finite; fill or drop them.")
    if array.ndim == 2:
        return torch.from_numpy(array), Standardized(), remarks
    return torch.from_numpy(array), AsTheyAre("image" if image else "other"), remarks


def _cut(data: DataSpec, arrays: Arrays, examples: int, what: str) -> Cut | None:
    if data.split is None or data.split.column is None:
        return make_cut(data.split, None, what)
    column = data.split.column
    if column not in arrays:
        raise AdvisorError(f"{what} holds no array {column!r} to split by; it has {', '.join(sorted(arrays))}.")
    return make_cut(data.split, _one_each(arrays[column], column, examples, what), what)


def _told(arrays: Arrays, name: str, parts: tuple[str, ...], examples: int, what: str) -> NDArray[Any]:
    """(N,) the values of an array of this name, or of one for each split, such as name_train and name_test."""
    if name in arrays:
        return _one_each(arrays[name], name, examples, what)
    known = {key.lower(): array for key, array in arrays.items()}
    pieces = [_named(known, (name.lower(),), SPLITS[split]) for split in parts]
    found = [piece for piece in pieces if piece is not None]
    if len(found) < len(parts) or len(parts) < 2:
        raise AdvisorError(
            f"{what} holds no array {name!r} to group by, which data.groups names; it has {', '.join(sorted(arrays))}."
        )
    return _one_each(np.concatenate(found), name, examples, what)


def _one_each(values: NDArray[Any], name: str, examples: int, what: str) -> NDArray[Any]:
    if values.shape != (examples,):
        raise AdvisorError(f"{name!r} of {what} has shape {values.shape}; give one value for each example.")
    return values
