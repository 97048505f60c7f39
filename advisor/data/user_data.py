"""What the user's data function may return, turned into one Dataset, with an error for all else.

Either (x, y), or a dict with "train" and optionally "validation" and "test", each (x, y), a torch Dataset (map-style or
iterable) or a DataLoader. x: (N, ...) numbers; y: (N,) integers or strings for classes, (N, K) zeros and ones for
labels, (N,) or (N, D) floats for real targets, (N, T) integers like x for tokens. Where the spec splits by group or by
time, or names groups, there is more to tell of each example; see `advisor.data.told`.
"""

from __future__ import annotations

import pathlib
import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from advisor.data.dataset import Dataset, IndexArray
from advisor.data.entry_point import call_entry, find_entry, user_code
from advisor.data.group_columns import make_cut
from advisor.data.groups import make_groups
from advisor.data.preparation import AsTheyAre, TokenIds
from advisor.data.spec import SplitSpec
from advisor.data.targets import encode_targets, is_marks, is_tokens, token_targets
from advisor.data.told import as_array, join_told, take_told, what_to_tell
from advisor.errors import AdvisorError, unknown

if TYPE_CHECKING:
    import torch

SPLIT_NAMES = ("train", "validation", "test")
MAX_BYTES = 4 * 2**30
MAX_ITEMS = 10_000_000
EXPECTED = "return (x, y), or a dict with 'train' and optionally 'validation' and 'test'"
AnyArray = NDArray[Any]


def load_entry_data(
    entry: str,
    arguments: dict[str, Any],
    workspace: pathlib.Path | None,
    cut: SplitSpec | None = None,
    groups: str | None = None,
) -> Dataset:
    """Call the user's data function and take what it returns. `groups`: under which name it gives each one's group.

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
    wanted = what_to_tell(cut, groups)
    value, told = take_told(value, wanted, entry, workspace)
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
    what = f"the entry {entry!r}"
    joined = join_told(told, {name: len(x) for name, (x, _) in parts.items()}, entry)
    chosen = make_cut(cut, joined.get("split"), what)
    judged = make_groups(groups, joined.get("groups"), what)
    if is_tokens(raw, inputs):
        tokens, vocabulary = token_targets(raw, inputs, what)
        return Dataset(inputs, tokens, "token", (), given, TokenIds(vocabulary), chosen, groups=judged)
    targets = encode_targets(raw, what)
    return Dataset(inputs, targets.values, targets.kind, targets.labels, given, AsTheyAre(), chosen, groups=judged)


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
    if not isinstance(value, (tuple, list, str, dict)):
        if hasattr(value, "__getitem__") and hasattr(value, "__len__"):
            value = _materialize((value[index] for index in range(len(value))), what, entry, workspace)
        elif hasattr(value, "__iter__"):
            batched = getattr(value, "batch_sampler", None) is not None  # a DataLoader gives whole batches
            value = _materialize(iter(value), what, entry, workspace, batched=batched)
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        size = f" of length {len(value)}" if isinstance(value, (tuple, list)) else ""
        raise AdvisorError(f"The entry {entry!r} returned a {type(value).__name__}{size} as {what}; {EXPECTED}.")
    inputs = _inputs(value[0], what, entry)
    targets = _targets(value[1], inputs, what, entry)
    if len(inputs) != len(targets):
        raise AdvisorError(
            f"The entry {entry!r} gave {len(inputs)} inputs but {len(targets)} targets as {what}; give one for each."
        )
    if len(inputs) == 0:
        raise AdvisorError(f"The entry {entry!r} gave no examples as {what}; check how it reads the data.")
    return inputs, targets


def _materialize(
    source: Iterator[Any], what: str, entry: str, workspace: pathlib.Path | None, *, batched: bool = False
) -> tuple[AnyArray, AnyArray]:
    """Every item of a torch Dataset or batch of a DataLoader, read once: random transforms are drawn once, too."""
    inputs: list[AnyArray] = []
    targets: list[AnyArray] = []
    total = 0
    with user_code(f"reading {what} of the entry {entry!r}", workspace):
        for index, item in enumerate(source):
            if not isinstance(item, (tuple, list)) or len(item) != 2:
                raise AdvisorError(
                    f"Item {index} of {what} from the entry {entry!r} is a {type(item).__name__}; return (x, y)."
                )
            inputs.append(as_array(item[0]))
            targets.append(as_array(item[1]))
            total += inputs[-1].nbytes
            if total > MAX_BYTES or index >= MAX_ITEMS:
                raise AdvisorError(
                    f"{what} of the entry {entry!r} is more than {MAX_BYTES // 2**30} GiB in memory or {MAX_ITEMS} "
                    f"items, and goes on after {index + 1}; return fewer or smaller examples."
                )
        if not inputs:
            raise AdvisorError(f"The entry {entry!r} gave no examples as {what}; check how it reads the data.")
        shapes = {x.shape[batched:] for x in inputs}
        if len(shapes) > 1:
            raise AdvisorError(
                f"The items of {what} from the entry {entry!r} have different shapes, such as "
                f"{' and '.join(map(str, sorted(shapes)[:2]))}; resize or pad them to one."
            )
        if batched:
            return np.concatenate(inputs), np.concatenate(targets)
        return np.stack(inputs), np.stack(targets)


def _inputs(value: Any, what: str, entry: str) -> torch.Tensor:
    """float32, with 8-bit and boolean inputs unscaled; wider integers stay int64, for they may be token ids."""
    import torch

    array = as_array(value)
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


def _targets(value: Any, inputs: torch.Tensor, what: str, entry: str) -> AnyArray:
    array = as_array(value)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.dtype.kind == "O" and all(isinstance(item, str) for item in array.ravel()):
        array = array.astype(str)
    many = array.dtype.kind == "f" or is_marks(array) or (array.dtype.kind in "iu" and array.shape == inputs.shape)
    if array.ndim not in ((1, 2) if many else (1,)) or array.dtype.kind not in "fiubU":
        raise AdvisorError(
            f"The targets of {what} from the entry {entry!r} have shape {array.shape} and type {array.dtype}; give "
            "integers or strings of shape (examples,) for classes, columns of 0 and 1 for labels, or floats for real "
            "values."
        )
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
