"""From Curves to a Diagnosis. A new finding is its file here and one import below."""

from typing import get_args

from advisor.curves import Curves
from advisor.diagnosis import divergence as divergence
from advisor.diagnosis import double_descent as double_descent
from advisor.diagnosis import gap as gap
from advisor.diagnosis import instability as instability
from advisor.diagnosis import memorization as memorization
from advisor.diagnosis import overconfidence as overconfidence
from advisor.diagnosis import overfitting as overfitting
from advisor.diagnosis import progress as progress
from advisor.diagnosis import record as record
from advisor.diagnosis.causes import weigh
from advisor.diagnosis.findings import RULES, Case, make_case
from advisor.diagnosis.model import Diagnosis as Diagnosis
from advisor.diagnosis.model import Finding, Kind
from advisor.diagnosis.model import StopAdvice as StopAdvice
from advisor.diagnosis.signals import measure
from advisor.diagnosis.stopping import advise
from advisor.diagnosis.stopping import should_stop as should_stop

REPORT_AT = 0.5  # a finding is reported from this probability on
# Said before anything else, in this order: what is broken, what the points cannot carry, what turned.
_FIRST: tuple[tuple[Kind, ...], ...] = (
    ("non_finite",),
    ("divergence",),
    ("too_few_points",),
    ("overfitting", "overconfidence", "double_descent"),
)
_PROGRESS: tuple[Kind, ...] = ("good_fit", "still_improving", "plateau", "underfitting")


def diagnose(curves: Curves, *, train: str | None = None, validation: str | None = None) -> Diagnosis:
    """What the curves show. `train` and `validation` name the series to compare, instead of the usual choice.

    Raises:
        AdvisorError: a named series does not exist.
    """
    train_series, validation_series = curves.pair(train, validation)
    case = make_case(curves, train_series, validation_series, measure(train_series, validation_series))
    probabilities: dict[Kind, float] = {
        kind: RULES[kind].probability(case) if kind in RULES else 0.0 for kind in get_args(Kind)
    }
    findings = _findings(case, probabilities)
    abstained = (
        not any(RULES[item.kind].headline and item.probability >= REPORT_AT for item in findings)
        or probabilities["too_few_points"] >= 0.9
    )
    return Diagnosis(
        source=curves.source,
        unit=chosen.unit if (chosen := validation_series or train_series) else "epoch",
        train_series=train_series.name if train_series else None,
        validation_series=validation_series.name if validation_series else None,
        findings=findings,
        causes=weigh(probabilities),
        abstained=abstained,
        probabilities=probabilities,
        calibrated=dict.fromkeys(get_args(Kind), False),
        summary=_summary(case, findings, abstained),
        best_point=case.main.raw_best_x if case.main.finite else None,
        stop_advice=advise(case),
    )


def _findings(case: Case, probabilities: dict[Kind, float]) -> tuple[Finding, ...]:
    """The reported findings, strongest first: what is broken, then headlines, then remarks, each by probability."""
    reported = [(kind, chance) for kind, chance in probabilities.items() if chance >= REPORT_AT]
    if not any(RULES[kind].headline for kind, _ in reported):
        # No alarm is due; the likeliest state of progress is still worth a word, under its own small probability.
        kind = max(_PROGRESS, key=lambda name: probabilities[name])
        reported += [(kind, probabilities[kind])] if probabilities[kind] >= 0.2 else []

    def order(item: tuple[Kind, float]) -> tuple[int, float]:
        kind, chance = item
        tier = next((number for number, kinds in enumerate(_FIRST) if kind in kinds), len(_FIRST))
        return (tier + (not RULES[kind].headline), -chance)

    return tuple(RULES[kind].build(case, chance) for kind, chance in sorted(reported, key=order))


def _summary(case: Case, findings: tuple[Finding, ...], abstained: bool) -> str:
    if not case.signals.train.points and not case.signals.validation.points:
        return "The log holds no series of training or validation that could be diagnosed."
    if not findings:
        return "No symptom stands out clearly; more points or another metric may tell more."
    opening = "Only with reserve: " if abstained else ""
    more = ", ".join(finding.kind.replace("_", " ") for finding in findings[1:4])
    return f"{opening}{findings[0].explanation}" + (f" Also: {more}." if more else "")
