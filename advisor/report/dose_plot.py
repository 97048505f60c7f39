"""The exhibit of a sweep: the metric's change at each value of a setting, the fitted shape, and what to use."""

from typing import TYPE_CHECKING

import numpy as np

from advisor.experiments.dose_response import DoseResponse, StrengthEffect
from advisor.experiments.evidence import Evidence
from advisor.experiments.kinds import own_value
from advisor.experiments.spec import Spec
from advisor.report import words
from advisor.report.axis import BETWEEN, LETTER, Lines, drawable, spaced, value_limits, wrapped
from advisor.report.exhibit import Exhibit, Table, table
from advisor.report.picture import COLOURS, LINE, WIDTH, canvas, clean, place, write
from advisor.words import change, interval, metric_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEFT, RIGHT, BELOW, PLOT = 0.6, 0.2, 0.55, 2.6  # inches
FAR = 6.0  # times the range of the baseline and the best values: what lies beyond leaves the picture


def dose_exhibit(evidence: Evidence, found: DoseResponse) -> Exhibit:
    """Points with intervals over the values, the baseline at the left."""
    name = _parameter(evidence)
    said = "; ".join(f"{value_text(item, evidence)}: {change(item.change, found.metric)}" for item in found.strengths)
    best = next(item for item in found.strengths if item.strength == found.recommended)
    return Exhibit(
        heading=f"{words.capital(metric_title(found.metric))} by {name}",
        title=f"Change of {evidence.results.measured} over {name}, against the baseline. {said}. Recommended: "
        f"{value_text(best, evidence)}",
        build=lambda: _figure(evidence, found),
        caption=f"Dots are mean differences from the baseline over {found.blocks} blocks, bars their intervals, which "
        f"hold together; the line is the fitted shape ({found.shape}). Shaded values cannot be told from the best one; "
        "the ring marks the one to use.",
        table=_table(evidence, found),
    )


def value_text(item: StrengthEffect, evidence: Evidence) -> str:
    """A value as it is tried; strength 0 is the baseline with its own."""
    if item.strength:
        return f"{item.strength:g}"
    own = _own(evidence)
    return f"baseline ({own:g})" if own else "baseline"


def _own(evidence: Evidence) -> float | None:
    spec = evidence.spec
    return own_value(spec) if isinstance(spec, Spec) and spec.sweep is not None else None


def _parameter(evidence: Evidence) -> str:
    spec = evidence.spec
    if not isinstance(spec, Spec) or spec.sweep is None:
        return "strength"
    parts = [spec.sweep.technique, spec.sweep.parameter]
    return clean(" ".join(part for part in parts if part).replace("_", " "), 44)


def _positions(found: DoseResponse) -> list[float]:
    """Of each strength on the x axis: its logarithm, the baseline one step before the first; or itself."""
    strengths = [item.strength for item in found.strengths]
    if found.scale == "linear" or strengths[0] > 0:
        return strengths
    logs = np.log(strengths[1:])
    step = float(np.median(np.diff(logs))) if len(logs) > 1 else 1.0
    return [float(logs[0]) - 1.2 * step, *logs.tolist()]


def _figure(evidence: Evidence, found: DoseResponse) -> "Figure":
    from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator

    results, items = evidence.results, found.strengths
    scale = words.factor(found.metric)
    use = next(item for item in items if item.strength == found.recommended)
    above: Lines = [(f"change of {results.measured}{words.in_unit(found.metric)}, against the baseline", "ink")]
    above.append((f"○ use {value_text(use, evidence)}", "validation"))
    above.append(("shaded: not told from the best", "muted"))
    low, high = _limits(found, scale)
    outside = [item for item in items if not low <= item.change * scale <= high]
    if outside:
        above.append(("▲ outside the picture, with its value", "muted"))
    above = wrapped(above)
    top = 0.2 + LINE * len(above)
    figure = canvas(top + PLOT + BELOW)
    write(figure, above)
    axes = place(figure, left=LEFT, right=RIGHT, top=top, bottom=BELOW)
    at = _positions(found)
    pad = 0.05 * (at[-1] - at[0]) or 0.5
    axes.set_xlim(at[0] - pad, at[-1] + pad)
    axes.set_ylim(low, high)
    _shade(axes, at, found)
    axes.axhline(0, color=COLOURS["muted"], linewidth=0.9, zorder=1)
    _shape(axes, at, found, scale)
    for x, item in zip(at, items, strict=True):
        if np.isfinite(item.change):
            _point(axes, x, item, found.metric)
            if item is use:
                axes.plot([x], [item.change * scale], marker="o", markersize=12, markerfacecolor="none", linestyle="",
                          markeredgecolor=COLOURS["validation"], markeredgewidth=1.5, clip_on=False,
                          zorder=6)  # fmt: skip
    labels = ["baseline" if item.strength == 0 else f"{item.strength:g}" for item in items]
    inches = WIDTH - LEFT - RIGHT
    kept = spaced([(x - at[0]) / (at[-1] - at[0] or 1) * inches for x in at],
                  [len(label) * LETTER + BETWEEN for label in labels])  # fmt: skip
    axes.xaxis.set_major_locator(FixedLocator([at[index] for index in kept]))
    axes.xaxis.set_major_formatter(FixedFormatter([labels[index] for index in kept]))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.tick_params(length=3)
    axes.set_xlabel(_parameter(evidence))
    better = "↑ better" if found.direction == "max" else "↓ better"
    axes.annotate(better, (0, 0), xycoords="axes fraction", xytext=(-28, -34), textcoords="offset points",
                  color=COLOURS["muted"])  # fmt: skip
    return figure


