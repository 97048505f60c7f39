"""The course of a campaign: A/A, null arms, reuse, resume, order, failures and the user's own code."""

from pathlib import Path
from typing import Any

import pytest

from advisor.errors import AdvisorError
from advisor.experiments.budget import Allowance
from advisor.experiments.evidence import Evidence
from advisor.experiments.spec import Spec, parse_spec
from tests.jobs.inline import InlineExecutor, campaign

pytestmark = pytest.mark.usefixtures("home")


def _spec(**changes: Any) -> Spec:
    return parse_spec(
        {
            "data": {"builtin": "wine"},
            "model": {"name": "mlp", "arguments": {"width": 8}},
            "baseline": {"lr": 0.01, "epochs": 2},
            "arms": {"decay": {"techniques": {"weight_decay": {"strength": 0.1}}}, "slow": {"lr": 0.001}},
            "design": {"max_blocks": 3},
            **changes,
        }
    )


def test_identical_arms_differ_by_exactly_zero_in_ten_campaigns_of_eight_blocks() -> None:
    for seed in range(10):
        executor = InlineExecutor()
        spec = _spec(aa=True, arms={}, design={"max_blocks": 8, "seed": seed})
        evidence = campaign(spec, executor).run()
        arm = evidence.results.arms[0]
        assert executor.trained == 16, "each arm is trained separately"
        assert arm.comparison.differences == (0.0,) * 8
        assert all(other.differences == (0.0,) * 8 for other in arm.exploratory)
        assert len({run.outcome_digest for run in evidence.results.runs}) == 8, "blocks differ from one another"


def test_an_arm_of_null_strength_is_trained_and_changes_no_bit() -> None:
    null = {
        "techniques": {"weight_decay": {"strength": 0.0}, "mixup": {"alpha": 0.0}, "label_smoothing": {"epsilon": 0}}
    }
    executor = InlineExecutor()
    evidence = campaign(_spec(arms={"null": null}), executor).run()
    arm = evidence.results.arms[0]
    assert executor.trained == 6
    assert arm.comparison.differences == (0.0, 0.0, 0.0)
    assert arm.verdict == "equivalent"
    assert "changes nothing" in arm.notes[0]


def test_the_order_of_finishing_decides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = []
    for name, reverse in (("one", False), ("other", True)):
        monkeypatch.setenv("REGADVISOR_HOME", str(tmp_path / name))
        results.append(campaign(_spec(), InlineExecutor(reverse=reverse)).run().results)
    assert results[0].model_dump_json() == results[1].model_dump_json()


