"""The exhibit of a learning curve: error by training examples, what more would bring, and what an arm is worth."""

from typing import TYPE_CHECKING

import numpy as np

from advisor.curves import FloatArray
from advisor.experiments.evidence import Evidence
from advisor.experiments.finding import DataSizeFindings
from advisor.experiments.learning_curves import LearningCurve, Prediction
from advisor.experiments.learning_curves.curve import predict, written
from advisor.experiments.spec import Spec
from advisor.report import words
from advisor.report.axis import Lines, drawable, named_ends, size_axis, value_limits, wrapped
from advisor.report.exhibit import Exhibit, Table, table
from advisor.report.picture import COLOURS, LINE, WIDTH, canvas, clean, place, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FURTHEST = 4.0  # times the largest size
STEPS = 13  # of the drawn curve
LEFT, RIGHT, BELOW, PLOT = 0.6, 0.85, 0.55, 2.8  # inches
ASIDE = 1.03  # by which factor the arm's points are moved, so that they do not hide the baseline's
LOG_RATIO = 4.0  # of the largest to the smallest value: from here on they are drawn by ratios


def size_exhibit(evidence: Evidence, found: DataSizeFindings) -> Exhibit:
    """The baseline's points, curve and predictive intervals up to four times the data, the arm beside it."""
    base = found.baseline
    name = _arm(evidence)
    said = "; ".join(f"{words.position(size)} examples: {written(y, base.metric)}"
                     for size, y in zip(base.sizes, base.values, strict=True))  # fmt: skip
    more = "; ".join(part.sentence for part in found.more)
    arm = f"; {clean(name, 40)}: {found.worth.sentence}" if found.worth is not None else ""
    return Exhibit(
        heading="The learning curve",
        title=f"{base.metric} of the baseline over training examples. {said}. {more}{arm}",
        build=lambda: _figure(found, name),
        caption=f"Dots are means over {base.runs} run{'s' if base.runs != 1 else ''}, the line the fitted curve "
        f"({base.family}), the shaded area where a new measurement is expected with {words.level(base.level)}. "
        "Right of the dashed line nothing was measured." + _worth_caption(found, name),
        table=_table(found, name),
    )


def _worth_caption(found: DataSizeFindings, name: str) -> str:
    if found.worth is None or found.worth.factor is None:
        return ""
    return f" The dotted line runs from what {clean(name, 40)} reaches to where the baseline's curve does as well."


def _arm(evidence: Evidence) -> str:
    spec = evidence.spec
    return next(iter(spec.arms), "arm") if isinstance(spec, Spec) else "arm"


def _curve(curve: LearningCurve) -> list[Prediction]:
    fitted = curve.fitted()
    inside = np.geomspace(curve.sizes[0], curve.sizes[-1], STEPS - 4)
    beyond = np.geomspace(curve.sizes[-1], FURTHEST * curve.sizes[-1], 5)[1:]
    return [predict(fitted, float(size)) for size in (*inside, *beyond)]


def _figure(found: DataSizeFindings, name: str) -> "Figure":
    base, arm = found.baseline, found.arm
    scale = 100.0 if _share(base) else 1.0
    above: Lines = [(f"test {base.metric}{' (%)' if scale > 1 else ''}, mean of runs", "ink")]
    above += [(f"with {part.factor:g} × the data: {written(part.value, base.metric)} "
               f"({written(part.interval[0], base.metric)} to {written(part.interval[1], base.metric)})", "line-1")
              for part in found.more]  # fmt: skip
    if found.worth is not None:
        above.append((f"{clean(name, 24)} is worth {_worth(found)} the data", "line-2"))
    above = wrapped(above)
    top = 0.2 + LINE * len(above)
    figure = canvas(top + PLOT + BELOW)
    write(figure, above)
    axes = place(figure, left=LEFT, right=RIGHT, top=top, bottom=BELOW)
    lines = [(_curve(base), base, "line-1", "baseline")]
    if arm is not None:
        lines.append((_curve(arm), arm, "line-2", clean(name, 9)))
    last = base.sizes[-1]
    size_axis(axes, [*base.sizes, *(part.size for part in found.more)], "training examples",
              inches=WIDTH - LEFT - RIGHT)  # fmt: skip
    _values_axis(axes, lines, scale)
    axes.axvline(last, color=COLOURS["muted"], linewidth=0.9, linestyle=(0, (3, 2)), zorder=1)
    bottom, _ = axes.get_ylim()
    for points, curve, role, _ in lines:
        _draw(axes, points, curve, role, scale, max(bottom, 1e-12), band=curve is base)
    if found.worth is not None and found.worth.factor is not None and arm is not None:
        reached = arm.values[-1] * scale
        axes.plot([arm.sizes[-1], arm.sizes[-1] * found.worth.factor], [reached] * 2, color=COLOURS["line-2"],
                  linewidth=1.5, linestyle=(0, (1, 1.5)), zorder=3)  # fmt: skip
    named_ends(axes, [(label, max(points[-1].value * scale, bottom), role) for points, _, role, label in lines],
               apart_by=0.075)  # fmt: skip
    return figure


