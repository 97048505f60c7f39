"""The exhibit of bias and variance: what the risk is made of, at one size of the model or over several."""

from typing import TYPE_CHECKING

import numpy as np

from advisor.experiments.bias_variance import UNITS, BiasVarianceCurve, CurvePoint, Estimate
from advisor.experiments.evidence import Evidence
from advisor.report import words
from advisor.report.axis import Lines, by_ratio, drawable, named_ends, size_axis, value_limits, wrapped
from advisor.report.exhibit import Exhibit, Table, table
from advisor.report.picture import COLOURS, LINE, WIDTH, canvas, clean, place, write
from advisor.report.rows import Bar, draw_bar

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Part -> its colour's role, in the order of the table.
PARTS = {"risk": "ink", "bias": "line-1", "variance": "line-2"}
LEFT, RIGHT, BELOW, PLOT = 0.6, 0.85, 0.55, 2.6  # inches
ROW = 0.5


def bias_exhibit(evidence: Evidence, found: BiasVarianceCurve) -> Exhibit:
    """Lines over the sizes, or three bars where there is one."""
    first = found.points[0].decomposition
    unit = clean(found.unit.replace("_", " "), 30)
    made_of = "noise, bias and variance" if first.noise else "bias, which holds the noise of the labels, and variance"
    said = "; ".join(
        f"at {unit} {words.position(point.at)}: "
        + ", ".join(f"{part} {words.number(estimate(point, part).value)}" for part in PARTS)
        for point in found.points
    )
    several = len(found.points) > 1
    read = (
        "Where variance is larger than bias, networks trained on other samples disagree more than they err together: "
        "there, more data and regularization help. Where bias is larger, larger models and longer training do."
    )
    return Exhibit(
        heading="Bias and variance",
        title=f"Risk, bias and variance in {UNITS[first.loss]} over {unit}. {said}",
        build=lambda: _lines(found, unit) if several else _bars(found, unit),
        caption=f"The risk is {made_of} added up. {read} Bars are {words.level(first.level)} intervals "
        f"over {first.covers}.",
        table=_table(found, unit),
    )


def estimate(point: CurvePoint, part: str) -> Estimate:
    """One part of a decomposition."""
    found: Estimate = getattr(point.decomposition, part)
    return found


def _head(found: BiasVarianceCurve, unit: str) -> Lines:
    first = found.points[0].decomposition
    lines: Lines = [(f"mean over test examples, in {UNITS[first.loss]}", "ink")]
    if len(found.points) > 1:
        lines.append((f"○ lowest risk at {unit} {words.position(found.lowest_risk_at)}", "muted"))
    return wrapped(lines)


def _lines(found: BiasVarianceCurve, unit: str) -> "Figure":
    from matplotlib.ticker import MaxNLocator

    above = _head(found, unit)
    top = 0.2 + LINE * len(above)
    figure = canvas(top + PLOT + BELOW)
    write(figure, above)
    axes = place(figure, left=LEFT, right=RIGHT, top=top, bottom=BELOW)
    sizes = [point.at for point in found.points]
    size_axis(axes, sizes, unit, inches=WIDTH - LEFT - RIGHT)
    values = [estimate(point, part).value for point in found.points for part in PARTS]
    ends = [end for point in found.points for part in PARTS for end in estimate(point, part).interval]
    axes.set_ylim(*value_limits(drawable(ends), np.append(drawable(values), 0.0)))
    axes.axhline(0, color=COLOURS["rule"], linewidth=0.8, zorder=1)
    low, high = min(sizes), max(sizes)
    for index, (part, role) in enumerate(PARTS.items()):
        # Moved a little, so that the bars of one size do not hide one another.
        share = 0.008 * (index - 1)
        at = [size * (high / low) ** share if by_ratio(sizes) else size + share * (high - low) for size in sizes]
        means = np.array([estimate(point, part).value for point in found.points])
        axes.plot(at, means, color=COLOURS[role], linewidth=1.7, marker="o", markersize=4, zorder=4)
        for x, point in zip(at, found.points, strict=True):
            bounds = drawable(estimate(point, part).interval)
            axes.plot([x] * len(bounds), bounds, color=COLOURS[role], linewidth=1.4, alpha=0.7, zorder=3)
        if part == "risk":
            best = sizes.index(found.lowest_risk_at)
            axes.plot([at[best]], [means[best]], marker="o", markersize=11, markerfacecolor="none", linestyle="",
                      markeredgecolor=COLOURS["ink"], markeredgewidth=1.3, zorder=5)  # fmt: skip
    last = found.points[-1]
    named_ends(axes, [(part, estimate(last, part).value, role) for part, role in PARTS.items()], apart_by=0.075)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    return figure


def _bars(found: BiasVarianceCurve, unit: str) -> "Figure":
    point = found.points[0]
    above = _head(found, unit)
    top = 0.16 + LINE * len(above)
    figure = canvas(top + ROW * len(PARTS) + 0.35)
    write(figure, above)
    axes = place(figure, left=0.9, right=0.2, top=top, bottom=0.35)
    axes.set_ylim(len(PARTS), 0)
    ends = [end for part in PARTS for end in estimate(point, part).interval]
    values = [estimate(point, part).value for part in PARTS]
    axes.set_xlim(*value_limits(drawable(ends), np.append(drawable(values), 0.0)))
    axes.plot([0, 0], [0, len(PARTS)], color=COLOURS["muted"], linewidth=0.9, zorder=1)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.tick_params(length=3)
    for index, (part, role) in enumerate(PARTS.items()):
        found_part = estimate(point, part)
        axes.annotate(part, (0, index + 0.5), xycoords=("axes fraction", "data"), xytext=(-58, 0),
                      textcoords="offset points", va="center", color=COLOURS[role])  # fmt: skip
        if np.isfinite(found_part.value):
            axes.barh([index + 0.5], [found_part.value], height=0.5, color=COLOURS[role], alpha=0.25, linewidth=0)
        draw_bar(axes, index + 0.5, Bar(found_part.value, found_part.interval), role, 1.0)
    return figure


def _table(found: BiasVarianceCurve, unit: str) -> Table:
    noise = any(point.decomposition.noise for point in found.points)
    rows: list[tuple[str, ...]] = []
    for point in found.points:
        cells = [_stated(estimate(point, part)) for part in (*PARTS, "lead")]
        rows.append((words.position(point.at), *cells, *[words.number(point.decomposition.noise)] * noise))
    level = words.level(found.points[0].decomposition.level)
    columns = [(words.capital(unit), False)]
    columns += [(f"{name} ({level} interval)", True) for name in ("Risk", "Bias", "Variance", "Variance minus bias")]
    return table("Bias and variance", *columns, *[("Noise", True)] * noise, rows=rows)


def _stated(part: Estimate) -> str:
    low, high = part.interval
    return f"{words.number(part.value)} ({words.number(low)} to {words.number(high)})"
