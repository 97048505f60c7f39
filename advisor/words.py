"""Numbers in words: how the report, the command line and the verdicts write them."""

import math

# Metrics whose unit is a share: a difference is spoken of in percentage points.
SHARES = frozenset(
    {"accuracy", "balanced_accuracy", "worst_group_accuracy", "corrupted_accuracy", "selective_accuracy", "ece"}
)


def value(number: float | None, metric: str) -> str:
    """A value of the metric: "91.3 %" for a share, "0.284" otherwise."""
    if number is None:
        return "not measured"
    return f"{100 * number:.1f} %" if metric in SHARES else f"{number:.3g}"


def change(number: float | None, metric: str) -> str:
    """A signed difference: "+1.8 points" for a share, "-0.12" otherwise."""
    if number is None:
        return "not measured"
    if not math.isfinite(number):
        return "not finite"
    return f"{_signed(100 * number, '.1f')} points" if metric in SHARES else _signed(number, ".3g")


def interval(low: float, high: float, metric: str) -> str:
    """Two signed differences: "+0.4 to +3.2 points"."""
    if metric in SHARES:
        return f"{_signed(100 * low, '.1f')} to {_signed(100 * high, '.1f')} points"
    return f"{_signed(low, '.3g')} to {_signed(high, '.3g')}"


def _signed(number: float, form: str) -> str:
    text = f"{number:+{form}}"
    return text if float(text) else text.replace("-", "+")  # there is no minus zero in words


def duration(seconds: float) -> str:
    """Seconds as a person says them: "8 s", "3 min 12 s", "2 h 5 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def metric_title(metric: str) -> str:
    """A metric's name for reading: "balanced accuracy", "NLL"."""
    return metric.upper() if metric in {"nll", "ece", "rmse", "mae", "r2", "aurc"} else metric.replace("_", " ")
