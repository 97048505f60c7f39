"""Groups of examples on which a model is also judged apart, such as hospitals, devices or sexes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.data.facts import IndexArray
from advisor.errors import AdvisorError

# So many groups are never too many; beyond, there must be two examples for each.
FEW_GROUPS = 20
# With fewer examples than this in a split, the accuracy of a group is mostly chance.
SMALL_GROUP = 20
NAMED = 5


@dataclass(frozen=True)
class Groups:
    """`numbers`: (N,) int64, each example's group as its place in `names`. `column`: where they come from."""

    column: str
    numbers: IndexArray
    names: tuple[str, ...]

    @property
    def counts(self) -> dict[str, int]:
        """The examples of each group."""
        numbers = np.bincount(self.numbers, minlength=len(self.names)).tolist()
        return dict(zip(self.names, numbers, strict=True))


def make_groups(column: str | None, values: NDArray[Any] | None, what: str) -> Groups | None:
    """The groups that `data.groups` names; None where it names none. values: (N,) those of that column.

    Raises:
        AdvisorError: values that are missing, one group alone, or as good as one for each example.
    """
    if column is None or values is None:
        return None
    numbers, names = group_numbers(values, column, what)
    if len(names) < 2:
        raise AdvisorError(
            f"column {column!r} of {what} puts all {len(values)} examples into group {names[0]!r}; name a column with "
            "two groups or more under data.groups, or leave it out."
        )
    if len(names) > max(FEW_GROUPS, len(values) // 2):
        raise AdvisorError(
            f"column {column!r} of {what} makes {len(names)} groups of {len(values)} examples, too few in each to "
            "judge; name a coarser column under data.groups."
        )
    return Groups(column, numbers, names)


def group_numbers(values: NDArray[Any], column: str, what: str) -> tuple[IndexArray, tuple[str, ...]]:
    """(N,) int64, equal where the values are, and the values as words in the order of these numbers.

    Raises:
        AdvisorError: a value is missing.
    """
    missing = is_missing(values)
    if missing.any():
        raise AdvisorError(
            f"column {column!r} of {what} has no group for {int(missing.sum())} of {len(values)} examples; name their "
            "groups, or drop them."
        )
    keys = values.astype(str) if values.dtype.kind == "O" else values
    present, numbers = np.unique(keys, return_inverse=True)
    return numbers.reshape(-1).astype(np.int64), tuple(str(value) for value in present.tolist())


def group_notes(groups: Groups, splits: Mapping[str, IndexArray]) -> list[str]:
    """What to know before believing a number on single groups: those that a split lacks or has few examples of."""
    notes = []
    for name, index in splits.items():
        counts = np.bincount(groups.numbers[index], minlength=len(groups.names)).tolist()
        absent = [repr(group) for group, count in zip(groups.names, counts, strict=True) if count == 0]
        if absent:
            notes.append(f"the {name} split holds no example of {_listed(absent, groups)}")
        small = [
            f"{group!r} ({count})"
            for group, count in zip(groups.names, counts, strict=True) if 0 < count < SMALL_GROUP
        ]  # fmt: skip
        if small and name != "train":
            notes.append(
                f"the {name} split holds under {SMALL_GROUP} examples of {_listed(small, groups)}: "
                "worst_group_accuracy is mostly chance there"
            )
    return notes


def is_missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    """(N,) where there is no value: NaN, no date, or None."""
    missing: NDArray[np.bool_]
    if values.dtype.kind in "fM":
        missing = np.isnan(values) if values.dtype.kind == "f" else np.isnat(values)
        return missing
    if values.dtype.kind == "O":
        return np.asarray([value is None or value != value for value in values.tolist()], dtype=np.bool_)
    return np.zeros(len(values), dtype=np.bool_)


def _listed(items: list[str], groups: Groups) -> str:
    more = f" and {len(items) - NAMED} more" if len(items) > NAMED else ""
    return f"{groups.column} {', '.join(items[:NAMED])}{more}"
