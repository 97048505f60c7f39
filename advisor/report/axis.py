"""What the pictures of experiments share: axes of sizes, ticks that do not touch, values that can be drawn."""

import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from advisor.curves import FloatArray
from advisor.diagnosis.trend import LARGEST
from advisor.report import words
from advisor.report.picture import COLOURS, apart

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LETTER = 0.083  # inches that a character takes, about
BETWEEN = 0.08  # inches between two labels
LOG_FROM = 5.0  # times the smallest size: from here on sizes are drawn by ratios
HIGHEST = 5.9  # inches: a picture of this height fits on a screen
Lines = list[tuple[str, str]]  # (text, colour role)


def wrapped(lines: Lines, width: int = 54) -> Lines:
    """Lines that fit into a picture."""
    return [(part, role) for text, role in lines for part in textwrap.wrap(text, width, subsequent_indent="   ")]


def too_small(minimum_effect: float, metric: str, mark: str = "shaded") -> Lines:
    """What the band around zero means; nothing where there is none."""
    if minimum_effect <= 0:
        return []
    return [(f"{mark}: below {words.size(minimum_effect, metric)}, too small to matter", "muted")]


def drawable(values: Iterable[float]) -> FloatArray:
    """The finite values, those that no axis holds moved to its end."""
    array = np.array([float(value) for value in values], dtype=np.float64)
    return np.clip(array[np.isfinite(array)], -LARGEST, LARGEST)


def by_ratio(sizes: Sequence[float]) -> bool:
    """Whether sizes are drawn on a logarithmic axis."""
    return min(sizes) > 0 and max(sizes) >= LOG_FROM * min(sizes)


def size_axis(axes: "Axes", sizes: Sequence[float], title: str, *, inches: float, pad: float = 0.04) -> None:
    """The x axis over these sizes, logarithmic where they span much, with ticks at sizes as far as they have room."""
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    log = by_ratio(sizes)
    if log:
        axes.set_xscale("log")
    at = np.log(sizes) if log else np.array(sizes, dtype=np.float64)
    low, high = float(at.min()), float(at.max())
    room = (high - low) * pad or 0.5
    ends = (low - room, high + room)
    axes.set_xlim(*(np.exp(ends) if log else ends))
    labels = [words.position(size) for size in sizes]
    places = [(place - ends[0]) / (ends[1] - ends[0]) * inches for place in at.tolist()]
    kept = spaced(places, [len(label) * LETTER + BETWEEN for label in labels])
    axes.xaxis.set_major_locator(FixedLocator([float(sizes[index]) for index in kept]))
    axes.xaxis.set_major_formatter(FixedFormatter([labels[index] for index in kept]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.tick_params(length=3)
    axes.set_xlabel(title)


def spaced(places: Sequence[float], widths: Sequence[float]) -> list[int]:
    """Which labels to show, the first and the last among them, so that none touch. All in the same unit."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    kept: list[int] = []
    for index in [*order[:1], *order[:0:-1][:1], *order[1:-1]]:
        if all(abs(places[index] - places[other]) >= (widths[index] + widths[other]) / 2 for other in kept):
            kept.append(index)
    return sorted(kept)


def value_limits(values: FloatArray, inner: FloatArray) -> tuple[float, float]:
    """The range of an axis: all inner values, and the others as far as they do not flatten these."""
    if not len(inner):
        inner = values if len(values) else np.array([0.0, 1.0])
    low, high = float(inner.min()), float(inner.max())
    span = high - low or max(abs(high) * 0.1, 1e-6)
    if len(values):
        low, high = min(low, max(float(values.min()), low - span)), max(high, min(float(values.max()), high + span))
    pad = 0.06 * (high - low) or span
    return low - pad, high + pad


def named_ends(axes: "Axes", names: Sequence[tuple[str, float, str]], *, apart_by: float) -> None:
    """Names of lines right of the axes, at the heights (in values) at which the lines end; (name, height, role)."""
    low, high = axes.get_ylim()
    ends = [(y - low) / (high - low) for _, y, _ in names]
    if axes.get_yscale() == "log":
        ends = [float(np.log(max(y, low) / low) / np.log(high / low)) for _, y, _ in names]
    ends = [float(np.clip(end, 0, 1)) for end in ends]
    for (name, _, role), height in zip(names, apart(ends, apart_by, 0.02, 0.98), strict=True):
        axes.text(1.02, height, name, transform=axes.transAxes, va="center", color=COLOURS[role], parse_math=False)