@pytest.mark.parametrize(("finished", "arm"), [(0, "sam"), (3, "weight_decay"), (4, "sam"), (6, "weight_decay")])
def test_a_killed_campaign_resumes_to_bit_identical_results(
    finished: int, arm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs with weight decay are stacked, runs with SAM cannot be."""
    spec = _spec(arms={"one": {"techniques": {arm: {}}}, "slow": {"lr": 0.001}})
    undisturbed = campaign(spec, InlineExecutor()).run().results
    monkeypatch.setenv("REGADVISOR_HOME", str(tmp_path / "killed"))
    first = InlineExecutor(die_after=finished)
    with pytest.raises(SystemExit):
        campaign(spec, first).run()
    second = InlineExecutor()
    resumed = campaign(spec, second).run().results
    assert first.trained + second.trained == 9, "finished runs are not trained again"
    assert resumed.model_dump_json() == undisturbed.model_dump_json()


def test_finished_runs_answer_other_specs_that_need_them() -> None:
    campaign(_spec(), InlineExecutor()).run()
    executor = InlineExecutor()
    arms = {"slow": {"lr": 0.001}, "slower": {"lr": 0.0001}}
    evidence = campaign(_spec(arms=arms), executor).run()
    assert executor.trained == 3
    assert evidence.cost.runs_reused == 6
    assert [run.arm for run in evidence.results.runs] == ["baseline", "slow", "slower"] * 3


def test_reuse_off_trains_again_with_the_same_results() -> None:
    before = campaign(_spec(), InlineExecutor()).run()
    executor = InlineExecutor()
    again = campaign(_spec(reuse=False), executor).run()
    assert executor.trained == 9
    assert again.results.arms == before.results.arms


def test_resampled_splits_differ_between_blocks_and_say_so() -> None:
    evidence = campaign(_spec(design={"max_blocks": 2, "split": "resampled"}), InlineExecutor()).run()
    assert evidence.results.split == "resampled"
    assert evidence.results.blocks == 2


def test_evidence_survives_json() -> None:
    evidence = campaign(_spec(), InlineExecutor()).run()
    assert Evidence.model_validate_json(evidence.model_dump_json()) == evidence


def test_a_budget_too_small_for_two_blocks_is_a_wrong_request() -> None:
    with pytest.raises(AdvisorError, match=r"budget of 0\.0 s is too small for two blocks") as caught:
        campaign(_spec(budget="0.001s"), InlineExecutor()).run()
    assert caught.value.exit_status == 2


def test_the_number_of_blocks_is_fixed_once_and_replayed() -> None:
    first = campaign(_spec(), InlineExecutor())
    allowed = Allowance(horizon=2, seconds=dict.fromkeys(("baseline", "decay", "slow"), 1.0), left=9.0, workers=2)
    first.store.log_event(first.job_id, "blocks", allowed.model_dump())
    results = first.run().results
    assert (results.blocks, results.horizon) == (2, 2)
    assert any("allows 2 of at most 3 blocks" in note for note in results.notes)


def test_a_settled_arm_ends_and_the_others_go_on() -> None:
    arms = {"still": {"lr": 1e-7}, "near": {"batch_size": 60}}
    spec = _spec(baseline={"lr": 0.01, "epochs": 8}, arms=arms, metric="nll", design={"max_blocks": 9})
    evidence = campaign(spec, InlineExecutor()).run()
    still, near = evidence.arm("still"), evidence.arm("near")
    assert (still.verdict, still.settled) == ("hurts", "effect")
    assert still.comparison.n < near.comparison.n
    assert evidence.results.blocks == near.comparison.n
    assert [look.n for look in still.looks] == list(range(5, still.comparison.n + 1))
    assert still.looks[-1].p_value <= still.looks[-1].bound
    assert all(look.p_value > look.bound for look in still.looks[:-1])
    assert sum(run.arm == "still" for run in evidence.results.runs) == still.comparison.n


def test_looks_at_the_last_block_only_run_every_arm_to_the_end() -> None:
    spec = _spec(
        baseline={"lr": 0.01, "epochs": 8}, arms={"still": {"lr": 1e-7}}, design={"max_blocks": 7, "looks": "last"}
    )
    arm = campaign(spec, InlineExecutor()).run().arm("still")
    assert arm.comparison.n == 7
    assert [look.n for look in arm.looks] == [7]


def test_blocks_end_with_the_time_and_settled_arms_leave_theirs_to_the_others() -> None:
    spec = _spec(baseline={"lr": 0.01, "epochs": 8}, arms={"still": {"lr": 1e-7}, "near": {"batch_size": 60}},
                 metric="nll", design={"max_blocks": 40})  # fmt: skip
    job = campaign(spec, InlineExecutor())
    # After the first block: six of three runs each, or fewer and then some of two.
    allowed = Allowance(horizon=20, seconds=dict.fromkeys(job.arms, 1.0), left=18.0, workers=1)
    job.store.log_event(job.job_id, "blocks", allowed.model_dump())
    evidence = job.run()
    still, near = evidence.arm("still").comparison.n, evidence.arm("near").comparison.n
    assert still < near
    assert (still - 1) * 3 + (near - still) * 2 <= 18 < (still - 1) * 3 + (near - still + 1) * 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"metric": "rmse"}, ["rmse", "class", "accuracy"]),
        ({"arms": {"a": {"techniques": {"basic_augmentation": {"shift": 1}}}}}, ["'a'", "basic_augmentation", "(13,)"]),
        ({"model": {"name": "mlp", "arguments": {"widht": 8}}}, ["'widht'", "width"]),
    ],
)
def test_what_does_not_fit_the_data_is_refused_before_training(changes: dict[str, Any], words: list[str]) -> None:
    executor = InlineExecutor()
    with pytest.raises(AdvisorError) as caught:
        campaign(_spec(**changes), executor).run()
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert executor.trained == 0 or "model" in changes


ENTRY = """
import torch
print("a user's print must not disturb anything")

def data():
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(200, 5, generator=generator)
    return x, (x[:, 0] + 0.5 * torch.randn(200, generator=generator) > 0).long()

def model(classes, input_shape):
    return torch.nn.Sequential(torch.nn.Linear(input_shape[0], 16), torch.nn.ReLU(), torch.nn.Linear(16, classes))

def broken():
    raise RuntimeError("the file server is down")
"""


def _entry_spec(**changes: Any) -> Spec:
    entry = {"data": {"entry": "mine:data"}, "model": {"entry": "mine:model"}}
    return _spec(**{**entry, **changes})


def test_the_users_own_data_and_model_are_trained(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(ENTRY)
    spec = _entry_spec()
    evidence = campaign(spec, InlineExecutor(tmp_path), workspace=tmp_path).run()
    assert evidence.results.sizes == {"train": 110, "validation": 40, "test": 50}
    assert evidence.results.baseline_mean is not None
    assert evidence.results.baseline_mean > 0.5
    assert evidence.provenance.code_fingerprint is not None


def test_an_entry_point_that_raises_is_reported_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "mine_broken.py").write_text(ENTRY)
    spec = _entry_spec(data={"entry": "mine_broken:broken"})
    with pytest.raises(AdvisorError) as caught:
        campaign(spec, InlineExecutor(tmp_path), workspace=tmp_path).run()
    message = str(caught.value)
    assert "RuntimeError" in message
    assert "the file server is down" in message
    assert "mine_broken.py" in message
    assert caught.value.exit_status == 1
