"""One side of a comparison: the runs below a path, by name and seed, each of them once."""

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from advisor.curves import Curves, Series
from advisor.readers import read
from advisor.readers.meaning import tokens

_SEED = re.compile(r"(?:^|[^a-z0-9])(?:[a-z]*seed|s)[ _=.-]?(\d{1,10})(?![a-z0-9])")
# Fewer numbers than this may be equal by chance, as accuracies on a small set are.
_TELLING_VALUES = 6
_TELLING_DISTINCT = 4


@dataclass(frozen=True)
class Run:
    """A run of one side. `name` is its log's path below the side's, and its number where a log holds several runs."""

    curves: Curves
    name: str
    key: str | None  # what a run of the other side would share: the name without suffix
    seed: int | None

    @property
    def measured(self) -> list[Series]:
        """The series that measure something."""
        return [item for item in self.curves.series if item.role in {"objective", "metric"} and len(item)]


def read_side(path: str | os.PathLike[str]) -> list[Run]:
    """The runs in the file or folder, in the order in which the readers find them.

    Raises:
        AdvisorError: there is nothing to read.
    """
    place = Path(path).expanduser()
    found = [run for curves in read(place) for run in _rows_as_runs(curves)]
    runs = []
    for curves in found:
        source = Path(curves.source)
        inside = source.relative_to(place).as_posix() if place.is_dir() and source != place else source.name
        several = sum(other.source == curves.source for other in found) > 1
        number = curves.name.removeprefix(source.stem) if several else ""
        key = inside.removesuffix(source.suffix) + number if place.is_dir() else None
        runs.append(Run(curves, inside + number, key, _seed(curves, inside, place.resolve().name)))
    return runs


def _rows_as_runs(curves: Curves) -> list[Curves]:
    """A run for each row of a table of results: without an axis, and with another seed in each row."""
    seeds = next((item for item in curves.series if tokens(item.name)[-1:] == ["seed"]), None)
    numbered = any("rows were numbered" in note for note in curves.notes)
    if seeds is None or not numbered or len(seeds) < 2 or len(np.unique(seeds.y)) < len(seeds):
        return [curves]
    return [
        curves.model_copy(update={"name": f"{curves.name} row {row + 1}", "series": _at(curves, x)})
        for row, x in enumerate(seeds.x)
    ]


def _at(curves: Curves, x: float) -> tuple[Series, ...]:
    parts = [(item, item.x == x) for item in curves.series]
    return tuple(item.model_copy(update={"x": item.x[here], "y": item.y[here]}) for item, here in parts if here.any())


def _seed(curves: Curves, inside: str, given: str) -> int | None:
    """The seed that the log states, or its path: `seed_3`, `seed=3`, `s3`; the innermost folder wins."""
    for series in curves.series:
        if tokens(series.name)[-1:] == ["seed"] and len(np.unique(series.y)) == 1 and float(series.y[0]).is_integer():
            return int(series.y[0])
    for part in [*reversed(inside.split("/")), given]:
        if found := _SEED.findall(part.lower()):
            return int(found[-1])
    return None


def each_once(runs: Sequence[Run]) -> tuple[list[Run], list[Run]]:
    """The runs without those whose log another one begins with or repeats, and these.

    The checkpoints of one training keep its log so far: they are one run, and the longest log is it.
    """
    lost: set[int] = set()
    by_start: dict[tuple[object, ...], list[Run]] = {}
    for run in sorted(runs, key=lambda item: -_length(item)):
        peers = by_start.setdefault(_start(run), [])
        if any(begins_with(other, run) for other in peers):
            lost.add(id(run))
        else:
            peers.append(run)
    return [run for run in runs if id(run) not in lost], [run for run in runs if id(run) in lost]


def begins_with(longer: Run, shorter: Run) -> bool:
    """Whether all that `shorter` logged stands at the beginning of `longer`, value for value.

    A log of a handful of numbers never counts: those may be equal by chance.
    """
    others = {item.name: item for item in longer.measured}
    mine = shorter.measured
    for item in mine:
        other = others.get(item.name)
        if other is None or len(other) < len(item):
            return False
        same_x = np.array_equal(item.x, other.x[: len(item)])
        if not same_x or not np.array_equal(item.y, other.y[: len(item)], equal_nan=True):
            return False
    distinct = len(np.unique(np.concatenate([item.y for item in mine]))) if mine else 0
    return _length(shorter) >= _TELLING_VALUES and distinct >= _TELLING_DISTINCT


def digest(run: Run) -> str | None:
    """A hash of all that the run's log measured; None where that is too little to tell runs apart."""
    if not begins_with(run, run):
        return None
    hashed = hashlib.sha256()
    for item in sorted(run.measured, key=lambda item: item.name):
        hashed.update(item.name.encode() + item.x.tobytes() + item.y.tobytes())
    return hashed.hexdigest()


def _length(run: Run) -> int:
    return sum(len(item) for item in run.measured)


def _start(run: Run) -> tuple[object, ...]:
    # Runs of which one begins with the other share the first value of the series that is named first.
    first = min(run.measured, key=lambda item: item.name, default=None)
    return () if first is None else (first.name, float(first.x[0]), repr(float(first.y[0])))
