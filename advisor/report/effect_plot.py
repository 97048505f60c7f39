"""The picture of an experiment: for each arm its paired differences block by block, and the interval that decides."""

from typing import TYPE_CHECKING, Literal, overload

import numpy as np

from advisor.curves import FloatArray
from advisor.diagnosis.trend import LARGEST
from advisor.experiments.evidence import ArmEvidence, Evidence, Results
from advisor.report import words
from advisor.report.picture import COLOURS, LINE, Format, canvas, clean, draw, place, write
from advisor.words import change

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW, DENSE_ROW = 0.6, 0.38  # inches of height for one arm, and for one of many
MANY = 8  # arms


@overload
def effects_picture(evidence: Evidence, *, format: Literal["png"]) -> bytes: ...
@overload
def effects_picture(evidence: Evidence, *, format: Literal["svg"]) -> str: ...
def effects_picture(evidence: Evidence, *, format: Format) -> bytes | str:
    """A forest plot: one dot for each block's paired difference, the mean with the interval that decides.

    The shaded band holds the differences that are too small to matter.
    """
    results = evidence.results
    said = "; ".join(f"{arm.name}: {verdict_text(arm, results)}" for arm in results.arms)
    title = f"Effect of each arm on {results.measured}, arm minus baseline. {said}"
    return draw(lambda: _figure(results), title=title, format=format)


def verdict_text(arm: ArmEvidence, results: Results) -> str:
    """The mean change and the verdict, as short as a label: "+1.8 points, helps"."""
    mean = arm.comparison.mean
    return f"{change(mean, results.metric)}, {arm.verdict}" if mean is not None else arm.verdict


def _figure(results: Results) -> "Figure":
    count = max(1, len(results.arms))
    unit = f" ({words.unit(results.metric)})" if words.unit(results.metric) else ""
    top, bottom = 0.06 + 2 * LINE + 0.1, 0.55
    figure = canvas(top + count * (ROW if count <= MANY else DENSE_ROW) + bottom)
    band = f"shaded: below {words.size(results.minimum_effect, results.metric)}, too small to matter"
    write(figure, [(f"change of {results.measured}{unit}, arm minus baseline", "ink")])
    if results.minimum_effect > 0:
        write(figure, [(band, "muted")], top=0.06 + LINE)
    axes = place(figure, left=0.12, right=0.12, top=top, bottom=bottom)
    axes.set_ylim(count, 0)
    low, high = _limits(results)
    axes.set_xlim(low, high)
    _ground(axes, results)
    for row, arm in enumerate(results.arms):
        _row(axes, row, arm, results)
    return figure


def _ground(axes: "Axes", results: Results) -> None:
    """The band of changes too small to matter, and which way is better."""
    smallest = results.minimum_effect * words.factor(results.metric)
    if smallest > 0:
        axes.axvspan(-smallest, smallest, color=COLOURS["band"], linewidth=0, zorder=0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.tick_params(length=3)
    low, high = ("worse", "better") if results.direction == "max" else ("better", "worse")
    for x, text, side in ((0.0, f"← {low}", "left"), (1.0, f"{high} →", "right")):
        axes.annotate(text, (x, 0), xycoords="axes fraction", xytext=(0, -30), textcoords="offset points",
                      ha=side, color=COLOURS["muted"])  # fmt: skip


def _row(axes: "Axes", row: int, arm: ArmEvidence, results: Results) -> None:
    """One arm: its name and verdict on a line of text, below it the dots, below them the mean with its interval."""
    low, high = axes.get_xlim()
    role = COLOURS[arm.verdict]
    verdict = verdict_text(arm, results)
    # A character is about 0.083 inches wide at this size: the name gets what the verdict leaves.
    room = max(12, 52 - len(verdict))
    axes.text(low, row + 0.24, clean(arm.name, room), va="center", parse_math=False)
    axes.text(high, row + 0.24, verdict, va="center", ha="right", color=role)
    # The zero line stops below each line of text.
    axes.plot([0, 0], [row + 0.42, row + 1], color=COLOURS["muted"], linewidth=0.9, zorder=1)
    if row:
        axes.axhline(row, color=COLOURS["rule"], linewidth=0.6, zorder=0.5)
    scale = words.factor(results.metric)
    dots = _finite(arm.comparison.differences) * scale
    # A fixed low-discrepancy shift up or down parts equal values; it means nothing.
    height, spread = (0.57, 0.2) if len(results.arms) <= MANY else (0.63, 0.12)
    shift = ((np.arange(len(dots)) * 0.618034) % 1 - 0.5) * (spread if len(dots) > 4 else 0)
    axes.plot(dots, row + height + shift, linestyle="", marker="o", markersize=3.6, color=role,
              alpha=0.55 if len(dots) < 40 else 0.3, markeredgewidth=0, zorder=3)  # fmt: skip
    if arm.comparison.interval is not None:
        ends = np.clip(np.array(arm.comparison.interval) * scale, -LARGEST, LARGEST)
        axes.plot(np.clip(ends, low, high), [row + 0.83] * 2, color=role, linewidth=2.4, zorder=4,
                  solid_capstyle="butt")  # fmt: skip
        # An interval that leaves the picture says so with an arrow head.
        for outside, x, marker in ((ends[0] < low, low, "<"), (ends[1] > high, high, ">")):
            if outside:
                axes.plot([x], [row + 0.83], marker=marker, markersize=6, color=role, clip_on=False, zorder=5)
    if arm.comparison.mean is not None and np.isfinite(arm.comparison.mean):
        axes.plot([np.clip(arm.comparison.mean * scale, low, high)], [row + 0.83], marker="D", markersize=5,
                  color=role, markeredgecolor=COLOURS["paper"], markeredgewidth=0.7, zorder=6)  # fmt: skip
    lost = len(arm.comparison.differences) - len(dots)
    if lost:
        axes.text(high, row + 0.55, f"{lost} not finite", va="center", ha="right", color=COLOURS["alarm"])


def _finite(values: tuple[float, ...]) -> FloatArray:
    array = np.array(values, dtype=np.float64)
    return np.clip(array[np.isfinite(array)], -LARGEST, LARGEST)


def _limits(results: Results) -> tuple[float, float]:
    """The x range: every dot, the band, and intervals as far as they do not flatten the dots."""
    scale = words.factor(results.metric)
    dots = np.concatenate(
        [_finite(arm.comparison.differences) for arm in results.arms]
        + [np.array([0.0, -results.minimum_effect * 1.5, results.minimum_effect * 1.5])]
    )
    low, high = float(dots.min()) * scale, float(dots.max()) * scale
    span = high - low or 1.0
    ends = _finite(tuple(end for arm in results.arms for end in arm.comparison.interval or ())) * scale
    if len(ends):
        low = min(low, max(float(ends.min()), low - 0.6 * span))
        high = max(high, min(float(ends.max()), high + 0.6 * span))
    pad = 0.04 * (high - low) or 1.0
    return low - pad, high + pad
