"""What every picture shares: palette, canvas, and the way out as PNG or as inline SVG.

A drawing names its colours by role. The SVG refers to them as CSS variables with the light theme as the fallback, so
that one file follows the page's theme and still looks right alone. The same input gives the same bytes.
"""

import io
import re
import threading
import warnings
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any, Literal

from advisor.contract import content_id

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Format = Literal["png", "svg"]

WIDTH = 4.8  # inches: text of this size is body text at 576 CSS pixels, and is still read at 370
FONT = 10.0  # points
PNG_DPI = 160

# Role -> colour in the light theme. Each value is used once: the SVG's roles are found again by it.
COLOURS = {
    "paper": "#ffffff",
    "ink": "#1c1e21",
    "muted": "#5f6670",
    "rule": "#d5d9de",
    "band": "#eceff2",
    "train": "#a8560b",
    "validation": "#12599c",
    "alarm": "#b02a30",
    "helps": "#17734a",
    "hurts": "#b02a31",
    "equivalent": "#535b66",
    "undecided": "#6b5a12",
    "line-1": "#12599d",
    "line-2": "#a8560c",
    "line-3": "#17734b",
    "line-4": "#8a3a8f",
    "line-5": "#0f7482",
    "line-6": "#9c2f4d",
}

# The same roles on a dark page; pictures reach them through the page's CSS variables.
DARK = {
    "paper": "#14171a",
    "ink": "#e6e8ea",
    "muted": "#9aa3ad",
    "rule": "#363c43",
    "band": "#22272c",
    "train": "#e8a052",
    "validation": "#74b2f0",
    "alarm": "#f08a8a",
    "helps": "#5cc596",
    "hurts": "#f08a8a",
    "equivalent": "#a9b2bc",
    "undecided": "#d3bd62",
    "line-1": "#74b2f0",
    "line-2": "#e8a052",
    "line-3": "#5cc596",
    "line-4": "#d695da",
    "line-5": "#62c7d6",
    "line-6": "#f091ac",
}

# matplotlib's settings are global to the process, and a drawing changes them.
_lock = threading.RLock()
# What XML 1.0 cannot hold, lone surrogates, which UTF-8 cannot, and marks that reverse the text around a name.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]+")


def clean(text: str, most: int = 400) -> str:
    """Text from a file as one printable line of at most so many characters."""
    line = " ".join(_UNPRINTABLE.sub(" ", text).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def draw(build: Callable[[], "Figure"], *, title: str, format: Format) -> bytes | str:
    """Build a figure and give it as PNG bytes or as SVG text. `title` says in words what the picture shows."""
    import matplotlib

    # The user's own matplotlibrc must not change a report; the backend settings are not ours to touch.
    settings: Any = {key: value for key, value in matplotlib.rcParamsDefault.items() if "backend" not in key}
    settings |= _SETTINGS
    with _lock, warnings.catch_warnings():
        # A name in a script that the font lacks: the browser has a font for it, the PNG shows boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        warnings.filterwarnings("ignore", message=".*(Hebrew|Arabic|Devanagari|Bengali|Tamil).*")
        with matplotlib.rc_context(settings):
            figure = build()
            return _png(figure) if format == "png" else _svg(figure, clean(title, most=2000))


_SETTINGS: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": FONT,
    "svg.fonttype": "none",
    "svg.hashsalt": "regularization-advisor",
    "axes.unicode_minus": True,
    "axes.formatter.useoffset": False,
    "axes.edgecolor": COLOURS["rule"],
    "axes.labelcolor": COLOURS["muted"],
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": COLOURS["rule"],
    "ytick.color": COLOURS["rule"],
    "xtick.labelcolor": COLOURS["muted"],
    "ytick.labelcolor": COLOURS["muted"],
    "xtick.labelsize": FONT,
    "ytick.labelsize": FONT,
    "text.color": COLOURS["ink"],
    "figure.facecolor": COLOURS["paper"],
    "axes.facecolor": "none",
    "path.simplify": True,
}


def canvas(height: float) -> "Figure":
    """An empty figure of the common width and so many inches of height, outside pyplot's global state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH, height))


def place(figure: "Figure", *, left: float, right: float, top: float, bottom: float) -> "Axes":
    """Axes with these margins in inches."""
    width, height = figure.get_size_inches()
    return figure.add_axes(
        (left / width, bottom / height, (width - left - right) / width, (height - top - bottom) / height)
    )


def write(figure: "Figure", lines: list[tuple[str, str]], *, top: float = 0.06, left: float = 0.06) -> None:
    """Lines of (text, colour role) from the figure's upper left corner, one every LINE inches."""
    width, height = figure.get_size_inches()
    for index, (text, role) in enumerate(lines):
        figure.text(
            left / width, 1 - (top + index * LINE) / height, text, color=COLOURS[role], va="top", parse_math=False
        )


LINE = 0.195  # inches from one line of text to the next


def apart(positions: list[float], distance: float, low: float, high: float) -> list[float]:
    """The positions moved as little as needed to be `distance` apart within [low, high], in the given order."""
    if not positions:
        return []
    distance = min(distance, (high - low) / max(1, len(positions) - 1))
    order = sorted(range(len(positions)), key=lambda index: positions[index])
    placed = list(positions)
    floor = low
    for index in order:
        placed[index] = floor = max(floor, placed[index])
        floor += distance
    ceiling = high
    for index in reversed(order):
        placed[index] = ceiling = min(ceiling, placed[index])
        ceiling -= distance
    return placed


def _png(figure: "Figure") -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=PNG_DPI, metadata={"Software": None})
    return buffer.getvalue()


def _svg(figure: "Figure", title: str) -> str:
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    FigureCanvasSVG(figure)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return _inline(buffer.getvalue(), title)


def _inline(text: str, title: str) -> str:
    """matplotlib's SVG file as an element of a page: themed, named, scaling, with ids of its own."""
    drawn = text[text.index("<svg") :]
    drawn = re.sub(r"<metadata>.*?</metadata>\s*", "", drawn, flags=re.DOTALL)
    # matplotlib's style sheet says "*": in a page it would reach everything.
    drawn = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", drawn, count=1, flags=re.DOTALL)
    opening, body = drawn.split(">", 1)
    found = re.search(r'viewBox="[^"]*"', opening)
    assert found is not None
    mark = "p" + content_id([title, body])[:10]
    body = _in_tags(body, lambda tag: _restyle(tag, mark))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {found[0]} width="100%" role="img" '
        f'style="stroke-linejoin: round" aria-labelledby="{mark}-title">'
        f'<title id="{mark}-title">{escape(title)}</title>{body}'
    )


def _in_tags(body: str, restyle: Callable[[str], str]) -> str:
    # Only the markup is rewritten: a name that looks like an id or a colour stays as it is.
    return re.sub(r"<[^>]*>", lambda found: restyle(found[0]), body)


def _restyle(tag: str, mark: str) -> str:
    tag = tag.replace("xlink:href=", "href=")
    tag = re.sub(r'\bid="', f'id="{mark}-', tag)
    tag = re.sub(r'href="#', f'href="#{mark}-', tag)
    tag = tag.replace("url(#", f"url(#{mark}-")
    tag = re.sub(r"'DejaVu Sans'(, [^;\"]*)?", "var(--sans, system-ui, sans-serif)", tag)
    return re.sub(r"#[0-9a-f]{6}\b", lambda found: _ROLES.get(found[0], found[0]), tag)


_ROLES = {colour: f"var(--{role}, {colour})" for role, colour in COLOURS.items()}
