"""What the user's data function may return, turned into one Dataset, with an error for all else.

Either (x, y), or a dict with "train" and optionally "validation" and "test", each (x, y) or a map-style torch Dataset.
x: (N, ...) numbers; y: (N,) integers or strings for classes, (N,) or (N, D) floats for real targets.
"""

from __future__ import annotations

import pathlib
import random
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from advisor.data.dataset import Dataset, IndexArray
from advisor.data.entry_point import call_entry, find_entry, user_code
from advisor.errors import AdvisorError, unknown

if TYPE_CHECKING:
    import torch

SPLIT_NAMES = ("train", "validation", "test")
MAX_BYTES = 4 * 2**30
EXPECTED = "return (x, y), or a dict with 'train' and optionally 'validation' and 'test'"
AnyArray = NDArray[Any]


def load_entry_data(entry: str, arguments: dict[str, Any], workspace: pathlib.Path | None) -> Dataset:
    """Call the user's data function and take what it returns.

    Raises:
        AdvisorError: it is missing or returned something else (exit status 2), or raised (1).
    """
    import torch

    find_entry(entry, workspace)  # importing may draw random numbers, so it comes before the seeds
    # The same data for every run, whatever ran before in the process.
    torch.default_generator.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    value = call_entry(entry, workspace, arguments=arguments)
    parts = _parts(value, entry, workspace)
    _check_alike(parts, entry)
    inputs = torch.cat([x for x, _ in parts.values()])
    given: dict[str, IndexArray] | None = None
    if isinstance(value, dict):
        stops = np.cumsum([len(x) for x, _ in parts.values()])
        given = {
            name: np.arange(stop - len(x), stop, dtype=np.int64)
            for (name, (x, _)), stop in zip(parts.items(), stops, strict=True)
        }
    raw = np.concatenate([y for _, y in parts.values()])
    if raw.dtype.kind == "f":
        targets = torch.from_numpy(raw.astype(np.float32))
        return Dataset(inputs=inputs, targets=targets, kind="real", given=given)
    labels, indices = np.unique(raw, return_inverse=True)
    _check_classes(labels, raw, entry)
    targets = torch.from_numpy(indices.reshape(-1).astype(np.int64))
    names = tuple(str(label) for label in labels)
    return Dataset(inputs=inputs, targets=targets, kind="class", labels=names, given=given)


def _parts(value: Any, entry: str, workspace: pathlib.Path | None) -> dict[str, tuple[torch.Tensor, AnyArray]]:
    """Each split as (inputs, raw targets), in the order train, validation, test."""
    if not isinstance(value, dict):
        return {"train": _pair(value, "its result", entry, workspace)}
    for name in value:
        if name not in SPLIT_NAMES:
            raise AdvisorError(f"The entry {entry!r} returned an unusable split. {unknown('split', name, SPLIT_NAMES)}")
    if "train" not in value:
        raise AdvisorError(f"The entry {entry!r} returned a dict without 'train'; {EXPECTED}.")
    return {name: _pair(value[name], repr(name), entry, workspace) for name in SPLIT_NAMES if name in value}


def _pair(value: Any, what: str, entry: str, workspace: pathlib.Path | None) -> tuple[torch.Tensor, AnyArray]:
    if hasattr(value, "__getitem__") and hasattr(value, "__len__") and not isinstance(value, (tuple, list, str)):
        value = _materialize(value, what, entry, workspace)
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        size = f" of length {len(value)}" if isinstance(value, (tuple, list)) else ""
        raise AdvisorError(f"The entry {entry!r} returned a {type(value).__name__}{size} as {what}; {EXPECTED}.")
    inputs, targets = _inputs(value[0], what, entry), _targets(value[1], what, entry)
    if len(inputs) != len(targets):
        raise AdvisorError(
            f"The entry {entry!r} gave {len(inputs)} inputs but {len(targets)} targets as {what}; give one for each."
        )
    if len(inputs) == 0:
        raise AdvisorError(f"The entry {entry!r} gave no examples as {what}; check how it reads the data.")
    return inputs, targets


