"""The exhibit of how an experiment went: each arm's mean difference with its interval after every look."""

from typing import TYPE_CHECKING

import numpy as np

from advisor.diagnosis.trend import LARGEST
from advisor.experiments.evidence import ArmEvidence, Evidence
from advisor.experiments.sequential import Look
from advisor.report import words
from advisor.report.axis import Lines, drawable, too_small, value_limits
from advisor.report.endings import why
from advisor.report.exhibit import Exhibit, Table, table
from advisor.report.panels import MOST_PANELS, panels
from advisor.report.picture import COLOURS, clean
from advisor.words import change, interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LOOKS = 25  # of an arm, in the table


def path_exhibit(evidence: Evidence) -> Exhibit | None:
    """One panel an arm; None where no arm was looked at more than once."""
    results = evidence.results
    arms = [arm for arm in results.arms if arm.looks]
    if not any(len(arm.looks) > 1 for arm in arms):
        return None
    shown = arms
    if len(arms) > MOST_PANELS:
        # What is still open, and then what moved most, says most about the way.
        ranked = sorted(arms, key=lambda arm: (arm.verdict != "undecided", -abs(arm.looks[-1].mean)))
        shown = [arm for arm in arms if arm in ranked[:MOST_PANELS]]
    hidden = f" {len(arms) - len(shown)} arms are in the table alone." if len(shown) < len(arms) else ""
    said = "; ".join(
        f"{clean(arm.name, 40)}: {change(arm.looks[-1].mean, results.metric)} after {arm.looks[-1].n} blocks, "
        f"{why(arm, evidence)}"
        for arm in shown
    )
    return Exhibit(
        heading="How the differences settled",
        title=f"Mean difference of {results.measured} from the baseline after each block, of at most "
        f"{results.horizon}. {said}",
        build=lambda: _figure(evidence, shown),
        caption="The line is the mean difference so far, the coloured area its interval, which holds at all looks "
        "together. An arm ends where its interval leaves zero, or lies inside the grey band of changes too small to "
        f"matter, or where deciding became unlikely; the diamond and the bar mark that look.{hidden}",
        table=_table(evidence, arms),
    )


def _figure(evidence: Evidence, arms: list[ArmEvidence]) -> "Figure":
    from matplotlib.ticker import MaxNLocator

    results = evidence.results
    scale = words.factor(results.metric)
    better = "↑ better" if results.direction == "max" else "↓ better"
    above: Lines = [(f"change of {results.measured}{words.in_unit(results.metric)}, {better}", "ink")]
    above += too_small(results.minimum_effect, results.metric, "grey")
    first = min(look.n for arm in arms for look in arm.looks)
    room = max(0.5, 0.03 * (results.horizon - first))
    figure, made = panels(
        above,
        [(arm.name, why(arm, evidence), arm.verdict) for arm in arms],
        x=(first - room, results.horizon + room),
        y=_limits(arms, results.minimum_effect, scale),
    )
    for axes, arm in zip(made, arms, strict=True):
        _panel(axes, arm, results.minimum_effect * scale, scale)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    for axes in made[-2:] if len(made) > 3 else made[-1:]:
        axes.set_xlabel("blocks")
    return figure


def _panel(axes: "Axes", arm: ArmEvidence, smallest: float, scale: float) -> None:
    if smallest > 0:
        axes.axhspan(-smallest, smallest, color=COLOURS["band"], linewidth=0, zorder=0)
    axes.axhline(0, color=COLOURS["muted"], linewidth=0.9, zorder=1)
    looks = [look for look in arm.looks if np.isfinite(look.mean)]
    if not looks:
        return
    colour = COLOURS[arm.verdict]
    n = [look.n for look in looks]
    mean, low, high = (
        np.clip(np.nan_to_num(np.array([getattr(look, name) for look in looks]) * scale, nan=0.0), -LARGEST, LARGEST)
        for name in ("mean", "low", "high")
    )
    axes.fill_between(n, low, high, color=colour, alpha=0.16, linewidth=0, zorder=2)
    axes.plot(n, mean, color=colour, linewidth=1.6, zorder=4)
    bottom, top = axes.get_ylim()
    ends = drawable(arm.comparison.interval or (low[-1] / scale, high[-1] / scale)) * scale
    axes.plot([n[-1]] * len(ends), np.clip(ends, bottom, top), color=colour, linewidth=2.2, zorder=5,
              solid_capstyle="butt", clip_on=False)  # fmt: skip
    axes.plot([n[-1]], [np.clip(mean[-1], bottom, top)], marker="D", markersize=5.5, color=colour, clip_on=False,
              markeredgecolor=COLOURS["paper"], markeredgewidth=0.7, zorder=6)  # fmt: skip


def _limits(arms: list[ArmEvidence], minimum_effect: float, scale: float) -> tuple[float, float]:
    """All means and the band; intervals of the first looks may leave the picture."""
    looks = [look for arm in arms for look in arm.looks]
    inner = [*(look.mean for look in looks), 0.0, -1.2 * minimum_effect, 1.2 * minimum_effect]
    inner += [end for arm in arms for end in (arm.looks[-1].low, arm.looks[-1].high)]
    outer = [end for look in looks for end in (look.low, look.high)]
    return value_limits(drawable(outer) * scale, drawable(inner) * scale)


def _table(evidence: Evidence, arms: list[ArmEvidence]) -> Table:
    metric = evidence.results.metric
    rows = [
        (arm.name, f"{look.n}", change(look.mean, metric), interval(look.low, look.high, metric),
         words.p_value(look.p_value), words.number(look.bound, 2))
        for arm in arms
        for look in _thin(arm.looks)
    ]  # fmt: skip
    return table(
        "Every look", ("Arm", False), ("Blocks", True), ("Mean so far", True), ("Interval", True), ("p", True),
        ("Ends below p", True), rows=rows, stack=False,
    )  # fmt: skip


def _thin(looks: tuple[Look, ...]) -> list[Look]:
    """At most MOST_LOOKS of them, the first and the last among them."""
    chosen = np.unique(np.linspace(0, len(looks) - 1, min(len(looks), MOST_LOOKS)).round().astype(int))
    return [looks[index] for index in chosen]
