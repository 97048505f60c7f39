"""What is found in the runs of each kind of experiment, from runs with known values."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch

from advisor.experiments import findings
from advisor.experiments.answers import keep
from advisor.experiments.assess import rule_for
from advisor.experiments.combinations import combinations
from advisor.experiments.evidence import EpochRow, RunResult
from advisor.experiments.finding import Findings
from advisor.experiments.kinds import most_blocks
from advisor.experiments.spec import Spec, parse_spec

BASE: dict[str, Any] = {
    "data": {"builtin": "wine"},
    "model": {"name": "mlp", "arguments": {"width": 16}},
    "baseline": {"lr": 0.01, "epochs": 6},
    "metric": "nll",
    "minimum_effect": 0.05,
}
STEPS: dict[str, Any] = {"slow": {"lr": 0.001}, "decay": {"techniques": {"weight_decay": {"strength": 0.1}}}}
SIZES = {"train": 98, "validation": 36, "test": 44}
NOISE = np.random.default_rng(0).normal(0, 0.01, (40, 200))
Value = Callable[[str, int], float]


def _spec(**changes: Any) -> Spec:
    spec = parse_spec({**BASE, **changes})
    assert isinstance(spec, Spec)
    return spec


def _run(arm: str, block: int, test: float, train: float = 0.0, **more: Any) -> RunResult:
    metrics = {"nll": test, "accuracy": 1 - test, "r2": 1 - test}
    rows = tuple(
        EpochRow(epoch=epoch, train_loss=0.5, train_eval_loss=0.5, train_metric=train, validation_loss=0.5,
                 validation_metric=test * (1 + 1 / epoch))
        for epoch in range(1, 7)
    )  # fmt: skip
    return RunResult(
        run_id=f"{arm}{block}", arm=arm, block=block, seed=block, test=metrics, validation={},
        train={"nll": train, "accuracy": 1 - train}, kept_epoch=6, epochs_run=6, outcome_digest=f"{arm}{block}",
        rows=rows, **more,
    )  # fmt: skip


def _found(
    spec: Spec, means: Mapping[str, float] | Value, blocks: int | None = None, train: Value | None = None
) -> Findings:
    """The findings from a value of each arm, with noise of 0.01 in each run."""
    value = means if callable(means) else lambda arm, block: means[arm]
    arms = ("baseline", *spec.arm_names)
    runs = [
        _run(arm, block, value(arm, block) + NOISE[number, block], train(arm, block) if train else 0.0)
        for number, arm in enumerate(arms)
        for block in range(blocks or most_blocks(spec))
    ]
    found = findings.find(spec, runs, SIZES, rule_for(spec, blocks or most_blocks(spec), SIZES))
    assert found is not None
    return found


def test_verify_has_no_findings_beyond_its_arms() -> None:
    spec = _spec(arms=STEPS)
    assert findings.find(spec, [], SIZES, rule_for(spec, 5, SIZES)) is None


def test_an_ablation_finds_which_step_carries_the_recipe() -> None:
    spec = _spec(kind="ablate", arms=STEPS)
    found = _found(spec, {"baseline": 1.0, "recipe": 0.5, "slow": 0.5, "decay": 1.0})
    assert found.ablation is not None
    assert {step.step: step.verdict for step in found.ablation.steps} == {"slow": "carries", "decay": "redundant"}
    assert found.sentences[0] == found.ablation.sentence
    assert len(found.sentences) >= 3


def test_a_factorial_ablation_finds_the_same_without_ever_running_steps_that_do_not_go_together() -> None:
    arms = {**STEPS, "ema": {"techniques": {"ema": {}}}, "swa": {"techniques": {"swa": {}}}}
    spec = _spec(kind="ablate", arms=arms, ablate={"design": "factorial"})
    on = combinations(spec) | {"baseline": []}
    found = _found(spec, lambda arm, block: 1.0 - 0.4 * ("slow" in on[arm]))
    assert found.factorial is not None
    verdicts = {effect.term.name: effect.verdict for effect in found.factorial.main}
    assert verdicts.pop("slow") == "carries"
    assert set(verdicts.values()) <= {"negligible", "undecided"}
    assert found.factorial.gain is None, "the whole recipe cannot run"


def test_a_sweep_of_a_technique_finds_the_best_strength() -> None:
    sweep = {"technique": "weight_decay", "parameter": "strength", "values": [0.01, 0.1, 1.0]}
    spec = _spec(kind="sweep", sweep=sweep)
    means = {"baseline": 1.0, "strength-0.01": 0.9, "strength-0.1": 0.6, "strength-1": 0.9}
    found = _found(spec, means)
    assert found.dose_response is not None
    assert found.dose_response.best == 0.1
    assert found.dose_response.recommended == 0.1
    assert "stand for the baseline" not in " ".join(found.sentences)


def test_a_sweep_of_the_baselines_own_setting_says_what_0_stands_for_and_stays_within_bounds() -> None:
    spec = _spec(kind="sweep", sweep={"parameter": "lr", "values": [0.1, 1.0, 10.0]})
    found = _found(spec, {"baseline": 1.0, "lr-0.1": 0.9, "lr-1": 0.8, "lr-10": 0.5})
    assert "0 and none stand for the baseline, whose lr is 0.01." in found.sentences
    assert found.dose_response is not None
    assert found.dose_response.next_strengths == (100.0,)


def test_a_sweep_of_a_setting_that_the_baseline_leaves_out_is_judged() -> None:
    spec = _spec(kind="sweep", sweep={"parameter": "clip_norm", "values": [0.1, 1.0]})
    found = _found(spec, {"baseline": 1.0, "clip_norm-0.1": 0.5, "clip_norm-1": 0.8})
    assert found.dose_response is not None
    assert found.dose_response.best == 0.1


DESCENT = {4: 0.4, 8: 0.6, 16: 0.9, 32: 0.6, 64: 0.3}


@pytest.mark.parametrize(("metric", "name"), [("accuracy", "error"), ("nll", "nll")])
def test_double_descent_over_the_model_finds_the_peak_at_the_models_own_size(metric: str, name: str) -> None:
    spec = _spec(kind="double_descent", double_descent={"values": [64, 4, 8, 32]}, metric=metric)
    at = {f"width-{size}": value for size, value in DESCENT.items()} | {"baseline": DESCENT[16]}
    found = _found(spec, at, train=lambda arm, block: 0.0 if arm in ("width-64", "width-32", "baseline") else 0.3)
    descent = found.double_descent
    assert descent is not None
    assert descent.sizes == (4, 8, 16, 32, 64)
    assert (descent.shape, descent.metric, descent.user_size, descent.side) == ("peak", name, 16, "at")
    assert descent.interpolation.at == 16


def test_double_descent_over_the_training_split_counts_a_size_that_is_the_whole_once() -> None:
    values = [12, 24, 48, 60, SIZES["train"]]
    spec = _spec(kind="double_descent", double_descent={"over": "train_size", "values": values})
    found = _found(spec, lambda arm, block: 0.5)
    assert found.double_descent is not None
    assert found.double_descent.sizes == (12, 24, 48, 60, 98)
    assert found.double_descent.user_size == 98


def test_double_descent_over_epochs_reads_validation_values_and_says_so() -> None:
    spec = _spec(kind="double_descent", double_descent={"over": "epochs"})
    found = _found(spec, {"baseline": 0.5})
    assert found.double_descent is not None
    assert found.double_descent.axis == "epochs"
    assert found.double_descent.sizes[-1] == 6
    assert found.double_descent.means[0] > found.double_descent.means[-1]
    assert "validation" in found.sentences[1]


def test_more_data_is_judged_for_the_baseline_and_the_arm_is_worth_data() -> None:
    spec = _spec(kind="data_size", data_size={"sizes": [12, 24, 48]}, arms={"slow": {"lr": 0.001}})

    def value(arm: str, block: int) -> float:
        size = float(arm.rpartition("n-")[2]) if "n-" in arm else SIZES["train"]
        return (3.0 if arm.startswith("slow") else 6.0) / float(np.sqrt(size))

    found = _found(spec, value)
    assert found.data_size is not None
    assert found.data_size.baseline.sizes == (12, 24, 48, 98)
    assert found.data_size.arm is not None
    assert found.data_size.arm.sizes == (12, 24, 48, 98)
    assert found.data_size.worth is not None
    assert found.data_size.arm.values[-1] == pytest.approx(0.5 * found.data_size.baseline.values[-1], rel=0.1)
    assert found.sentences[-1].startswith("slow: ")
    assert [more.factor for more in found.data_size.more] == [2, 4]


def test_power_is_said_for_each_arm_and_an_arm_that_tells_nothing_takes_no_other_with_it() -> None:
    spec = _spec(kind="power", arms=STEPS)
    arms = ("baseline", *spec.arm_names)
    runs = [_run(arm, block, 0.5 + (NOISE[number, block] if number < 2 else NOISE[0, block]))
            for number, arm in enumerate(arms) for block in range(6)]  # fmt: skip
    found = findings.find(spec, runs, SIZES, rule_for(spec, 6, SIZES))
    assert found is not None
    assert [curve.arm for curve in found.power] == ["slow"]
    assert found.sentences[1].startswith("decay: Not judged: A pilot of 'decay'")


def _answered(spec: Spec, blocks: int, spread: float) -> list[RunResult]:
    """Runs whose answers scatter by `spread` from sample to sample."""
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(3, (60,), generator=generator)
    common = 2.0 * torch.nn.functional.one_hot(targets, 3)
    return [
        _run(arm, block, 0.5,
             answers=keep(common + spread * torch.randn(60, 3, generator=generator), targets, "class"))
        for arm in ("baseline", *spec.arm_names)
        for block in range(blocks)
    ]  # fmt: skip


@pytest.mark.parametrize(("spread", "dominant"), [(0.05, "Bias"), (3.0, "Variance")])
def test_bias_and_variance_come_from_the_answers_of_the_runs(spread: float, dominant: str) -> None:
    spec = _spec(kind="bias_variance")
    found = findings.find(spec, _answered(spec, 12, spread), SIZES, rule_for(spec, 12, SIZES))
    assert found is not None
    assert found.sentences[0].startswith(f"{dominant} dominates")
    assert found.bias_variance is not None
    point = found.bias_variance.points[0].decomposition
    assert (point.groups, point.splits, point.examples) == (3, 4, 60)


def test_bias_and_variance_over_sizes_names_each_size_and_leaves_out_a_division_that_is_not_whole() -> None:
    spec = _spec(kind="bias_variance", bias_variance={"values": [4], "splits": 3})
    found = findings.find(spec, _answered(spec, 8, 0.5), SIZES, rule_for(spec, 8, SIZES))
    assert found is not None
    assert found.bias_variance is not None
    assert [point.at for point in found.bias_variance.points] == [4, 16]
    assert found.bias_variance.points[0].decomposition.groups == 2
    assert found.sentences[0].startswith("width 4: ")
    assert "of those tried" in found.sentences[2]


@pytest.mark.parametrize(
    ("kind", "changes", "blocks", "words"),
    [
        ("ablate", {"arms": STEPS}, 1, "at least 2 blocks"),
        ("double_descent", {}, 2, "cannot be told from noise with 2 blocks"),
        ("sweep", {"sweep": {"parameter": "lr", "values": [0.1, 1.0]}}, 1, "at least 2 blocks"),
        ("power", {"arms": STEPS}, 2, "at least 3 blocks"),
    ],
)
def test_too_few_blocks_are_not_judged_and_the_sentence_says_why(
    kind: str, changes: dict[str, Any], blocks: int, words: str
) -> None:
    found = _found(_spec(kind=kind, **changes), lambda arm, block: 0.5, blocks=blocks)
    assert "Not judged: " in found.sentences[0]
    assert words in found.sentences[0]
    assert found == Findings(sentences=found.sentences)


def test_fewer_samples_than_a_division_has_are_not_judged() -> None:
    spec = _spec(kind="bias_variance")
    found = findings.find(spec, _answered(spec, 3, 0.5), SIZES, rule_for(spec, 3, SIZES))
    assert found is not None
    assert found.sentences == (
        "Not judged: 3 of the 4 disjoint samples were trained on; allow a larger budget.",
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["ablate", "sweep", "double_descent", "data_size", "power"])
def test_diverged_runs_are_not_judged_and_named(kind: str) -> None:
    changes: dict[str, dict[str, Any]] = {
        "ablate": {"arms": STEPS},
        "power": {"arms": STEPS},
        "sweep": {"sweep": {"parameter": "lr", "values": [0.1, 1.0]}},
        "data_size": {"data_size": {"sizes": [12, 24]}},
    }
    spec = _spec(kind=kind, **changes.get(kind, {}))
    found = _found(spec, lambda arm, block: float("nan") if block == 1 else 0.5)
    assert "Not judged: " in found.sentences[0]
    assert "nan" in found.sentences[0]


def test_an_error_in_the_judgement_is_said_and_never_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("nobody thought of this")

    monkeypatch.setattr(findings, "assess_ablation", broken)
    found = _found(_spec(kind="ablate", arms=STEPS), lambda arm, block: 0.5)
    assert found.sentences == (
        "Not judged: the judgement stopped with ZeroDivisionError: nobody thought of this. All runs are kept.",
    )  # fmt: skip


def test_findings_survive_json() -> None:
    found = _found(_spec(kind="ablate", arms=STEPS), lambda arm, block: 0.5)
    assert Findings.model_validate_json(found.model_dump_json()) == found
