"""The exhibit of a pilot: with which power so many blocks find the minimum effect, and how long they train."""

import math
from typing import TYPE_CHECKING

import numpy as np

from advisor.experiments.evidence import Cost, Evidence
from advisor.experiments.power import SHOWN, WANTED_POWER, PowerCurve
from advisor.report import words
from advisor.report.axis import Lines
from advisor.report.exhibit import Exhibit, Table, table
from advisor.report.panels import MOST_PANELS, panels
from advisor.report.picture import COLOURS, clean
from advisor.words import duration

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TICKS = (5, 12, 30, 80, 200)


def power_exhibit(evidence: Evidence, curves: tuple[PowerCurve, ...]) -> Exhibit:
    """One panel an arm: the curve with the pilot's spread, and with the upper limit of that spread."""
    effect = words.size(curves[0].effect, curves[0].metric)
    shown = curves[:MOST_PANELS]
    hidden = f" {len(curves) - len(shown)} arms are in the table alone." if len(shown) < len(curves) else ""
    said = "; ".join(f"{clean(curve.arm, 40)}: {needed(curve)}" for curve in shown)
    return Exhibit(
        heading="Power by number of blocks",
        title=f"Probability of finding a change of {effect} in {evidence.results.measured} by the largest number of "
        f"blocks. {said}",
        build=lambda: _figure(shown, effect),
        caption=f"The line is the power if the differences vary as in the pilot of {curves[0].pilot_blocks} blocks; "
        "the lower edge of the coloured area is for the largest spread that the pilot leaves likely. Where a line "
        f"crosses {words.probability(WANTED_POWER)} that many blocks are enough; arms that are settled earlier end "
        f"earlier.{hidden}{_time(evidence, curves)}",
        table=_table(evidence, curves),
    )


def needed(curve: PowerCurve) -> str:
    """ "about 42 blocks, at most 61"."""
    from advisor.experiments.power import MOST_BLOCKS

    if curve.blocks_needed is None:
        return f"over {MOST_BLOCKS} blocks"
    most = "over " + str(MOST_BLOCKS) if curve.blocks_needed_at_most is None else str(curve.blocks_needed_at_most)
    return f"about {curve.blocks_needed} blocks, at most {most}"


def training_seconds(cost: Cost, arm: str, blocks: int) -> float | None:
    """What so many blocks of the baseline and this arm train for; None where it was not measured."""
    per_run = [cost.seconds_per_run.get(name) for name in ("baseline", arm)]
    if any(seconds is None or not math.isfinite(seconds) for seconds in per_run):
        return None
    return blocks * sum(seconds for seconds in per_run if seconds is not None)


def _time(evidence: Evidence, curves: tuple[PowerCurve, ...]) -> str:
    """How long the blocks that are needed train, one run after another."""
    most = max((curve.blocks_needed or SHOWN[-1] for curve in curves), default=SHOWN[-1])
    names = ["baseline", *(curve.arm for curve in curves)]
    known = [evidence.cost.seconds_per_run.get(name, math.nan) for name in names]
    if not math.isfinite(sum(known)):
        return ""
    arms = "the arm" if len(curves) == 1 else f"all {len(curves)} arms"
    return f" {most} blocks of the baseline and {arms} train for about {duration(most * sum(known))} in all."


def _figure(curves: tuple[PowerCurve, ...], effect: str) -> "Figure":
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    above: Lines = [(f"power to find a change of {effect}", "ink"), ("┊ enough blocks for a power of 80 %", "muted")]
    names = [(curve.arm, _short(curve), "line-1") for curve in curves]
    figure, made = panels(above, names, x=(SHOWN[0] * 0.9, SHOWN[-1] * 1.1), y=(-0.02, 1.03))
    for axes, curve in zip(made, curves, strict=True):
        axes.set_xscale("log")
        axes.set_xlim(SHOWN[0] * 0.9, SHOWN[-1] * 1.1)
        axes.xaxis.set_major_locator(FixedLocator(TICKS))
        axes.xaxis.set_major_formatter(FixedFormatter([str(tick) for tick in TICKS]))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(FixedLocator([0, 0.4, 0.8]))
        axes.yaxis.set_major_formatter(FixedFormatter(["0", "40 %", "80 %"]))
        _panel(axes, curve)
    for axes in made[-2:] if len(made) > 3 else made[-1:]:
        axes.set_xlabel("blocks at most")
    return figure


def _panel(axes: "Axes", curve: PowerCurve) -> None:
    blocks = [point.blocks for point in curve.points]
    power, least = (np.clip(np.nan_to_num([getattr(point, name) for point in curve.points]), 0, 1)
                    for name in ("power", "least"))  # fmt: skip
    axes.axhline(WANTED_POWER, color=COLOURS["rule"], linewidth=0.9, zorder=1)
    axes.fill_between(blocks, least, power, color=COLOURS["line-1"], alpha=0.16, linewidth=0, zorder=2)
    axes.plot(blocks, least, color=COLOURS["line-1"], linewidth=1, linestyle=(0, (4, 2)), zorder=3)
    axes.plot(blocks, power, color=COLOURS["line-1"], linewidth=1.8, marker="o", markersize=3, zorder=4)
    if curve.blocks_needed is not None and curve.blocks_needed <= SHOWN[-1]:
        axes.plot([curve.blocks_needed] * 2, [-0.02, WANTED_POWER], color=COLOURS["muted"], linewidth=1,
                  linestyle=(0, (2, 2)), zorder=2)  # fmt: skip


def _short(curve: PowerCurve) -> str:
    from advisor.experiments.power import MOST_BLOCKS

    return f"over {MOST_BLOCKS}" if curve.blocks_needed is None else f"about {curve.blocks_needed}"


def _table(evidence: Evidence, curves: tuple[PowerCurve, ...]) -> Table:
    timed = any(training_seconds(evidence.cost, curve.arm, 1) is not None for curve in curves)
    rows: list[tuple[str, ...]] = []
    for curve in curves:
        for point in curve.points:
            seconds = training_seconds(evidence.cost, curve.arm, point.blocks)
            rows.append(
                (curve.arm, str(point.blocks), words.probability(point.power), words.probability(point.least),
                 *[duration(seconds) if seconds is not None else "not measured"] * timed)
            )  # fmt: skip
    columns = [("Arm", False), ("Blocks at most", True), ("Power", True), ("Power, large spread", True)]
    return table("Power by number of blocks", *columns, *[("Training, baseline and arm", True)] * timed, rows=rows,
                 stack=False)  # fmt: skip
