"""The picture of a diagnosis: the two series it rests on, where the trouble begins and where the best point lies."""

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, overload

import numpy as np

from advisor.curves import Curves, FloatArray, Series
from advisor.diagnosis.model import Diagnosis, Finding
from advisor.diagnosis.trend import finite_part, running_median, window_for
from advisor.errors import AdvisorError
from advisor.report import words
from advisor.report.picture import COLOURS, LINE, Format, apart, canvas, clean, draw, place, write
from advisor.words import metric_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL = 2.15  # inches of height for one pair of axes
MOST_POINTS = 600  # drawn for one line: more cannot be seen at this width


@dataclass(frozen=True)
class Line:
    """A series ready to draw: finite points in order of x, a trend, and where it was not finite."""

    series: Series
    x: FloatArray
    y: FloatArray
    trend_x: FloatArray
    trend: FloatArray
    broken: FloatArray  # x of the values that are NaN or infinite


@overload
def curves_picture(curves: Curves, diagnosis: Diagnosis, *, format: Literal["png"]) -> bytes: ...
@overload
def curves_picture(curves: Curves, diagnosis: Diagnosis, *, format: Literal["svg"]) -> str: ...
def curves_picture(curves: Curves, diagnosis: Diagnosis, *, format: Format) -> bytes | str:
    """Train and validation as the diagnosis saw them, with its onset, its best point and its verdict in words.

    Raises:
        AdvisorError: the run has no series of training or validation values.
    """
    chosen = drawable(curves, diagnosis)
    if not chosen:
        raise AdvisorError(
            f"{clean(curves.name, 80)!r} has no series of training or validation values to draw; "
            "name one with --train or --validation."
        )
    notes = _notes(diagnosis, chosen)
    title = f"{' and '.join(clean(s.name, 60) for s in chosen)} by {chosen[0].unit}. {' '.join(t for t, _ in notes)}"
    return draw(lambda: _figure([_line(s) for s in chosen], diagnosis, notes), title=title, format=format)


def drawable(curves: Curves, diagnosis: Diagnosis) -> list[Series]:
    """The series that the diagnosis used, train first, or else those that it would use."""
    used = [
        next((s for s in curves.series if s.name == name and s.split in splits and len(s)), None)
        for name, splits in (
            (diagnosis.train_series, ("train", "other")),
            (diagnosis.validation_series, ("validation", "test", "other")),
        )
    ]
    found = [s for s in used if s is not None] or [s for s in curves.pair() if s is not None and len(s)]
    # A series named on purpose may be of any split.
    named = [s for s in curves.series if s.name in {diagnosis.train_series, diagnosis.validation_series} and len(s)]
    return found or named[:2]


def main_finding(diagnosis: Diagnosis, *, with_onset: bool = False) -> Finding | None:
    """The strongest finding that tells of trouble, else the strongest of all."""
    findings = [f for f in diagnosis.findings if f.onset is not None or not with_onset]
    return next((f for f in findings if f.severity != "info"), findings[0] if findings else None)


