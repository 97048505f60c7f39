"""What a script's log or its last JSON line says of its result."""

import hashlib
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from advisor.curves import Curves, Series
from advisor.errors import AdvisorError, nearest
from advisor.experiments.command_spec import Measure
from advisor.experiments.evidence import EpochRow
from advisor.readers import read
from advisor.readers.meaning import meaning_of, tokens

MAX_ROWS = 5000


@dataclass(frozen=True)
class Outcome:
    """A run's result. `value` is None where there is none."""

    value: float | None
    selected: float | None = None  # the selecting metric where it was best
    kept: int = 0  # the epoch or step that the value is of
    points: int = 0  # of the reported series
    digest: str = ""
    rows: tuple[EpochRow, ...] = ()
    notes: tuple[str, ...] = ()


def from_json_line(text: str, report: Measure) -> Outcome:
    """The value of the last line that is a JSON object with the metric in it.

    Raises:
        AdvisorError: there is none, or its value is no number.
    """
    seen: list[str] = []
    for line in reversed(text.splitlines()):
        if not line.strip().startswith("{"):
            continue
        try:
            item = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if report.metric not in item:
            seen += [key for key in item if key not in seen]
            continue
        value = item[report.metric]
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise AdvisorError(f"its JSON line has {report.metric}: {value!r}, which is no number")
        digest = hashlib.sha256(json.dumps(item, sort_keys=True).encode()).hexdigest()
        measures_validation = meaning_of(report.metric).split in {"validation", "train"}
        notes = (_no_test(report.metric),) if measures_validation else ()
        return Outcome(value=float(value), points=1, digest=digest, notes=notes)
    found = f"; JSON lines had {', '.join(nearest(report.metric, seen)[:8])}" if seen else ""
    raise AdvisorError(
        f"it printed no JSON line with {report.metric!r}{found}; print one at the end, such as "
        f'{{"{report.metric}": 0.93}}, or name a log'
    )


def from_log(path: Path, report: Measure, select: Measure | None) -> Outcome:
    """The last value of the reported metric, or the one where the selecting metric is best.

    Raises:
        AdvisorError: the log cannot be read, or lacks a metric.
    """
    runs = read(path)
    wanted = [report.metric, *([select.metric] if select else [])]
    fitting = [curves for curves in runs if all(_find(curves, name) for name in wanted)]
    if not fitting:
        known = sorted({series.name for curves in runs for series in curves.series})
        missing = next((name for name in wanted if not any(_find(curves, name) for curves in runs)), wanted[0])
        raise AdvisorError(f"its log has no {missing!r}; logged, nearest first: {', '.join(nearest(missing, known))}")
    curves, notes = max(enumerate(fitting), key=lambda item: (_in_order(item[1].source), item[0]))[1], []
    if len(fitting) > 1:
        where = "" if Path(curves.source) == path else f", {Path(curves.source).relative_to(path).as_posix()!r},"
        notes.append(f"its log holds {len(fitting)} runs: the last one{where} counts")
    series = _find(curves, report.metric)
    assert series is not None
    at, selected = len(series) - 1, None
    chooser = _find(curves, select.metric) if select else None
    if series.split in {"validation", "train"}:
        notes.append(_no_test(report.metric))
    elif chooser is not None and select is not None and not np.isfinite(chooser.y).any():
        notes.append(f"{select.metric!r} is never a finite number: nothing was selected, and the last value counts")
    elif chooser is not None and select is not None:
        best = int(np.nanargmin(np.where(np.isfinite(chooser.y), chooser.y, np.nan) * _sign(select)))
        selected = float(chooser.y[best])
        # The reported value of that moment; one that was logged once, at the end, is the script's own choice.
        at = max(0, int(np.searchsorted(series.x, chooser.x[best], side="right")) - 1) if len(series) > 1 else 0
    return Outcome(
        value=float(series.y[at]),
        selected=selected,
        kept=int(series.x[at]),
        points=len(series),
        digest=_digest(curves, float(series.y[at])),
        rows=_rows(curves, series),
        notes=tuple(notes),
    )


def _in_order(source: str) -> list[tuple[str, int]]:
    """A key that sorts `checkpoint-9` before `checkpoint-10`."""
    return [(text, int(number or 0)) for text, number in re.findall(r"(\D*)(\d*)", source)]


def _no_test(metric: str) -> str:
    return f"{metric!r} is no test metric: judged by its last value, without selection"


def _sign(measure: Measure) -> float:
    return 1.0 if measure.direction == "min" else -1.0


def _find(curves: Curves, name: str) -> Series | None:
    """The series of this name, or of the same words ("test/accuracy" for "test_accuracy")."""
    exact = next((series for series in curves.series if series.name == name), None)
    return exact or next((series for series in curves.series if tokens(series.name) == tokens(name)), None)


def _digest(curves: Curves, value: float) -> str:
    """SHA-256 over every logged value that measures something: times and rates of progress are left out."""
    digest = hashlib.sha256(repr(value).encode())
    for series in sorted(curves.series, key=lambda item: item.name):
        if series.role in {"objective", "metric"}:
            digest.update(series.name.encode() + series.x.tobytes() + series.y.tobytes())
    return digest.hexdigest()


def _rows(curves: Curves, reported: Series) -> tuple[EpochRow, ...]:
    """The pair that diagnosis compares, and the reported metric, at every moment that any of them was logged."""
    columns = [
        dict(zip(series.x.tolist(), series.y.tolist(), strict=True)) if series else {}
        for series in (*curves.pair(), reported)
    ]
    moments = sorted(set().union(*columns))
    moments = moments[:: math.ceil(len(moments) / MAX_ROWS)] if moments else []
    whole = all(float(moment).is_integer() for moment in moments)
    return tuple(
        EpochRow(
            epoch=int(moment) if whole else index,
            train_loss=columns[0].get(moment),
            train_eval_loss=columns[0].get(moment),
            validation_loss=columns[1].get(moment),
            validation_metric=columns[2].get(moment),
        )
        for index, moment in enumerate(moments)
    )
