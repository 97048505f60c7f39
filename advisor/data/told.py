"""What a user's data function tells of each example beside input and target: the group or time to split by, the group.

Where the spec asks for it, the function returns (x, y, z) in place of (x, y), in each split if it gives splits. z is
one value for each example, or, where two things are asked for, a dict of both: "group" or "time" for `split.by`, and
the name under `groups`. A torch Dataset may have an attribute of that name instead.
"""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from advisor.data.entry_point import user_code
from advisor.errors import AdvisorError, nearest

if TYPE_CHECKING:
    from advisor.data.spec import SplitSpec

AnyArray = NDArray[Any]
# What for -> under which name.
Wanted = dict[str, str]
# Split -> what for -> (N,) values.
Told = dict[str, dict[str, AnyArray]]


def what_to_tell(cut: SplitSpec | None, groups: str | None) -> Wanted:
    """What the spec asks the function for: "split" and "groups", each with its name."""
    wanted: Wanted = {}
    if cut is not None and cut.by in ("group", "time"):
        wanted["split"] = cut.by
    if groups is not None:
        wanted["groups"] = groups
    return wanted


def take_told(value: Any, wanted: Wanted, entry: str, workspace: pathlib.Path | None) -> tuple[Any, Told]:
    """What the function returned, without what it told beside, and that.

    Raises:
        AdvisorError: what is wanted is not there.
    """
    if not wanted:
        return value, {}
    if not isinstance(value, dict):
        rest, told = _take(value, wanted, entry, workspace)
        return rest, {"train": told}
    taken = {name: _take(part, wanted, entry, workspace) for name, part in value.items()}
    return {name: rest for name, (rest, _) in taken.items()}, {name: told for name, (_, told) in taken.items()}


def join_told(told: Told, sizes: dict[str, int], entry: str) -> dict[str, AnyArray]:
    """(N,) values over all splits in the order of `sizes`, by what they are for.

    Raises:
        AdvisorError: a split has more or fewer of them than examples.
    """
    if not told:
        return {}
    for name, size in sizes.items():
        for values in told[name].values():
            if len(values) != size:
                raise AdvisorError(
                    f"The entry {entry!r} gave {len(values)} groups or times for {size} examples of {name!r}; give one "
                    "for each."
                )
    return {purpose: np.concatenate([told[name][purpose] for name in sizes]) for purpose in told[next(iter(sizes))]}


def as_array(value: Any) -> AnyArray:
    """The value as an array in memory."""
    import torch

    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def _take(value: Any, wanted: Wanted, entry: str, workspace: pathlib.Path | None) -> tuple[Any, dict[str, AnyArray]]:
    if isinstance(value, (tuple, list)):
        if len(value) != 3:
            raise _not_told(wanted, entry)
        return (value[0], value[1]), {purpose: _of(value[2], wanted, purpose, entry) for purpose in wanted}
    told = {}
    for purpose, name in wanted.items():
        # A loader may shuffle, so what stands beside it is in another order than its batches.
        if not hasattr(value, "__getitem__") or not hasattr(value, name):
            raise _not_told(wanted, entry)
        with user_code(f"reading {name!r} of what the entry {entry!r} returned", workspace):
            told[purpose] = _checked(as_array(getattr(value, name)), name, entry)
    return value, told


def _of(third: Any, wanted: Wanted, purpose: str, entry: str) -> AnyArray:
    """The values for one purpose in z, the third of (x, y, z)."""
    name = wanted[purpose]
    if isinstance(third, dict):
        if name not in third:
            raise AdvisorError(
                f"The dict z in (x, y, z) of the entry {entry!r} has no {name!r}; it has, nearest first: "
                f"{', '.join(nearest(name, [str(key) for key in third])) or 'nothing'}."
            )
        return _checked(as_array(third[name]), name, entry)
    if len(wanted) > 1 and wanted["split"] != "group":
        raise AdvisorError(
            f"The entry {entry!r} gave one z in (x, y, z) but both {' and '.join(map(repr, wanted.values()))} are "
            f"needed; return a dict of both as z."
        )
    return _checked(as_array(third), name, entry)


def _checked(values: AnyArray, name: str, entry: str) -> AnyArray:
    if values.ndim != 1:
        raise AdvisorError(
            f"The values {name!r} of the entry {entry!r} have shape {values.shape}; give one for each example."
        )
    return values


def _not_told(wanted: Wanted, entry: str) -> AdvisorError:
    if "split" in wanted:
        by = wanted["split"]
        return AdvisorError(f"split by {by} needs the entry {entry!r} to return (x, y, z), z the {by} of each example.")
    name = wanted["groups"]
    return AdvisorError(
        f"groups {name!r} needs the entry {entry!r} to return (x, y, z), z the group of each example, or a map-style "
        f"torch Dataset with an attribute {name!r}."
    )
