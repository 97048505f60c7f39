"""The table of corruptions: each arm on damaged test examples, over the severities and at the worst of them."""

import numpy as np

from advisor.experiments.evidence import Evidence, RunResult
from advisor.report import words
from advisor.report.exhibit import Table, table
from advisor.words import value

MOST_STACKED = 4  # arms; with more the table scrolls on a narrow screen


def corruption_table(evidence: Evidence) -> Table | None:
    """A row a corruption, "mean (worst)" for the baseline and each arm; None where it was not measured."""
    results = evidence.results
    runs = [run for run in results.runs if run.corruptions]
    if not runs:
        return None
    metric = "accuracy" if "accuracy" in runs[0].test else "rmse"
    arms = [name for name in ("baseline", *(arm.name for arm in results.arms)) if any(run.arm == name for run in runs)]
    of = {name: [run for run in runs if run.arm == name] for name in arms}
    kinds = list(dict.fromkeys(key.split("/")[0] for run in runs for key in run.corruptions if "/" in key))
    rows = [("none", *(_clean(of[name], metric) for name in arms))]
    rows += [(kind.replace("_", " "), *(_damaged(of[name], kind, metric) for name in arms)) for kind in kinds]
    rows.append(("mean of all", *(_mean_of_all(of[name], kinds, metric) for name in arms)))
    columns = [("Corruption", False), *((name, True) for name in arms)]
    return table("Under corruptions", *columns, rows=rows, stack=len(arms) <= MOST_STACKED)


def by_severity(runs: list[RunResult], kind: str) -> dict[str, float]:
    """Severity -> mean over runs of the values under this corruption; NaN where one is not finite."""
    known = [key.split("/") for run in runs for key in run.corruptions if "/" in key]
    severities = dict.fromkeys(severity for name, severity in known if name == kind)
    return {
        severity: float(np.mean([run.corruptions[f"{kind}/{severity}"] for run in runs
                                 if f"{kind}/{severity}" in run.corruptions]))
        for severity in severities
    }  # fmt: skip


def _clean(runs: list[RunResult], metric: str) -> str:
    found = [run.corruptions["clean"] for run in runs if "clean" in run.corruptions]
    return _value(float(np.mean(found)), metric) if found else "not measured"


def _damaged(runs: list[RunResult], kind: str, metric: str) -> str:
    values = list(by_severity(runs, kind).values())
    if not values:
        return "not measured"
    worst = min(values) if metric == "accuracy" else max(values)
    return f"{_value(float(np.mean(values)), metric)} ({_value(worst, metric)})"


def _mean_of_all(runs: list[RunResult], kinds: list[str], metric: str) -> str:
    means = [float(np.mean(list(found.values()))) for kind in kinds if (found := by_severity(runs, kind))]
    return _value(float(np.mean(means)), metric) if means else "not measured"


def _value(number: float, metric: str) -> str:
    return value(number, metric) if np.isfinite(number) else words.NOT_FINITE
