"""Evidence: what the runs of an experiment showed, with everything needed to judge and repeat it."""

from typing import Literal

from pydantic import Field

from advisor.contract import Contract, Frozen, Number
from advisor.experiments.spec import Spec

Verdict = Literal["helps", "hurts", "equivalent", "undecided"]


class EpochRow(Frozen):
    """The values after one epoch. `train_loss` is the running mean in training mode, the others in evaluation mode."""

    epoch: int
    train_loss: Number
    train_eval_loss: Number
    validation_loss: Number
    validation_metric: Number


class RunResult(Contract):
    """One training. The test values are of the weights that the arm itself would keep; nothing selected on them."""

    run_id: str
    arm: str
    block: int
    seed: int
    test: dict[str, Number]  # metric -> value on the test split
    validation: dict[str, Number]
    train: dict[str, Number]  # in evaluation mode
    kept_epoch: int  # whose weights were evaluated
    epochs_run: int
    outcome_digest: str  # SHA-256 of the final weights and of the answers on the test split
    rows: tuple[EpochRow, ...]


class Comparison(Frozen):
    """A paired comparison with the baseline on one metric of the test split; differences are arm minus baseline."""

    metric: str
    differences: tuple[Number, ...]  # one a block, in block order
    n: int
    mean: float | None
    sd: float | None
    interval: tuple[float, float] | None  # the one that decides
    level: float  # of that interval, adjusted for the number of arms
    p_value: float | None  # adjusted for the number of arms


class ArmEvidence(Frozen):
    """What one arm did to the metric, and what is known beside it."""

    name: str
    changes: tuple[str, ...]  # against the baseline, in words
    comparison: Comparison
    verdict: Verdict
    sentence: str
    exploratory: tuple[Comparison, ...]  # other metrics: not adjusted, not decided on
    effect_by_epoch: tuple[tuple[int, float], ...]  # mean paired difference of the validation metric
    gap: Number  # mean test loss minus mean train loss in evaluation mode
    notes: tuple[str, ...] = ()


class Results(Contract):
    """The part of the evidence that is the same, bit for bit, whenever the same experiment is run."""

    metric: str
    direction: Literal["min", "max"]
    minimum_effect: float
    alpha: float
    split: Literal["fixed", "resampled"]
    blocks: int
    sizes: dict[str, int]  # examples in each split
    baseline_mean: float | None
    baseline_sd: float | None
    arms: tuple[ArmEvidence, ...]
    runs: tuple[RunResult, ...]
    not_measured: dict[str, str] = Field(default={})  # measure -> why it is absent


class Cost(Frozen):
    """What the experiment took."""

    wall_seconds: float
    training_seconds: float  # over all runs, trained or reused
    runs_trained: int
    runs_reused: int
    seconds_per_run: dict[str, float]  # arm -> mean training time
    multiplier: dict[str, float]  # arm -> mean training time over the baseline's, same blocks


class Provenance(Frozen):
    """What is needed to repeat the experiment, and what its numbers depend on."""

    engine: str
    python: str
    versions: dict[str, str]
    device: str
    threads: int
    dtype: str
    machine: str
    data_fingerprint: str
    code_fingerprint: str | None
    block_seeds: tuple[int, ...]
    started: str
    finished: str


class Evidence(Contract):
    """The outcome of a `verify` experiment."""

    kind: Literal["verify"] = "verify"
    spec: Spec
    results: Results
    cost: Cost
    provenance: Provenance

    def arm(self, name: str) -> ArmEvidence:
        """The evidence for one arm."""
        return next(arm for arm in self.results.arms if arm.name == name)
