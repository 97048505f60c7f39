"""The column or array that says how to cut: groups, times, or the words train, validation and test."""

from __future__ import annotations

import datetime
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.data.dataset import Cut
from advisor.data.facts import IndexArray
from advisor.data.folder import SPLIT_FOLDERS
from advisor.data.groups import group_numbers, is_missing
from advisor.data.spec import SplitSpec
from advisor.errors import AdvisorError, nearest


def make_cut(split: SplitSpec | None, values: NDArray[Any] | None, what: str) -> Cut | None:
    """The cut that a spec asks for. values: (N,) those of its column, None where it has none.

    Raises:
        AdvisorError: values that are missing, or times that cannot be read as such.
    """
    if split is None:
        return None
    if split.by == "group" and values is not None:
        return Cut("group", split.column, groups=group_numbers(values, split.column or "group", what)[0])
    if split.by == "time" and values is not None:
        return Cut("time", split.column, times=time_numbers(values, split.column or "time", what))
    return Cut(split.by, split.column)


def given_splits(values: NDArray[Any], column: str, what: str) -> dict[str, IndexArray]:
    """Indices of train, validation and test from a column of these words.

    Raises:
        AdvisorError: another word, or no train.
    """
    words = np.asarray([SPLIT_FOLDERS.get(str(value).strip().lower(), "") for value in values.tolist()])
    if (words == "").any():
        other = str(values[words == ""][0])
        raise AdvisorError(
            f"column {column!r} of {what} holds {other!r}, which names no split; use train, validation and test "
            f"(nearest: {nearest(other, SPLIT_FOLDERS)[0]})."
        )
    given = {name: np.flatnonzero(words == name) for name in ("train", "validation", "test") if name in words}
    if "train" not in given:
        raise AdvisorError(f"column {column!r} of {what} never says train; it has {', '.join(given)}.")
    return given


def time_numbers(values: NDArray[Any], column: str, what: str) -> NDArray[np.float64]:
    """(N,) floats in the order of the times, which are numbers or ISO 8601 dates.

    Raises:
        AdvisorError: a value is missing or is no time.
    """
    missing = is_missing(values)
    if missing.any():
        raise AdvisorError(
            f"column {column!r} of {what} has no time for {int(missing.sum())} of {len(values)} examples; fill or drop "
            "them."
        )
    if values.dtype.kind in "iuf":
        return values.astype(np.float64)
    if values.dtype.kind == "M":
        return values.astype("datetime64[us]").astype(np.int64).astype(np.float64)
    times = np.empty(len(values))
    for number, value in enumerate(values.tolist()):
        try:
            times[number] = _seconds(str(value))
            if not math.isfinite(times[number]):
                raise ValueError
        except ValueError:
            raise AdvisorError(
                f"column {column!r} of {what} holds {str(value)[:60]!r} in example {number}, which is no time; use "
                "numbers or dates such as 2024-05-01 or 2024-05-01T12:30:00."
            ) from None
    return times


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        moment = datetime.datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.timezone.utc)
        return moment.timestamp()
