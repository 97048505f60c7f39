"""Evidence: what the runs of an experiment showed, with everything needed to judge and repeat it."""

from typing import Literal

from pydantic import Field

from advisor.contract import Contract, Frozen, Number
from advisor.experiments.answers import Answers
from advisor.experiments.finding import Findings
from advisor.experiments.kinds import Kind
from advisor.experiments.sequential import Look, Settled
from advisor.experiments.spec import AnySpec
from advisor.words import metric_title

Verdict = Literal["helps", "hurts", "equivalent", "undecided"]


class EpochRow(Frozen):
    """The values after one epoch. `train_loss` is the running mean in training mode, the others in evaluation mode.

    A user's script logs what it logs: None is a value that was not logged, and `validation_metric` is the metric that
    it is judged by, whatever its split.
    """

    epoch: int
    train_loss: Number | None
    train_eval_loss: Number | None
    train_metric: Number | None = None  # in evaluation mode
    validation_loss: Number | None
    validation_metric: Number | None


class RunResult(Contract):
    """One training. The test values are of the weights that the arm itself would keep; nothing selected on them.

    A run of a user's script that failed has no values, and says why.
    """

    run_id: str
    arm: str
    block: int
    seed: int
    test: dict[str, Number]  # metric -> value on the test split
    validation: dict[str, Number]
    train: dict[str, Number]  # in evaluation mode
    kept_epoch: int  # whose weights were evaluated
    epochs_run: int
    outcome_digest: str  # SHA-256 of the final weights and of the answers on the test split; of a script, of its log
    rows: tuple[EpochRow, ...]
    failure: str = ""  # why there are no values, with the tail of the output
    notes: tuple[str, ...] = ()
    losses: str = ""  # of each test example of a class task, packed; judged, and then left out of the evidence
    answers: Answers | None = None  # on the test split, where they were asked for
    # "shot_noise/3" or "clean" -> accuracy or rmse on test examples under that corruption; empty where not asked for
    corruptions: dict[str, Number] = Field(default={})


class Comparison(Frozen):
    """A paired comparison with the baseline on one metric of the test split; differences are arm minus baseline."""

    metric: str
    differences: tuple[Number, ...]  # one a block, in block order
    n: int
    mean: float | None
    sd: float | None
    interval: tuple[float, float] | None  # the one that decides
    level: float  # of that interval, adjusted for the number of arms
    p_value: float | None  # adjusted for looks and arms


class OverExamples(Frozen):
    """The change of NLL with these very networks on other test examples of the same source; exploratory.

    Averaged over the blocks, each test example has one difference; their spread gives the interval. It tells how far
    the conclusion may depend on which examples are in the test split.
    """

    examples: int
    mean: float
    interval: tuple[float, float]
    level: float


class ArmEvidence(Frozen):
    """What one arm did to the metric, and what is known beside it."""

    name: str
    changes: tuple[str, ...]  # against the baseline, in words
    comparison: Comparison
    verdict: Verdict
    sentence: str
    settled: Settled = ""  # why it needed no more blocks; empty: it went to the last
    looks: tuple[Look, ...] = ()  # what it showed after each block from the first look on
    probability_better: float | None = None  # that it beats the baseline in a new pair of runs
    power: float | None = None  # with which its blocks find the larger of the effect seen and the minimum effect
    blocks_needed: int | None = None  # about how many would find it with a power of 0.8
    exploratory: tuple[Comparison, ...]  # other metrics: not adjusted, not decided on
    effect_by_epoch: tuple[tuple[int, float], ...]  # mean paired difference of the validation metric
    over_examples: OverExamples | None = None  # where the loss of each test example is known
    gap: Number | None  # mean test loss minus mean train loss in evaluation mode
    notes: tuple[str, ...] = ()


class Results(Contract):
    """The part of the evidence that is the same, bit for bit, whenever the same experiment is run."""

    metric: str
    direction: Literal["min", "max"]
    minimum_effect: float
    alpha: float
    split: Literal["fixed", "resampled", "script"]
    blocks: int  # trained, by the arm that needed most
    horizon: int  # the largest number of blocks, fixed before the first look
    sizes: dict[str, int]  # examples in each split; empty where a script keeps them to itself
    baseline_mean: float | None
    baseline_sd: float | None
    arms: tuple[ArmEvidence, ...]
    runs: tuple[RunResult, ...]
    findings: Findings | None = None  # what the kind asked for; None of verify
    not_measured: dict[str, str] = Field(default={})  # measure -> why it is absent
    notes: tuple[str, ...] = ()  # what holds for all arms

    @property
    def measured(self) -> str:
        """What was measured, in words: "test accuracy"; a script's metric by the script's own name."""
        return metric_title(self.metric) if self.split == "script" else f"test {metric_title(self.metric)}"


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
    precision: str = ""  # what "auto" stood for; empty where a script trains
    stacked: tuple[str, ...] = ()  # the arms whose runs were trained together, as one batched program
    machine: str
    data_fingerprint: str
    code_fingerprint: str | None
    block_seeds: tuple[int, ...]
    started: str
    finished: str


class Evidence(Contract):
    """The outcome of an experiment, of the kind that its spec asks for."""

    kind: Kind = "verify"
    spec: AnySpec
    results: Results
    cost: Cost
    provenance: Provenance

    def arm(self, name: str) -> ArmEvidence:
        """The evidence for one arm."""
        return next(arm for arm in self.results.arms if arm.name == name)
