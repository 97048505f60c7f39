"""Rows of means with their intervals against zero: steps of a recipe, main effects and pairs."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from advisor.report import words
from advisor.report.axis import HIGHEST, Lines, drawable, value_limits, wrapped
from advisor.report.picture import COLOURS, LINE, canvas, clean, place, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROOMY, DENSE = 0.17, 0.13  # inches for one bar
MOST_ROWS = 16
NAME = 1.85  # inches that names get where they stand left of the axes


@dataclass(frozen=True)
class Bar:
    """A mean with its interval, in the metric's units."""

    mean: float
    interval: tuple[float, float] | None
    marker: str = "D"


@dataclass(frozen=True)
class Row:
    """One name with its bars; `role` is their colour, `said` stands beside the name where there is room.

    `short` is what the name is where there is little room; empty: its beginning.
    """

    name: str
    said: str
    role: str
    bars: tuple[Bar, ...]
    short: str = ""


def rows_figure(
    above: Lines, rows: list[Row], *, metric: str, minimum_effect: float, direction: Literal["min", "max"]
) -> "Figure":
    """The rows from top to bottom, above them lines of text. Many rows have their names beside the bars."""
    from matplotlib.ticker import MaxNLocator

    above = wrapped(above)
    bars = max(len(row.bars) for row in rows)
    top, bottom = 0.16 + LINE * len(above), 0.55
    height = 0.3 + ROOMY * bars
    dense = top + bottom + height * len(rows) > HIGHEST
    if dense:
        height = max(0.24, 0.05 + DENSE * bars)
    figure = canvas(top + height * len(rows) + bottom)
    write(figure, above)
    axes = place(figure, left=NAME + 0.1 if dense else 0.12, right=0.12, top=top, bottom=bottom)
    axes.set_ylim(len(rows) * height, 0)
    scale = words.factor(metric)
    axes.set_xlim(*_limits(rows, minimum_effect, scale))
    smallest = minimum_effect * scale
    if smallest > 0:
        axes.axvspan(-smallest, smallest, color=COLOURS["band"], linewidth=0, zorder=0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.tick_params(length=3)
    axes.xaxis.set_major_locator(MaxNLocator(4 if dense else 5))
    low, high = ("worse", "better") if direction == "max" else ("better", "worse")
    for x, text, side in ((0.0, f"← {low}", "left"), (1.0, f"{high} →", "right")):
        axes.annotate(text, (x, 0), xycoords="axes fraction", xytext=(0, -30), textcoords="offset points",
                      ha=side, color=COLOURS["muted"])  # fmt: skip
    for index, row in enumerate(rows):
        _row(axes, row, index * height, height, scale, dense=dense)
    return figure


def _row(axes: "Axes", row: Row, start: float, height: float, scale: float, *, dense: bool) -> None:
    low, high = axes.get_xlim()
    if start:
        axes.axhline(start, color=COLOURS["rule"], linewidth=0.6, zorder=0.5)
    first = start if dense else start + 0.25
    # The zero line stops below each line of text.
    axes.plot([0, 0], [first, start + height], color=COLOURS["muted"], linewidth=0.9, zorder=1)
    if dense:
        axes.annotate(clean(row.short or row.name, 22), (0, start + height / 2), xycoords=("axes fraction", "data"),
                      xytext=(-NAME * 72, 0), textcoords="offset points", va="center", color=COLOURS[row.role],
                      parse_math=False)  # fmt: skip
    else:
        axes.text(low, start + 0.15, clean(row.name, max(12, 52 - len(row.said))), va="center", parse_math=False)
        axes.text(high, start + 0.15, row.said, va="center", ha="right", color=COLOURS[row.role])
    step = (start + height - first) / (len(row.bars) + (0 if dense else 0.3))
    for place_, bar in enumerate(row.bars):
        draw_bar(axes, first + (place_ + 0.5) * step, bar, row.role, scale)


def draw_bar(axes: "Axes", y: float, bar: Bar, role: str, scale: float) -> None:
    """A mean with its interval at this height; an end that leaves the picture gets an arrow head."""
    low, high = axes.get_xlim()
    colour = COLOURS[role]
    if bar.interval is not None and np.isfinite(bar.interval).all():
        ends = drawable(bar.interval) * scale
        axes.plot(np.clip(ends, low, high), [y] * 2, color=colour, linewidth=2.2, zorder=4, solid_capstyle="butt")
        for outside, x, marker in ((ends[0] < low, low, "<"), (ends[1] > high, high, ">")):
            if outside:
                axes.plot([x], [y], marker=marker, markersize=6, color=colour, clip_on=False, zorder=5)
    if np.isfinite(bar.mean):
        axes.plot([np.clip(bar.mean * scale, low, high)], [y], marker=bar.marker, markersize=5.5, color=colour,
                  markeredgecolor=COLOURS["paper"], markeredgewidth=0.7, zorder=6)  # fmt: skip


def _limits(rows: list[Row], minimum_effect: float, scale: float) -> tuple[float, float]:
    bars = [bar for row in rows for bar in row.bars]
    means = drawable([*(bar.mean for bar in bars), 0.0, -1.5 * minimum_effect, 1.5 * minimum_effect])
    ends = drawable(end for bar in bars for end in bar.interval or ())
    return value_limits(ends * scale, means * scale)
