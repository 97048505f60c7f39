"""How the report writes what `advisor.words` leaves open: plain numbers, probabilities, places on an axis."""

import math
from collections.abc import Sequence

from advisor.words import SHARES

NOT_FINITE = "not finite"


def factor(metric: str) -> float:
    """What a value of the metric is multiplied with before it is drawn: 100 for shares, else 1."""
    return 100.0 if metric in SHARES else 1.0


def unit(metric: str) -> str:
    """The unit of a drawn change: "points" (percentage points) for shares, else nothing."""
    return "points" if metric in SHARES else ""


def in_unit(metric: str) -> str:
    """The unit behind what is drawn: " (points)" for shares, else nothing."""
    return f" ({unit(metric)})" if unit(metric) else ""


def capital(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]


def number(value: float | None, digits: int = 3) -> str:
    """A plain number with so many significant digits; scientific only where it is very large or very small."""
    if value is None or not math.isfinite(value):
        return NOT_FINITE
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e6:
        return f"{value:.{digits - 1}e}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"


def size(change: float, metric: str) -> str:
    """A difference without a sign, such as the smallest effect that matters: "0.5 points"."""
    return f"{abs(change) * factor(metric):.3g} {unit(metric)}".rstrip()


def position(x: float) -> str:
    """A place on the x axis: "12", "3.5" or "120,000"."""
    return f"{x:,.0f}" if abs(x) >= 100 or x == round(x) else f"{x:.1f}"


def level(share: float) -> str:
    """The level of an interval: 0.95 is "95 %", 0.98333 is "98.3 %"."""
    return f"{round(share * 100, 1):g} %"


def p_value(p: float | None) -> str:
    """A p-value: two or three decimals, and never smaller than "< 0.001"."""
    if p is None or not math.isfinite(p):
        return "none"
    return "< 0.001" if p < 0.001 else f"{p:.{2 if p >= 0.1 else 3}f}"


def listed(items: Sequence[str], most: int = 100) -> str:
    """Names as a person says them: "a, b and c"; of many the first so many, "and 7 more"."""
    shown = [*items[:most], f"{len(items) - most} more"] if len(items) > most else list(items)
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def probability(share: float) -> str:
    """A probability in percent; certainty is never claimed."""
    if share > 0.99:
        return "> 99 %"
    return "< 1 %" if share < 0.01 else f"{share * 100:.0f} %"
