"""One value for each run: at the epoch that validation selects, or at the last; and whether the run got there."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from advisor.curves import Curves, Series
from advisor.experiments.existing.measure import Choice, find
from advisor.experiments.existing.model import Rule, RunValue, Side, State
from advisor.experiments.existing.side import Run, begins_with, each_once

# A run is short where it ends before this share of the others' end, if at least half of them end together.
SHORT = 0.9
_TOGETHER = 0.98


@dataclass(frozen=True)
class Logs:
    """A side's runs with the metric, each once; the logs that repeat one of them; and those without the metric."""

    runs: tuple[Run, ...]
    repeated: tuple[Run, ...]
    lacking: tuple[Run, ...]


def sort_out(found: Sequence[Run], choice: Choice) -> Logs:
    """Tells the runs from what repeats them or lacks the metric. An early checkpoint may do both: it repeats."""
    runs, repeated = each_once([run for run in found if choice.series(run)])
    without = [run for run in found if choice.series(run) is None]
    early = [run for run in without if any(begins_with(longer, run) for longer in runs)]
    return Logs(tuple(runs), (*repeated, *early), tuple(run for run in without if run not in early))


@dataclass(frozen=True)
class Scales:
    """How a metric is written: `percent` as 91.3, `fraction` as 0.913; both where logs differ, none where neither."""

    percent: int
    fraction: int

    @property
    def mixed(self) -> bool:
        """Whether the logs differ, so that per cent has to become fractions."""
        return bool(self.percent and self.fraction)


def scales(runs: Sequence[Run], choice: Choice) -> Scales:
    """How many runs log the metric in per cent, and how many as a fraction."""
    found = [series.scale for run in runs if (series := choice.series(run))]
    return Scales(found.count("percent"), found.count("fraction"))


def side(path: str, logs: Logs, choice: Choice, *, to_fraction: bool) -> Side:
    """The values of a side's runs; `to_fraction` divides those that are logged in per cent by 100."""
    having = [(run, series) for run in logs.runs if (series := choice.series(run))]
    ends = [_end(run.curves) for run, _ in having]
    peers = [(end, _planned(run.curves, series)) for (run, series), end in zip(having, ends, strict=True)]
    values = []
    for (run, series), end in zip(having, ends, strict=True):
        divisor = 100.0 if to_fraction and series.scale == "percent" else 1.0
        state = _state(run.curves, series, end, peers)
        values.append(_value(run, series, choice, end=end, state=state, divisor=divisor))
    finite = [item.value for item in values if item.value is not None]
    gains = [item.best_gain for item in values if item.value is not None]
    return Side(
        path=path,
        series=having[0][1].name,
        runs=tuple(values),
        n=len(finite),
        mean=statistics.fmean(finite) if finite else None,
        sd=float(np.std(finite, ddof=1)) if len(finite) > 1 else None,
        best_gain=statistics.fmean(gains) if gains else None,
        lacking=tuple(run.name for run in logs.lacking),
        repeated=tuple(run.name for run in logs.repeated),
    )


def _value(run: Run, series: Series, choice: Choice, *, end: float, state: State, divisor: float) -> RunValue:
    chooser = find(run, choice.selector) if choice.selector else None
    rule: Rule = "last"
    index = len(series) - 1
    if choice.measure.split == "test" and len(series) == 1:
        rule = "only"  # logged once, at the end: what it is of was the script's own choice
    elif chooser is not None and np.isfinite(chooser.y).any():
        rule = "selected"
        moment = chooser.x[_best(chooser)]
        index = max(0, int(np.searchsorted(series.x, moment, side="right")) - 1)
    value = float(series.y[index])
    finite = bool(np.isfinite(value))
    gain = abs(float(series.y[_best(series)]) - value) if finite else 0.0
    return RunValue(
        name=run.name,
        seed=run.seed,
        value=value / divisor if finite else None,
        rule=rule,
        at=float(series.x[index]),
        end=end,
        planned=_planned(run.curves, series),
        unit=series.unit,
        points=len(series),
        every=float(np.median(np.diff(series.x))) if len(series) > 1 else None,
        best_gain=gain / divisor,
        state=state,
    )


def _best(series: Series) -> int:
    """The index of the first best finite value."""
    sign = 1.0 if series.direction == "min" else -1.0
    return int(np.argmin(np.where(np.isfinite(series.y), sign * series.y, np.inf)))


def _end(curves: Curves) -> float:
    return max(float(item.x[-1]) for item in curves.series if item.role in {"objective", "metric"} and len(item))


def _planned(curves: Curves, series: Series) -> float | None:
    """Where the run was to end; logs tell it in steps."""
    return curves.planned if series.unit == "step" else None


def _state(curves: Curves, series: Series, end: float, peers: Sequence[tuple[float, float | None]]) -> State:
    """`peers`: end and planned end of every run of the side. What most of them do, such as to stop early, is a rule."""
    losses = [item for item in curves.series if item.role == "objective" and len(item)]
    if not all(np.isfinite(item.y[-1]) for item in (series, *losses)):
        return "diverged"
    longest = max(other for other, _ in peers)
    together = 2 * sum(other >= _TOGETHER * longest for other, _ in peers) >= len(peers)
    stopping = 2 * sum(falls_short(*peer) for peer in peers) >= len(peers)
    before_plan = falls_short(end, _planned(curves, series)) and not stopping
    torn = any("last line was cut off" in note for note in curves.notes)
    return "cut off" if torn or before_plan or (together and end < SHORT * longest) else "finished"


def falls_short(end: float, planned: float | None) -> bool:
    """Whether a run ended well before the x that it was to reach."""
    return planned is not None and end < SHORT * planned