def _point(axes: "Axes", x: float, item: StrengthEffect, metric: str) -> None:
    """A mean with its interval; one that lies outside the picture is an arrow head with its value."""
    low, high = axes.get_ylim()
    y = float(drawable([item.change])[0]) * words.factor(metric)
    if not low <= y <= high:
        above = y > high
        axes.plot([x], [high if above else low], marker="^" if above else "v", markersize=7, color=COLOURS["line-1"],
                  clip_on=False, zorder=5)  # fmt: skip
        axes.annotate(change(item.change, metric).removesuffix(" points"), (x, high if above else low),
                      xytext=(0, -16 if above else 10), textcoords="offset points", ha="center",
                      color=COLOURS["line-1"], zorder=6)  # fmt: skip
        return
    if item.interval is not None:
        ends = np.clip(drawable(item.interval) * words.factor(metric), low, high)
        axes.plot([x] * len(ends), ends, color=COLOURS["line-1"], linewidth=2, zorder=4)
    axes.plot([x], [y], marker="o", markersize=5, color=COLOURS["line-1"], zorder=5)


def _limits(found: DoseResponse, scale: float) -> tuple[float, float]:
    """All values, unless some lie so far from the baseline and the best ones that these could not be told apart."""
    near = [item for item in found.strengths if item.in_plateau or item.strength in (0, found.best)]
    core = drawable([0.0, *(item.change for item in near), *(end for item in near for end in item.interval or ())])
    changes = drawable([0.0, *(item.change for item in found.strengths)])
    ends = drawable(end for item in found.strengths for end in item.interval or ())
    span = float(np.ptp(core))
    if span > 0 and np.ptp(changes) > FAR * span:
        low, high = float(core.min()), float(core.max())
        changes = np.clip(changes, low - span, high + span)
        ends = np.clip(ends, low - span, high + span)
    return value_limits(ends * scale, changes * scale)


def _shade(axes: "Axes", at: list[float], found: DoseResponse) -> None:
    """The plateau: each of its values with half of the way to its neighbours."""
    left, right = axes.get_xlim()
    for index, item in enumerate(found.strengths):
        if item.in_plateau:
            low = left if index == 0 else (at[index - 1] + at[index]) / 2
            high = right if index == len(at) - 1 else (at[index] + at[index + 1]) / 2
            axes.axvspan(low, high, color=COLOURS["band"], linewidth=0, zorder=0)


def _shape(axes: "Axes", at: list[float], found: DoseResponse, scale: float) -> None:
    """The fitted shape; on a logarithmic axis the baseline has no place on a parabola."""
    apart = 1 if found.scale == "log" and found.shape == "quadratic" and found.strengths[0].strength == 0 else 0
    x, y = np.array(at[apart:]), drawable(item.fitted for item in found.strengths[apart:]) * scale
    if len(x) != len(y):
        return
    if found.shape == "quadratic" and len(x) >= 3:
        fine = np.linspace(x[0], x[-1], 80)
        # Newton's form through three of the points is the parabola itself.
        i, j, k = 0, len(x) // 2, len(x) - 1
        slope = (y[j] - y[i]) / (x[j] - x[i])
        bend = ((y[k] - y[j]) / (x[k] - x[j]) - slope) / (x[k] - x[i])
        x, y = fine, y[i] + (fine - x[i]) * (slope + bend * (fine - x[j]))
    axes.plot(x, y, color=COLOURS["line-2"], linewidth=1.6, zorder=3)


def _table(evidence: Evidence, found: DoseResponse) -> Table:
    rows = [
        (value_text(item, evidence), change(item.change, found.metric),
         interval(*item.interval, found.metric) if item.interval else "none", change(item.fitted, found.metric),
         ("recommended" if item.strength == found.recommended else "yes" if item.in_plateau else "no"))
        for item in found.strengths
    ]  # fmt: skip
    return table(
        f"{words.capital(metric_title(found.metric))} by {_parameter(evidence)}",
        (_parameter(evidence), False), ("Mean difference", True),
        (f"Interval ({words.level(1 - found.alpha)})", True), (f"Fitted ({found.shape})", True),
        ("As good as the best", False), rows=rows,
    )  # fmt: skip
