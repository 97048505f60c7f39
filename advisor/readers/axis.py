"""Which column is the x axis of a log, and where a new run begins in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from advisor.curves import FloatArray, Unit
from advisor.readers.meaning import axis_unit


@dataclass(frozen=True)
class Axis:
    """The x of every row. `name` is None where rows were numbered for want of a column."""

    name: str | None
    unit: Unit
    x: FloatArray
    notes: tuple[str, ...] = ()
    per_epoch_rows: bool = False  # many rows belong to one epoch: their values are averaged


@dataclass(frozen=True)
class _Counter:
    """A column that may be the axis: where it was logged, and how it moves."""

    name: str
    unit: Unit
    rows: FloatArray
    values: FloatArray

    @property
    def drops(self) -> int:
        """How often it begins again: falls by more than a tenth of its range, which rows written late do not."""
        return int((np.diff(self.values) < -0.1 * np.ptp(self.values)).sum())

    @property
    def distinct(self) -> int:
        return len(np.unique(self.values))

    def rank(self, n_rows: int) -> tuple[bool, int, bool]:
        """Known on nearly all rows first, then the finer one, then whole epochs rather than steps or parts of one."""
        whole_epochs = self.unit == "epoch" and bool((self.values == np.floor(self.values)).all())
        fractional = self.unit == "epoch" and not whole_epochs
        return (len(self.rows) >= 0.98 * n_rows and not fractional, self.distinct, whole_epochs)


def choose_axis(columns: Mapping[str, tuple[FloatArray, FloatArray]], n_rows: int) -> Axis:
    """The axis of a table whose columns map a name to (row numbers, values).

    A step counter wins where it is finer than the epochs, an epoch counter otherwise, seconds where there is nothing
    else. A counter that begins again in each epoch is no axis: epochs are, and their rows are averaged.
    """
    candidates = []
    for name, (rows, values) in columns.items():
        usable = np.isfinite(values)
        if (unit := axis_unit(name)) and usable.sum() >= max(1, 0.5 * n_rows):
            candidates.append(_Counter(name, unit, rows[usable], values[usable]))
    counting = [item for item in candidates if item.unit != "second"]
    steady = min((item.drops for item in counting), default=0)
    # A counter that never moves over several rows counts nothing; a single row moves nowhere.
    usable_counters = [item for item in counting if item.drops <= steady and (item.distinct > 1 or n_rows == 1)]
    choices = usable_counters or [item for item in candidates if item.unit == "second"]
    if not choices:
        numbered = np.arange(n_rows, dtype=np.float64)
        return Axis(None, "epoch", numbered, ("no step or epoch column: rows were numbered",))
    chosen = max(choices, key=lambda item: item.rank(n_rows))
    notes = []
    x = np.full(n_rows, np.nan)
    x[chosen.rows.astype(np.int64)] = chosen.values
    if len(chosen.rows) < n_rows:
        notes.append(f"{n_rows - len(chosen.rows)} rows without {chosen.name!r} were placed at the row before")
        x = _carry_forward(x)
    begins_again = chosen.unit == "epoch" and any(item.drops > steady and item.unit == "step" for item in counting)
    if begins_again:
        notes.append(f"the step counter begins again in each epoch: values were averaged over {chosen.distinct} epochs")
    return Axis(chosen.name, chosen.unit, x, tuple(notes), per_epoch_rows=begins_again)


def _carry_forward(x: FloatArray) -> FloatArray:
    """`x` with each NaN replaced by the last number before it, or the first one where there is none before."""
    known = np.flatnonzero(np.isfinite(x))
    last = np.searchsorted(known, np.arange(len(x)), side="right") - 1
    return x[known[np.maximum(last, 0)]]


def run_starts(axis: Axis, columns: Sequence[FloatArray]) -> list[int]:
    """The row numbers where runs begin: row 0, and each row where the axis falls back to where it began.

    A row written a little late (validation after the next training step) is no new run: only a column whose own x
    goes back counts.
    """
    backward: set[int] = set()
    for rows in columns:
        index = rows.astype(np.int64)
        x = axis.x[index]
        backward.update(index[1:][np.diff(x) < 0].tolist())
    if len(backward) >= 5 and len(backward) > 0.05 * len(axis.x):
        return [0]  # several writers share the log
    starts = [0]
    for row in sorted(backward):
        began = axis.x[starts[-1]]
        reached = axis.x[starts[-1] : row].max()
        # Falling back to the start means a new run; less means that a run was resumed from a checkpoint.
        if axis.x[row] <= began and reached > began:
            starts.append(row)
    return starts
