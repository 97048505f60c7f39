"""Small multiples: one panel an arm, all with the same axes, in one column or two."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from advisor.report.axis import HIGHEST, LETTER, Lines, wrapped
from advisor.report.picture import COLOURS, LINE, WIDTH, canvas, clean, place, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PANELS = 12  # more do not fit on a screen
LEFT, RIGHT, GAP, BELOW = 0.5, 0.12, 0.3, 0.52  # inches
HEAD = LINE + 0.12


def panels(
    above: Lines, names: Sequence[tuple[str, str, str]], *, x: tuple[float, float], y: tuple[float, float]
) -> tuple["Figure", list["Axes"]]:
    """A figure with axes for each (name, what is said beside it, its colour role); only outer axes have numbers."""
    from matplotlib.ticker import MaxNLocator

    above = wrapped(above)
    columns = 1 if len(names) <= 3 else 2
    rows = math.ceil(len(names) / columns)
    top = 0.14 + LINE * len(above)
    height = min(1.9 if rows == 1 else 1.25, (HIGHEST - top - BELOW) / rows - HEAD)
    figure = canvas(top + rows * (height + HEAD) + BELOW)
    write(figure, above)
    width = (WIDTH - LEFT - RIGHT - GAP * (columns - 1)) / columns
    made = []
    for index, (name, said, role) in enumerate(names):
        row, column = divmod(index, columns)
        left, start = LEFT + column * (width + GAP), top + row * (height + HEAD) + HEAD
        bottom = BELOW + (rows - row - 1) * (height + HEAD)
        axes = place(figure, left=left, right=WIDTH - left - width, top=start, bottom=bottom)
        axes.set_xlim(*x)
        axes.set_ylim(*y)
        axes.yaxis.set_major_locator(MaxNLocator(3 if height < 1 else 4))
        lowest = index + columns >= len(names)
        axes.tick_params(length=3, labelleft=column == 0, labelbottom=lowest)
        room = int(width / LETTER) - len(said) - 1
        figure.text(left / WIDTH, 1 - (start - 0.07) / figure.get_figheight(), clean(name, max(8, room)), va="bottom",
                    parse_math=False)  # fmt: skip
        figure.text((left + width) / WIDTH, 1 - (start - 0.07) / figure.get_figheight(), said, va="bottom", ha="right",
                    color=COLOURS[role])  # fmt: skip
        made.append(axes)
    return figure, made
