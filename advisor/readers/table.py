"""From rows of named values to Curves: what every tabular format shares."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import compress, pairwise
from typing import Any

import numpy as np

from advisor.curves import Curves, FloatArray, Series, Split
from advisor.errors import AdvisorError
from advisor.readers.axis import Axis, choose_axis, run_starts
from advisor.readers.base import READABLE
from advisor.readers.meaning import Meaning, fill_splits, meaning_of, scale_of, split_of, tokens
from advisor.readers.segments import cut_segments
from advisor.readers.values import to_number

Row = dict[str, Any]
_SPLIT_COLUMNS = frozenset({"set", "split", "phase", "mode", "subset", "dataset", "stage", "partition", "type", "kind"})


@dataclass(frozen=True)
class Column:
    """One column's logged values: `rows` holds the row numbers, in order, and `values` what was logged there."""

    name: str
    rows: FloatArray
    values: FloatArray


@dataclass
class Table:
    """A log's rows, with the notes on what could not be read. A key that a row lacks was not logged there."""

    source: str
    name: str
    rows: Sequence[Row]
    notes: list[str] = field(default_factory=list)
    split: Split | None = None  # of every column, where the file's name tells
    planned: float | None = None

    def curves(self) -> list[Curves]:
        """The runs of the table: one, or several where the x axis starts again.

        Raises:
            AdvisorError: no row, or no column that measures anything.
        """
        if not self.rows:
            raise AdvisorError(f"Cannot read {self.source!r}: it has a header but no rows; {READABLE}.")
        rows = self._name_splits()
        columns = self._columns(rows)
        meanings = self._meanings(columns)
        axis = choose_axis({name: (c.rows, c.values) for name, c in columns.items()}, len(rows))
        self.notes.extend(axis.notes)
        starts = [*run_starts(axis, [columns[name].rows for name in meanings]), len(rows)]
        runs = []
        for number, (first, end) in enumerate(pairwise(starts)):
            name = self.name if len(starts) == 2 else f"{self.name} run {number + 1}"
            runs.append(self._run(name, axis, columns, meanings, first, end))
        return [run for run in runs if run.series]

    def _name_splits(self) -> Sequence[Row]:
        """Where a column says to which split its row belongs, that split moves into the names of the other columns."""
        for key in self.rows[0]:
            if "_".join(tokens(key)) in _SPLIT_COLUMNS:
                words = {row.get(key) for row in self.rows}
                if all(isinstance(word, str) and split_of(word) for word in words):
                    return [
                        {k if meaning_of(k).role not in {"objective", "metric"} else f"{row[key]}/{k}": v
                         for k, v in row.items() if k != key}
                        for row in self.rows
                    ]  # fmt: skip
        return self.rows

    def _columns(self, rows: Sequence[Row]) -> dict[str, Column]:
        numbers: dict[str, tuple[list[int], list[float]]] = {}
        words: Counter[str] = Counter()
        for index, row in enumerate(rows):
            for name, value in row.items():
                number = to_number(value)
                if number is None:
                    words[name] += 1
                else:
                    where, values = numbers.setdefault(name, ([], []))
                    where.append(index)
                    values.append(number)
        self._drop_fillers(numbers, rows)
        for name, count in words.items():
            readable = len(numbers.get(name, ([], []))[0])
            kept = f", its {readable} numbers kept" if readable else ""
            self.notes.append(f"column {name!r}: {count} values that are no numbers were left out{kept}")
        return {
            name: Column(name, np.array(where, dtype=np.float64), np.array(values, dtype=np.float64))
            for name, (where, values) in numbers.items()
        }

    def _drop_fillers(self, numbers: dict[str, tuple[list[int], list[float]]], rows: Sequence[Row]) -> None:
        """Leave out the nulls of tables that write every key in every row: most of a column, with numbers between.

        A null at the end stays a value that is no number where it comes after a longer wait than any before it.
        """
        for name, (where, values) in numbers.items():
            null = [rows[index][name] is None for index in where]
            known = [index for index, is_null in zip(where, null, strict=True) if not is_null]
            if len(known) < 2 or sum(null) <= len(known):
                continue
            longest = max(later - earlier for earlier, later in pairwise(known))
            kept = [not is_null or i > known[-1] + longest for i, is_null in zip(where, null, strict=True)]
            if sum(index < known[-1] for index, is_null in zip(where, null, strict=True) if is_null) > len(known) / 2:
                numbers[name] = (list(compress(where, kept)), list(compress(values, kept)))
                self.notes.append(f"column {name!r}: {len(kept) - sum(kept)} nulls between its values count as absent")

    def _meanings(self, columns: dict[str, Column]) -> dict[str, Meaning]:
        meanings = fill_splits({name: meaning_of(name, self.split) for name in columns})
        if not any(m.role in {"objective", "metric"} or not m.known for m in meanings.values()):
            found = ", ".join(repr(name) for name in list(columns)[:12]) or "none"
            raise AdvisorError(
                f"Cannot read {self.source!r}: no column measures anything (numeric columns found: {found}); "
                f"{READABLE}."
            )
        if any(m.role in {"objective", "metric"} for m in meanings.values()):
            return meanings
        self.notes.append("no column has a metric's name: those of unknown meaning were taken for losses")
        return {
            name: meaning if meaning.known else replace(meaning, role="metric") for name, meaning in meanings.items()
        }

    def _run(
        self, name: str, axis: Axis, columns: dict[str, Column], meanings: dict[str, Meaning], first: int, end: int
    ) -> Curves:
        series = []
        for key, meaning in meanings.items():
            column = columns[key]
            inside = (column.rows >= first) & (column.rows < end)
            if key != axis.name and inside.any():
                x = axis.x[column.rows[inside].astype(np.int64)]
                series.append(_series(key, meaning, axis, x, column.values[inside]))
        kept, segments = cut_segments(series)
        return Curves(
            source=self.source, name=name, series=tuple(kept), segments=segments, planned=self.planned,
            notes=tuple(self.notes),
        )  # fmt: skip


def _series(name: str, meaning: Meaning, axis: Axis, x: FloatArray, y: FloatArray) -> Series:
    aggregation = meaning.aggregation
    if axis.per_epoch_rows and len(np.unique(x)) < len(x):
        x, y = _means(x, y)
        aggregation = "interval_mean"
    return Series(
        name=name, split=meaning.split or "other", metric=meaning.metric, direction=meaning.direction, unit=axis.unit,
        role=meaning.role, aggregation=aggregation,
        mode="eval" if meaning.split in {"validation", "test"} else "unknown",
        scale=scale_of(meaning, y), x=x, y=y,
    )  # fmt: skip


def _means(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The mean of `y` at each distinct x; NaN and infinity spread to the mean that they belong to."""
    distinct, where, counts = np.unique(x, return_inverse=True, return_counts=True)
    with np.errstate(invalid="ignore"):  # inf - inf
        return distinct, np.bincount(where, weights=y) / counts
