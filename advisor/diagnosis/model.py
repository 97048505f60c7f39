"""What a diagnosis is: findings (symptoms), causes (which compete) and advice on when to stop."""

from typing import Literal

from pydantic import Field

from advisor.contract import Contract, Frozen, Number
from advisor.curves import Unit

Kind = Literal[
    "overfitting",
    "underfitting",
    "good_fit",
    "still_improving",
    "plateau",
    "divergence",
    "non_finite",
    "instability",
    "overconfidence",
    "double_descent",
    "generalization_gap_from_start",
    "validation_below_train",
    "precision_overflow",
    "bad_learning_rate",
    "incomparable_losses",
    "memorization",
    "wrong_metric",
    "label_noise",
    "noisy_validation",
    "resumed_run",
    "too_few_points",
]
Severity = Literal["info", "warning", "critical"]


class Finding(Frozen):
    """A symptom that the curves show, with the numbers it rests on."""

    kind: Kind
    severity: Severity
    probability: float = Field(ge=0, le=1)
    onset: float | None = None
    onset_interval: tuple[float, float] | None = None
    evidence: dict[str, Number] = Field(default={})
    explanation: str
    next_check: str


class Cause(Frozen):
    """A possible cause of the findings. The probabilities of all causes, 'none of these' included, add up to 1."""

    kind: str
    probability: float = Field(ge=0, le=1)
    probe: str


class StopAdvice(Contract):
    """Should this run stop now? Judged from the points so far and nothing later."""

    stop: bool
    probability: float = Field(ge=0, le=1)  # that the best point so far will not be beaten
    expected_loss: Number | None = None  # what stopping now is expected to lose, in the metric's own units
    forecast: tuple[Number, Number, Number] | None = None  # best value if the run goes on: low, middle, high
    reason: str
    best_point: float | None = None


class Diagnosis(Contract):
    """What the curves show, how sure that is, and what would settle the rest.

    `probabilities` has every kind, reported as a finding or not; `calibrated` says which of them were fitted on
    labelled runs. `findings` are sorted, strongest first.
    """

    source: str
    unit: Unit  # of every x in here: onset, best_point
    train_series: str | None
    validation_series: str | None
    findings: tuple[Finding, ...]
    causes: tuple[Cause, ...] = ()
    abstained: bool = False
    probabilities: dict[Kind, float]
    calibrated: dict[Kind, bool]
    summary: str
    best_point: float | None = None
    stop_advice: StopAdvice | None = None

    @property
    def overfitting(self) -> bool:
        """Whether overfitting is among the findings."""
        return self.finding("overfitting") is not None

    @property
    def onset(self) -> float | None:
        """The x where overfitting begins, or None."""
        found = self.finding("overfitting")
        return found.onset if found else None

    def finding(self, kind: Kind) -> Finding | None:
        """The finding of this kind, or None where it was not reported."""
        return next((finding for finding in self.findings if finding.kind == kind), None)

    def probability(self, kind: Kind) -> float:
        """How likely `kind` is, in [0, 1], reported as a finding or not."""
        return self.probabilities.get(kind, 0.0)