def _values_axis(axes: "Axes", lines: list[tuple[list[Prediction], LearningCurve, str, str]], scale: float) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

    inner = drawable(y for points, curve, _, _ in lines for y in (*curve.values, *(p.value for p in points))) * scale
    outer = drawable(end for point in lines[0][0] for end in point.interval) * scale
    if len(inner) and inner.min() > 0 and inner.max() >= LOG_RATIO * inner.min():
        outer = np.clip(outer, inner.min() / 3, None)
        low, high = min(outer.min(), inner.min()) / 1.1, max(inner.max(), min(outer.max(), 3 * inner.max())) * 1.1
        axes.set_yscale("log")
        axes.set_ylim(low, high)
        steps = [m * 10.0**e for e in range(-6, 7) for m in (1, 2, 5)]
        axes.set_yticks([step for step in steps if low <= step <= high])
        axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        low, high = value_limits(outer, inner)
        axes.set_ylim(max(0.0, low), high)
        axes.yaxis.set_major_locator(MaxNLocator(5))


def _draw(
    axes: "Axes", points: list[Prediction], curve: LearningCurve, role: str, scale: float, least: float, *, band: bool
) -> None:
    """Means with their intervals, and the curve: solid where something was measured, dashed beyond."""
    at = np.array([point.size for point in points])
    middle = np.maximum([point.value for point in points], least / scale) * scale
    if band:
        low, high = (np.maximum([point.interval[side] for point in points], least / scale) * scale for side in (0, 1))
        axes.fill_between(at, low, high, color=COLOURS[role], alpha=0.14, linewidth=0, zorder=2)
    inside = at <= curve.sizes[-1] * 1.0001
    from_last = at >= curve.sizes[-1] * 0.9999
    axes.plot(at[inside], middle[inside], color=COLOURS[role], linewidth=1.7, zorder=3)
    axes.plot(at[from_last], middle[from_last], color=COLOURS[role], linewidth=1.4, linestyle=(0, (4, 2)), zorder=3)
    values = np.array(curve.values) * scale
    sizes = np.array(curve.sizes) * (1 if band else ASIDE)
    for size, value, half in zip(sizes, values, _halves(curve) * scale, strict=True):
        axes.plot([size, size], [max(value - half, least), value + half], color=COLOURS[role], linewidth=1.4, zorder=4)
    axes.plot(sizes, np.maximum(values, least), color=COLOURS[role], linestyle="", marker="o", markersize=4.5,
              zorder=5)  # fmt: skip


def _halves(curve: LearningCurve) -> FloatArray:
    """Half the widths of the intervals of the means, by t; 0 where there is nothing to tell noise by."""
    from scipy import stats

    if curve.standard_errors is None or curve.runs < 2:
        return np.zeros(len(curve.sizes))
    return np.array(curve.standard_errors) * float(stats.t.ppf(0.5 + curve.level / 2, curve.runs - 1))


def _share(curve: LearningCurve) -> bool:
    return written(0.5, curve.metric).endswith("%")


def _worth(found: DataSizeFindings) -> str:
    """ "1.8 × (1.1 to 3.2 ×)", of what the worth's sentence says."""
    assert found.worth is not None
    worth = found.worth
    least = found.baseline.sizes[0] / worth.size
    low = f"less than {least:.2g}" if worth.interval[0] is None and worth.verdict != "no amount" else None
    low = low or (f"{worth.interval[0]:.2g}" if worth.interval[0] is not None else f"more than {worth.most:g}")
    high = f"{worth.interval[1]:.2g}" if worth.interval[1] is not None else f"more than {worth.most:g}"
    if worth.factor is None:
        return f"{low} to {high} ×"
    return f"{worth.factor:.2g} × ({low} to {high} ×)"


def _table(found: DataSizeFindings, name: str) -> Table:
    base, arm = found.baseline, found.arm
    level = words.level(base.level)
    rows: list[tuple[str, ...]] = []
    for size, number, half in zip(base.sizes, base.values, _halves(base), strict=True):
        rows.append((words.position(size), "measured", _between(number, number - half, number + half, base.metric),
                     *[_of(arm, size)] * (arm is not None)))  # fmt: skip
    expected = {p.size: p for p in arm.predictions} if arm is not None else {}
    for part in found.more:
        cells = [_between(part.value, *part.interval, base.metric)]
        if arm is not None:
            there = expected.get(part.size)
            cells.append(_between(there.value, *there.interval, arm.metric) if there is not None else "none")
        rows.append((words.position(part.size), "expected", *cells))
    columns = [("Training examples", False), ("Kind", False), (f"Baseline ({level} interval)", True)]
    return table("The learning curve", *columns, *[(f"{clean(name, 64)} ({level} interval)", True)] * (arm is not None),
                 rows=rows)  # fmt: skip


def _of(arm: LearningCurve | None, size: float) -> str:
    if arm is None or size not in arm.sizes:
        return "none"
    place_ = arm.sizes.index(size)
    half = float(_halves(arm)[place_])
    return _between(arm.values[place_], arm.values[place_] - half, arm.values[place_] + half, arm.metric)


def _between(number: float, low: float, high: float, metric: str) -> str:
    if low == high:
        return written(number, metric)
    return f"{written(number, metric)} ({written(max(0.0, low), metric)} to {written(high, metric)})"