def _materialize(source: Any, what: str, entry: str, workspace: pathlib.Path | None) -> tuple[AnyArray, AnyArray]:
    """Every item of a map-style torch Dataset, read once: random transforms in it are drawn once, too."""
    inputs: list[AnyArray] = []
    targets: list[AnyArray] = []
    total = 0
    with user_code(f"reading {what} of the entry {entry!r}", workspace):
        for index in range(len(source)):
            item = source[index]
            if not isinstance(item, (tuple, list)) or len(item) != 2:
                raise AdvisorError(
                    f"Item {index} of {what} from the entry {entry!r} is a {type(item).__name__}; return (x, y)."
                )
            inputs.append(_array(item[0]))
            targets.append(_array(item[1]))
            total += inputs[-1].nbytes
            if total > MAX_BYTES:
                raise AdvisorError(
                    f"{what} of the entry {entry!r} needs more than {MAX_BYTES // 2**30} GiB in memory after "
                    f"{index + 1} of {len(source)} items; return fewer or smaller examples."
                )
        shapes = {x.shape for x in inputs}
        if len(shapes) > 1:
            raise AdvisorError(
                f"The items of {what} from the entry {entry!r} have different shapes, such as "
                f"{' and '.join(map(str, sorted(shapes)[:2]))}; resize or pad them to one."
            )
        return np.stack(inputs), np.stack(targets)


def _array(value: Any) -> AnyArray:
    import torch

    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def _inputs(value: Any, what: str, entry: str) -> torch.Tensor:
    """float32, with 8-bit and boolean inputs unscaled; wider integers stay int64, for they may be token ids."""
    import torch

    array = _array(value)
    if array.ndim < 2 or array.dtype.kind not in "fiub":
        raise AdvisorError(
            f"The inputs of {what} from the entry {entry!r} have shape {array.shape} and type {array.dtype}; give "
            "numbers of shape (examples, features...)."
        )
    if array.dtype.kind in "iu" and array.dtype.itemsize > 1:
        return torch.from_numpy(array.astype(np.int64))
    array = array.astype(np.float32)
    bad = int(array.size - np.count_nonzero(np.isfinite(array)))
    if bad:
        raise AdvisorError(
            f"The inputs of {what} from the entry {entry!r} hold {bad} values that are not finite; fill or drop them."
        )
    return torch.from_numpy(array)


def _targets(value: Any, what: str, entry: str) -> AnyArray:
    array = _array(value)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.dtype.kind == "O" and all(isinstance(item, str) for item in array.ravel()):
        array = array.astype(str)
    allowed = (1, 2) if array.dtype.kind == "f" else (1,)
    if array.ndim not in allowed or array.dtype.kind not in "fiubU":
        raise AdvisorError(
            f"The targets of {what} from the entry {entry!r} have shape {array.shape} and type {array.dtype}; give "
            "integers or strings of shape (examples,) for classes, or floats for real values."
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise AdvisorError(f"The targets of {what} from the entry {entry!r} are not all finite; drop those examples.")
    return array


def _check_alike(parts: dict[str, tuple[torch.Tensor, AnyArray]], entry: str) -> None:
    """All splits must have inputs and targets of the same form as the training split."""
    train_x, train_y = parts["train"]
    for name, (x, y) in parts.items():
        same_kind = (y.dtype.kind == "f", y.dtype.kind == "U") == (train_y.dtype.kind == "f", train_y.dtype.kind == "U")
        if (
            x.shape[1:] != train_x.shape[1:]
            or x.dtype != train_x.dtype
            or y.shape[1:] != train_y.shape[1:]
            or not same_kind
        ):
            raise AdvisorError(
                f"{name!r} of the entry {entry!r} differs from 'train': inputs {tuple(x.shape[1:])} {x.dtype} and "
                f"targets {y.shape[1:]} {y.dtype}, against {tuple(train_x.shape[1:])} {train_x.dtype} and "
                f"{train_y.shape[1:]} {train_y.dtype}; give all splits the same form."
            )


def _check_classes(labels: AnyArray, raw: AnyArray, entry: str) -> None:
    if len(labels) < 2:
        raise AdvisorError(f"All targets of the entry {entry!r} are {labels[0]!r}; a model needs two classes to learn.")
    if len(labels) > max(20, len(raw) // 2):
        raise AdvisorError(
            f"The entry {entry!r} gave {len(labels)} different integer targets for {len(raw)} examples, which is too "
            "many for classes; return floats if the target is a quantity."
        )