def smooth(y: FloatArray) -> FloatArray:
    """A running median and then a running mean, each over an eighteenth of the points or more. y: finite, (N,)."""
    width = max(window_for(len(y)), (len(y) // 18) | 1)
    if width == 1:
        return y
    # Losses start steep: mirrored at its first point, the line begins where the values do. Late they are flat, and a
    # window that ends with the data keeps the last, noisy value from deciding where the line ends.
    middle = running_median(np.pad(y, (width, 0), mode="reflect", reflect_type="odd"), width)
    padded = np.pad(middle, (0, width // 2), mode="edge")
    mean = np.lib.stride_tricks.sliding_window_view(padded, width).mean(axis=1)
    return np.asarray(mean[width - width // 2 :])


def thin(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """At most MOST_POINTS points that keep the lowest and the highest of each stretch. x, y: (N,), x rising."""
    if len(x) <= MOST_POINTS:
        return x, y
    keep: set[int] = {0, len(x) - 1}
    for part in np.array_split(np.arange(len(x)), MOST_POINTS // 2 - 1):
        keep |= {int(part[np.argmin(y[part])]), int(part[np.argmax(y[part])])}
    index = np.array(sorted(keep))
    return x[index], y[index]


def _line(series: Series) -> Line:
    x, y = finite_part(series.x, series.y)
    broken = np.unique(series.x[~np.isfinite(series.y)])
    middle_x, middle = x, y
    if len(x) > MOST_POINTS:
        parts = np.array_split(np.arange(len(x)), MOST_POINTS)
        middle_x = np.array([np.median(x[part]) for part in parts])
        middle = np.array([np.median(y[part]) for part in parts])
    thin_x, thin_y = thin(x, y)
    return Line(series, thin_x, thin_y, middle_x, smooth(middle), thin(broken, broken)[0])


def _notes(diagnosis: Diagnosis, chosen: list[Series]) -> list[tuple[str, str]]:
    """The annotation: what was found, where it begins, where the best point lies; each with its colour's role."""
    unit = chosen[0].unit
    found = main_finding(diagnosis, with_onset=True)
    notes = []
    if found is not None and found.onset is not None:
        between = ""
        if found.onset_interval is not None:
            between = f" ({words.position(found.onset_interval[0])} to {words.position(found.onset_interval[1])})"
        kind = found.kind.replace("_", " ")
        role = "muted" if found.severity == "info" else "alarm"
        notes.append((f"│ {kind} from {unit} {words.position(found.onset)}{between}", role))
    judged = chosen[-1]
    best = _best(judged, diagnosis)
    if best is not None:
        value = words.number(best[1])
        notes.append((f"○ best {judged.split} value {value} at {judged.unit} {words.position(best[0])}", "ink"))
    if not notes:
        first = main_finding(diagnosis)
        text = first.kind.replace("_", " ") if first else "nothing found"
        notes.append((text[0].upper() + text[1:], "ink"))
    return notes


def _best(series: Series, diagnosis: Diagnosis) -> tuple[float, float] | None:
    """(x, y) of the series' finite point nearest to the diagnosis' best point."""
    finite = np.isfinite(series.y)
    if diagnosis.best_point is None or not np.isfinite(diagnosis.best_point) or not finite.any():
        return None
    x, y = series.x[finite], series.y[finite]
    index = int(np.argmin(np.abs(x - diagnosis.best_point)))
    return float(x[index]), float(y[index])


def _figure(lines: list[Line], diagnosis: Diagnosis, notes: list[tuple[str, str]]) -> "Figure":
    # Two metrics, or steps beside epochs, share no axis: each series gets its own panel.
    first, last = lines[0].series, lines[-1].series
    together = (first.metric, first.unit, first.scale) == (last.metric, last.unit, last.scale)
    panels = [lines] if together else [[line] for line in lines]
    notes = notes + [(text, "muted") for panel in panels for text in _unseen(panel)]
    wrapped = [(part, role) for text, role in notes for part in textwrap.wrap(text, 52, subsequent_indent="    ")]
    top = 0.1 + LINE * len(wrapped)
    height = top + len(panels) * (PANEL + 0.75)
    figure = canvas(height)
    write(figure, wrapped)
    for index, panel in enumerate(panels):
        above = top + index * (PANEL + 0.75) + 0.26
        axes = place(figure, left=0.6, right=0.95, top=above, bottom=height - above - PANEL)
        _panel(axes, panel, diagnosis, judged=index == len(panels) - 1)
    return figure


def _panel(axes: "Axes", lines: list[Line], diagnosis: Diagnosis, *, judged: bool) -> None:
    unit = lines[0].series.unit
    low, high = _limits(lines)
    axes.set_ylim(low, high)
    left, right = _reach(lines)
    axes.set_xlim(left, right)
    found = main_finding(diagnosis, with_onset=True)
    if found is not None and found.onset is not None and unit == lines[-1].series.unit and judged:
        role = COLOURS["muted" if found.severity == "info" else "alarm"]
        if found.onset_interval is not None:
            axes.axvspan(*found.onset_interval, color=role, alpha=0.13, linewidth=0, zorder=1)
        axes.axvline(found.onset, color=role, linewidth=1.1, zorder=3)
        axes.set_xlim(left, right)
    for line in lines:
        role = "train" if line.series.split == "train" else "validation"
        dots = "o" if len(line.x) <= 12 else ""
        axes.plot(line.x, line.y, color=COLOURS[role], alpha=0.4, linewidth=0.8, marker=dots, markersize=3, zorder=4)
        axes.plot(line.trend_x, line.trend, color=COLOURS[role], linewidth=1.8, zorder=5)
        if len(line.broken):
            axes.plot(line.broken, np.full(len(line.broken), 0.97), linestyle="", marker="x", markersize=4.5,
                      color=COLOURS[role], transform=axes.get_xaxis_transform(), zorder=6)  # fmt: skip
    best = _best(lines[-1].series, diagnosis) if judged else None
    if best is not None:
        axes.plot(*best, marker="o", markersize=7, markerfacecolor="none", markeredgecolor=COLOURS["ink"],
                  markeredgewidth=1.3, linestyle="", zorder=7)  # fmt: skip
    _label(axes, lines)


def _label(axes: "Axes", lines: list[Line]) -> None:
    """The metric's name above the axis, the splits' names at the ends of their lines."""
    from matplotlib.ticker import MaxNLocator

    unit = lines[0].series.unit
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=unit != "second"))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.tick_params(length=3)
    axes.set_xlabel(unit)
    axes.text(-0.12, 1.045, clean(metric_title(lines[0].series.metric), 44), transform=axes.transAxes,
              color=COLOURS["muted"], parse_math=False)  # fmt: skip
    low, high = axes.get_ylim()
    ends = [float(np.clip((line.trend[-1] - low) / (high - low), 0, 1)) if len(line.trend) else 0.9 for line in lines]
    labels = ["train" if line.series.split == "train" else line.series.split for line in lines]
    for line, label, height in zip(lines, labels, apart(ends, 0.085, 0.02, 0.98), strict=True):
        role = "train" if line.series.split == "train" else "validation"
        axes.text(1.02, height, label, transform=axes.transAxes, va="center", color=COLOURS[role])


def _unseen(lines: list[Line]) -> list[str]:
    """What the panel cannot show, in words."""
    low, high = _limits(lines)
    values = np.concatenate([line.series.y for line in lines])
    finite = values[np.isfinite(values)]
    hidden, broken = int(((finite < low) | (finite > high)).sum()), len(values) - len(finite)
    said = [f"{hidden} value{'s' * (hidden != 1)} outside the picture"] if hidden else []
    return said + ([f"× {broken} value{'s' * (broken != 1)} not finite"] if broken else [])


def _limits(lines: list[Line]) -> tuple[float, float]:
    """The y range: all points, unless a few lie so far out that the rest would be flat."""
    values = np.concatenate([line.y for line in lines])
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    usual_low, usual_high = (float(q) for q in np.quantile(values, [0.03, 0.97]))
    span = usual_high - usual_low
    if span > 0:
        usual = values[(values >= usual_low - 1.5 * span) & (values <= usual_high + 1.5 * span)]
        low, high = float(usual.min()), float(usual.max())
    pad = 0.06 * (high - low) or max(abs(high) * 0.05, 1e-6)
    return low - pad, high + pad


def _reach(lines: list[Line]) -> tuple[float, float]:
    """The x range, from the first to the last point of all lines."""
    x = np.concatenate([line.series.x for line in lines])
    left, right = float(x.min()), float(x.max())
    pad = 0.015 * (right - left) or 0.5
    return left - pad, right + pad
