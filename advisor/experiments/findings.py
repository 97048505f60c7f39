"""What the runs of a kind of experiment say, beyond each arm against the baseline."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from advisor.errors import AdvisorError
from advisor.experiments.ablation import assess_ablation
from advisor.experiments.bias_variance import advice, curve
from advisor.experiments.combinations import factorial_of
from advisor.experiments.dose_response import assess_dose_response
from advisor.experiments.double_descent import Axis, judge_sweep
from advisor.experiments.evidence import RunResult
from advisor.experiments.factorial import assess_factorial
from advisor.experiments.finding import DataSizeFindings, Findings
from advisor.experiments.kinds import (
    Ablate,
    BiasVariance,
    arm_for,
    other_sizes,
    own_size,
    own_value,
    sized,
    upper_bound,
)
from advisor.experiments.kinds import DoubleDescent as Descent
from advisor.experiments.learning_curves import fit_curve, what_more_data_brings, worth
from advisor.experiments.power import power_curve
from advisor.experiments.sequential import Rule

if TYPE_CHECKING:
    from advisor.experiments.spec import Spec

Array = NDArray[np.float64]
FITTED_SHARE = 0.1  # of the largest train loss: where no share of errors is known, so much counts as fitted
SCORES = ("accuracy", "balanced_accuracy", "f1", "auroc", "average_precision", "r2")  # 1 is perfect


def find(spec: "Spec", runs: Sequence[RunResult], sizes: Mapping[str, int], rule: Rule) -> Findings | None:
    """The findings, or None for `verify`. What cannot be judged is said in the sentences and never raised."""
    if spec.kind in ("verify", "recipe"):
        return None
    try:
        table = _Table(spec, runs)
        if spec.kind == "ablate":
            return _ablate(spec, table, rule)
        if spec.kind == "sweep":
            return _sweep(spec, table, rule)
        if spec.kind == "bias_variance":
            return _bias_variance(spec, table)
        if spec.kind == "double_descent":
            return _double_descent(spec, table, sizes)
        if spec.kind == "data_size":
            return _data_size(spec, table, sizes)
        return _power(spec, table, rule)
    except AdvisorError as error:
        return Findings(sentences=(f"Not judged: {error}",))
    except Exception as error:  # hours of training are not lost to an error in the judgement
        said = f"Not judged: the judgement stopped with {type(error).__name__}: {error}. All runs are kept."
        return Findings(sentences=(said,))


class _Table:
    """The runs of the blocks that every arm finished."""

    def __init__(self, spec: "Spec", runs: Sequence[RunResult]) -> None:
        self.spec = spec
        self.arms = ("baseline", *spec.arm_names)
        known = {(run.arm, run.block): run for run in runs}
        blocks = sorted({run.block for run in runs})
        self.blocks = [block for block in blocks if all((arm, block) in known for arm in self.arms)]
        self.rows = {arm: [known[arm, block] for block in self.blocks] for arm in self.arms}

    def values(self, arm: str) -> list[float]:
        return [run.test[self.spec.metric] for run in self.rows[arm]]

    def lower_is_better(self, arm: str) -> Array:
        """(blocks,) test losses, or one minus a score."""
        values = np.array(self.values(arm))
        return 1 - values if self.spec.metric in SCORES else values

    @property
    def lower_name(self) -> str:
        if self.spec.metric == "accuracy":
            return "error"
        return f"1 - {self.spec.metric}" if self.spec.metric in SCORES else self.spec.metric


def _ablate(spec: "Spec", table: _Table, rule: Rule) -> Findings:
    values = {arm: table.values(arm) for arm in table.arms}
    common = {
        "metric": spec.metric, "alpha": spec.design.alpha, "minimum_effect": spec.minimum_effect,
        "test_train_ratio": rule.test_train_ratio,
    }  # fmt: skip
    direction: Literal["min", "max"] = spec.direction
    if (spec.ablate or Ablate()).design == "factorial":
        found = assess_factorial(factorial_of(spec), values, direction=direction, **common)  # type: ignore[arg-type]
        said = (found.sentence, *(effect.sentence for effect in (*found.main, *found.pairs)), *found.notes)
        return Findings(sentences=said, factorial=found)
    ablation = assess_ablation(list(spec.arms), values, direction=direction, **common)  # type: ignore[arg-type]
    said = (ablation.sentence, *(step.sentence for step in ablation.steps), *ablation.notes)
    return Findings(sentences=said, ablation=ablation)


def _sweep(spec: "Spec", table: _Table, rule: Rule) -> Findings:
    chosen = spec.sweep
    assert chosen is not None
    own = own_value(spec)
    values = {value: table.values(arm_for(chosen.parameter, value)) for value in chosen.values}
    values[0.0] = table.values("baseline")
    found = assess_dose_response(
        values, metric=spec.metric, direction=spec.direction, alpha=spec.design.alpha,
        test_train_ratio=rule.test_train_ratio, seed=spec.design.seed, upper=upper_bound(spec),
    )  # fmt: skip
    said = [found.sentence, *found.notes]
    if own:
        said.insert(1, f"0 and none stand for the baseline, whose {chosen.parameter} is {own:g}.")
    return Findings(sentences=tuple(said), dose_response=found)


def _bias_variance(spec: "Spec", table: _Table) -> Findings:
    chosen = spec.bias_variance or BiasVariance()
    groups = len(table.blocks) // chosen.splits
    if not groups:
        raise AdvisorError(
            f"{len(table.blocks)} of the {chosen.splits} disjoint samples were trained on; allow a larger budget."
        )
    rows = {arm: runs[: groups * chosen.splits] for arm, runs in table.rows.items()}
    first = rows["baseline"][0].answers
    assert first is not None
    targets = first.unpack_targets()
    at = {arm_for(chosen.argument, size): float(size) for size in other_sizes(spec)}
    at["baseline"] = own_size(spec, chosen.argument) if at else 0.0
    sets = []
    for arm, runs in rows.items():
        outputs = np.stack([run.answers.unpack_outputs() for run in runs if run.answers is not None])
        sets.append((at[arm], outputs.reshape(groups, chosen.splits, *outputs.shape[1:])))
    kind: Literal["cross_entropy", "squared"] = "cross_entropy" if "nll" in rows["baseline"][0].test else "squared"
    if kind == "cross_entropy":
        targets = targets.astype(np.int64)
    found = curve(sets, targets, loss=kind, unit=chosen.argument)
    said = []
    for point in found.points:
        head = f"{chosen.argument} {point.at:g}: " if len(found.points) > 1 else ""
        said.append(head + advice(point.decomposition).sentence)
    if len(found.points) > 1:
        said.append(
            f"Variance is largest at {chosen.argument} {found.most_variance_at:g} of those tried, risk lowest at "
            f"{found.lowest_risk_at:g}."
        )
    return Findings(sentences=tuple(said), bias_variance=found)


def _double_descent(spec: "Spec", table: _Table, sizes: Mapping[str, int]) -> Findings:
    chosen = spec.double_descent or Descent()
    if chosen.over == "epochs":
        return _by_epoch(spec, table)
    axis: Axis = "training_size" if chosen.over == "train_size" else "width"

    own = float(sizes["train"]) if chosen.over == "train_size" else own_size(spec, chosen.argument)
    name = "n" if chosen.over == "train_size" else chosen.argument
    at = {float(size): arm_for(name, size) for size in other_sizes(spec)} | {own: "baseline"}
    arms = [at[size] for size in sorted(at)]
    train, threshold = _train_errors(table, arms)
    found = judge_sweep(
        sorted(at),
        np.array([table.lower_is_better(arm) for arm in arms]),
        train,
        axis=axis, metric=table.lower_name, threshold=threshold, alpha=spec.design.alpha,
        label_noise=spec.data.label_noise or None, user_size=own,
    )  # fmt: skip
    return Findings(sentences=(found.sentence,), double_descent=found)


def _train_errors(table: _Table, arms: Sequence[str]) -> tuple[Array, float]:
    """(arms, blocks) train errors in evaluation mode and what counts as fitted."""
    metric = "accuracy" if "accuracy" in table.rows[arms[0]][0].train else table.spec.metric
    values = np.array([[run.train[metric] for run in table.rows[arm]] for arm in arms])
    if metric in SCORES:
        return 1 - values, 0.01
    return values, FITTED_SHARE * float(values.max())


def _by_epoch(spec: "Spec", table: _Table) -> Findings:
    """Over the epochs of the baseline, by the metric on validation data; at most forty epochs, ever further apart."""
    rows = [run.rows for run in table.rows["baseline"]]
    last = min(len(row) for row in rows)
    chosen = np.unique(np.geomspace(1, last, min(last, 40)).round().astype(int)) - 1
    flip = spec.metric in SCORES

    def read(name: str) -> Array:
        values = np.array([[getattr(row[epoch], name) for row in rows] for epoch in chosen], dtype=np.float64)
        return 1 - values if flip else values

    train = read("train_metric")
    found = judge_sweep(
        chosen + 1.0, read("validation_metric"), train, axis="epochs", metric=table.lower_name,
        threshold=0.01 if flip else FITTED_SHARE * float(train.max()), alpha=spec.design.alpha,
        label_noise=spec.data.label_noise or None, user_size=float(spec.baseline.epochs),
    )  # fmt: skip
    said = (found.sentence, "Epochs are judged on validation data: the test split is looked at once, at the end.")
    return Findings(sentences=said, double_descent=found)


def _data_size(spec: "Spec", table: _Table, sizes: Mapping[str, int]) -> Findings:
    def series(of: str | None) -> tuple[list[float], Array]:
        """The sizes at which the baseline (None) or the arm was trained, and its values (sizes, blocks)."""
        arms = {float(size): sized(spec, size)[of] for size in other_sizes(spec)}
        arms[float(sizes["train"])] = of or "baseline"
        ordered = sorted(arms)
        return ordered, np.array([table.lower_is_better(arms[size]) for size in ordered])

    at, values = series(None)
    baseline = fit_curve(at, values, metric=table.lower_name)
    more = what_more_data_brings(baseline)
    said = [baseline.sentence, *(part.sentence for part in more)]
    arm, worthy = None, None
    for name in spec.arms:
        sizes_of_arm, reached = series(name)
        arm = fit_curve(sizes_of_arm, reached, metric=table.lower_name)
        change = reached[-1] - values[at.index(sizes_of_arm[-1])]
        error = float(change.std(ddof=1) / np.sqrt(len(change))) if len(change) > 1 else None
        worthy = worth(baseline, float(reached[-1].mean()), size=sizes_of_arm[-1], standard_error=error)
        said.append(f"{name}: {worthy.sentence}")
    return Findings(
        sentences=tuple(said), data_size=DataSizeFindings(baseline=baseline, more=more, arm=arm, worth=worthy)
    )


def _power(spec: "Spec", table: _Table, rule: Rule) -> Findings:
    curves, said = [], []
    for arm in spec.arm_names:
        differences = np.array(table.values(arm)) - np.array(table.values("baseline"))
        try:
            found = power_curve(
                arm, differences, metric=spec.metric, minimum_effect=spec.minimum_effect,
                alpha=rule.alpha / len(spec.arm_names), ratio=rule.test_train_ratio or 0.0,
            )  # fmt: skip
        except AdvisorError as error:  # the other arms may do
            said.append(f"{arm}: Not judged: {error}")
            continue
        curves.append(found)
        said.append(found.sentence)
    return Findings(sentences=tuple(said), power=tuple(curves))
