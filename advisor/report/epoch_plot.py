"""The picture of an effect against training time: an arm may only be slower, or only better early."""

from typing import TYPE_CHECKING, Literal, overload

import numpy as np

from advisor.diagnosis.trend import LARGEST
from advisor.experiments.evidence import ArmEvidence, Evidence, Results
from advisor.report import words
from advisor.report.picture import COLOURS, LINE, Format, apart, canvas, clean, draw, place, write
from advisor.words import metric_title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMED = 6  # arms with a colour and a name of their own; more lines cannot be told apart


@overload
def effect_by_epoch_picture(evidence: Evidence, *, format: Literal["png"]) -> bytes: ...
@overload
def effect_by_epoch_picture(evidence: Evidence, *, format: Literal["svg"]) -> str: ...
def effect_by_epoch_picture(evidence: Evidence, *, format: Format) -> bytes | str:
    """The mean paired difference of the validation metric after each epoch, one line an arm."""
    results = evidence.results
    title = f"Mean paired difference of {_measured(results)} after each epoch, arm minus baseline."
    return draw(lambda: _figure(results), title=title, format=format)


def _figure(results: Results) -> "Figure":
    from matplotlib.ticker import MaxNLocator

    arms = [arm for arm in results.arms if any(np.isfinite(change) for _, change in arm.effect_by_epoch)]
    named, others = arms[:NAMED], arms[NAMED:]
    if others:
        named = sorted(arms, key=lambda arm: -abs(_last(arm)))[:NAMED]
        others = [arm for arm in arms if arm not in named]
    names = [clean(arm.name, 18) for arm in named]
    above = [(f"{_measured(results)}, arm minus baseline{_unit(results)}", "ink")]
    if others:
        above.append((f"grey: {len(others)} more arms, whose last effects are smaller", "muted"))
    top = 0.16 + LINE * len(above)
    figure = canvas(top + 2.3 + 0.5)
    write(figure, above)
    right = 0.2 + 0.086 * max((len(name) for name in names), default=0)
    axes = place(figure, left=0.5, right=right, top=top, bottom=0.5)
    scale = words.factor(results.metric)
    axes.axhline(0, color=COLOURS["muted"], linewidth=0.9, zorder=1)
    for arm in others:
        axes.plot(*_points(arm, scale), color=COLOURS["rule"], linewidth=1, zorder=2)
    for index, arm in enumerate(named):
        epochs, changes = _points(arm, scale)
        dots = "o" if len(epochs) <= 3 else ""
        axes.plot(epochs, changes, color=_colour(index), linewidth=1.7, marker=dots, markersize=4, zorder=3)
    # Limits come from the lines: the band of changes too small to matter may be wider than all of them.
    low, high = axes.get_ylim()
    smallest = results.minimum_effect * scale
    if smallest > 0:
        axes.axhspan(-smallest, smallest, color=COLOURS["band"], linewidth=0, zorder=0)
    low, high = min(low, -1.3 * smallest), max(high, 1.3 * smallest)
    axes.set_ylim(low, high)
    ends = [float(np.clip((_last(arm) * scale - low) / (high - low), 0, 1)) for arm in named]
    for index, height in enumerate(apart(ends, 0.08, 0.02, 0.98)):
        axes.text(1.02, height, names[index], transform=axes.transAxes, va="center", color=_colour(index),
                  parse_math=False)  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.tick_params(length=3)
    axes.set_xlabel("epoch")
    better = "↑ better" if results.direction == "max" else "↓ better"
    axes.annotate(better, (0, 0), xycoords="axes fraction", xytext=(0, -30), textcoords="offset points",
                  color=COLOURS["muted"])  # fmt: skip
    return figure


def _measured(results: Results) -> str:
    """A script's effect by epoch is of the validation series beside its metric, or of the metric itself."""
    name = metric_title(results.metric)
    return f"{name} as logged" if results.split == "script" else f"validation {name}"


def _unit(results: Results) -> str:
    unit = words.unit(results.metric)
    return f" ({unit})" if unit else ""


def _points(arm: ArmEvidence, scale: float) -> tuple[list[int], list[float]]:
    kept = [(epoch, float(np.clip(change * scale, -LARGEST, LARGEST))) for epoch, change in arm.effect_by_epoch
            if np.isfinite(change)]  # fmt: skip
    return [epoch for epoch, _ in kept], [change for _, change in kept]


def _last(arm: ArmEvidence) -> float:
    return _points(arm, 1.0)[1][-1]


def _colour(index: int) -> str:
    return COLOURS[f"line-{index + 1}"]
