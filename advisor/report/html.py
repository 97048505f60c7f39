"""The report as one HTML file: no network, no script, light and dark, for a desk and for a phone.

Everything that came from a file is escaped by the template; the pictures come as inline SVG that escapes its own text.
"""

import math
import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from advisor.experiments.evidence import Evidence
from advisor.files import write_atomic
from advisor.report import endings, question
from advisor.report import words as report_words
from advisor.report.answer import answer
from advisor.report.corruptions import corruption_table
from advisor.report.curve_plot import curves_picture, drawable
from advisor.report.effect_plot import effects_picture
from advisor.report.epoch_plot import effect_by_epoch_picture
from advisor.report.findings import exhibit_of
from advisor.report.model import Report
from advisor.report.picture import COLOURS, DARK
from advisor.words import change, duration, interval, metric_title, value

_TEMPLATES = Path(__file__).parent / "templates"
# Lone surrogates cannot be written as UTF-8, control characters are not HTML.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def render(report: Report) -> str:
    """One self-contained HTML page. Parts that the report does not have are left out."""
    page = _environment().get_template("report.html.j2").render(
        report=report,
        answer=answer(report),
        pictures=_pictures(report),
        exhibit=exhibit_of(report.evidence) if report.evidence else None,
        corruptions=corruption_table(report.evidence) if report.evidence else None,
        values_by_block=values_by_block(report.evidence) if report.evidence else [],
    )  # fmt: skip
    return _UNWRITABLE.sub("\ufffd", page)


def write(report: Report, path: Path | str) -> Path:
    """Render to `path`, whole or not at all; an existing file is replaced.

    Raises:
        AdvisorError: the folder cannot be written, or the disk is full; `path` is as it was.
    """
    target = Path(path)
    write_atomic(target, render(report))
    return target


def values_by_block(evidence: Evidence) -> list[tuple[int, int, list[float | None]]]:
    """(block, seed, test values) for each block, the baseline's value first, then the arms' in the results' order."""
    results = evidence.results
    names = ["baseline", *(arm.name for arm in results.arms)]
    found = {(run.block, run.arm): run for run in results.runs}
    rows = []
    for block in sorted({run.block for run in results.runs}):
        runs = [found.get((block, name)) for name in names]
        seed = next(run.seed for run in runs if run is not None)
        rows.append((block, seed, [run.test.get(results.metric) if run else None for run in runs]))
    return rows


def _pictures(report: Report) -> dict[str, Markup]:
    pictures = dict.fromkeys(("curves", "effects", "by_epoch"), Markup())
    if report.curves is not None and report.diagnosis is not None and drawable(report.curves, report.diagnosis):
        pictures["curves"] = Markup(curves_picture(report.curves, report.diagnosis, format="svg"))
    if report.evidence is not None and report.evidence.results.arms:
        pictures["effects"] = Markup(effects_picture(report.evidence, format="svg"))
        if any(len(arm.effect_by_epoch) > 1 for arm in report.evidence.results.arms):
            pictures["by_epoch"] = Markup(effect_by_epoch_picture(report.evidence, format="svg"))
    return pictures


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "words": report_words, "endings": endings, "question": question, "themes": {"light": COLOURS, "dark": DARK},
    }  # fmt: skip
    environment.filters |= {
        "change": change,
        "duration": duration,
        "metric_title": metric_title,
        "bare": lambda text: str(text).removesuffix(" points"),
        "plain": lambda text: str(text).replace("_", " "),
        "parameters": _parameters,
        "range": lambda ends, metric: interval(ends[0], ends[1], metric),
        "moment": lambda text: str(text).replace("T", " ").replace("+00:00", " UTC").replace("Z", " UTC"),
        "value": _value,
    }
    return environment


def _value(number: float | None, metric: str) -> str:
    return value(number, metric) if number is None or math.isfinite(number) else report_words.NOT_FINITE


def _parameters(parameters: dict[str, object]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {item}" for key, item in parameters.items())
