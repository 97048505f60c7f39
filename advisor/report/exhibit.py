"""An exhibit: a picture with the caption that says how to read it, and the same in numbers as a table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from advisor.report.picture import Format, draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Table:
    """A table of text; the first cell of a row names it.

    name: what a screen reader calls it. numbers: for each column, whether it holds numbers. stack: whether the rows
    become blocks on a narrow screen; if not, the table scrolls.
    """

    name: str
    columns: tuple[str, ...]
    numbers: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    stack: bool = True


@dataclass(frozen=True)
class Exhibit:
    """`title` says in words what the picture shows, for those who do not see it; `build` draws it."""

    heading: str
    title: str
    build: Callable[[], "Figure"]
    caption: str
    table: Table

    def picture(self, format: Format) -> bytes | str:
        """PNG bytes, or the text of an SVG element."""
        return draw(self.build, title=self.title, format=format)

    @property
    def svg(self) -> Markup:
        """The picture as it stands in the page; its text is escaped."""
        return Markup(self.picture("svg"))


def table(name: str, *columns: tuple[str, bool], rows: Sequence[tuple[str, ...]], stack: bool = True) -> Table:
    """A table of (title, holds numbers) columns."""
    return Table(
        name=name, columns=tuple(title for title, _ in columns), numbers=tuple(number for _, number in columns),
        rows=tuple(rows), stack=stack,
    )  # fmt: skip
