"""Every kind of experiment from its spec to its evidence, trained in this process on a small real table."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from advisor.errors import AdvisorError
from advisor.experiments.budget import Allowance
from advisor.experiments.evidence import Evidence
from advisor.experiments.spec import Spec, parse_spec
from advisor.summary import describe_evidence
from tests.jobs.inline import InlineExecutor, campaign

STEPS: dict[str, Any] = {"decay": {"techniques": {"weight_decay": {"strength": 0.1}}}, "slow": {"lr": 0.001}}
KINDS: dict[str, dict[str, Any]] = {
    "ablate": {"arms": STEPS},
    "sweep": {"sweep": {"parameter": "lr", "values": [0.001, 0.1]}},
    "bias_variance": {"bias_variance": {"splits": 2, "values": [4]}, "design": {"max_blocks": 4}},
    "double_descent": {"double_descent": {"over": "train_size", "values": [12, 24, 40, 60]}},
    "data_size": {"data_size": {"sizes": [12, 24, 40]}},
    "power": {"arms": {"slow": {"lr": 0.001}}},
}
PART = {
    "ablate": "ablation", "sweep": "dose_response", "bias_variance": "bias_variance",
    "double_descent": "double_descent", "data_size": "data_size", "power": "power",
}  # fmt: skip


def _spec(kind: str, **changes: Any) -> Spec:
    spec = parse_spec(
        {
            "data": {"builtin": "wine"},
            "model": {"name": "mlp", "arguments": {"width": 8}},
            "baseline": {"lr": 0.01, "epochs": 2},
            "metric": "nll",
            "minimum_effect": 0.01,
            "design": {"max_blocks": 3},
            "kind": kind,
            **KINDS.get(kind, {}),
            **changes,
        }
    )
    assert isinstance(spec, Spec)
    return spec


@pytest.fixture(scope="module", autouse=True)
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One home for all tests here: what one has trained answers the others."""
    folder = tmp_path_factory.mktemp("kinds") / "home"
    before = os.environ.get("REGADVISOR_HOME")
    os.environ["REGADVISOR_HOME"] = str(folder)
    yield folder
    os.environ.pop("REGADVISOR_HOME")
    if before is not None:
        os.environ["REGADVISOR_HOME"] = before


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_goes_from_its_spec_to_a_judged_answer(kind: str) -> None:
    evidence = campaign(_spec(kind), InlineExecutor()).run()
    found = evidence.results.findings
    assert found is not None
    assert getattr(found, PART[kind]), found.sentences
    assert found.sentences
    assert not any("Not judged" in sentence for sentence in found.sentences)
    assert evidence.kind == kind
    assert evidence.results.blocks == evidence.spec.max_blocks
    assert all(arm.comparison.n == evidence.results.blocks for arm in evidence.results.arms)
    assert set(found.sentences) < set(describe_evidence(evidence))
    assert Evidence.model_validate_json(evidence.model_dump_json()) == evidence


def test_kinds_answer_from_one_anothers_runs() -> None:
    campaign(_spec("ablate"), InlineExecutor()).run()
    executor = InlineExecutor()
    evidence = campaign(_spec("sweep", sweep={"parameter": "lr", "values": [0.001, 0.0003]}), executor).run()
    assert executor.trained == 3, "the baseline and lr 0.001 were trained for the ablation"
    assert evidence.cost.runs_reused == 6
    executor = InlineExecutor()
    campaign(_spec("verify", arms=STEPS), executor).run()
    assert executor.trained == 0


def test_bias_and_variance_are_of_disjoint_samples_and_their_answers_stay_out_of_the_evidence() -> None:
    evidence = campaign(_spec("bias_variance"), InlineExecutor()).run()
    found = evidence.results.findings
    assert found is not None
    assert found.bias_variance is not None
    points = {point.at: point.decomposition for point in found.bias_variance.points}
    assert set(points) == {4, 8}
    assert all((point.groups, point.splits, point.examples) == (2, 2, 44) for point in points.values())
    runs = [run for run in evidence.results.runs if run.arm == "baseline"]
    mean = sum(run.test["nll"] for run in runs) / len(runs)
    assert points[8].risk.value == pytest.approx(mean, abs=1e-3)
    assert {run.answers for run in evidence.results.runs} == {None}


@pytest.mark.parametrize(("kind", "finished"), [("bias_variance", 4), ("data_size", 5)])
def test_a_killed_campaign_of_any_kind_resumes_to_bit_identical_results(
    kind: str, finished: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = campaign(_spec(kind), InlineExecutor()).run().results
    monkeypatch.setenv("REGADVISOR_HOME", str(tmp_path / "killed"))
    first = InlineExecutor(die_after=finished)
    with pytest.raises(SystemExit):
        campaign(_spec(kind), first).run()
    second = InlineExecutor()
    resumed = campaign(_spec(kind), second).run().results
    assert first.trained >= finished
    assert first.trained + second.trained == len(resumed.runs), "finished runs are not trained again"
    assert resumed.model_dump_json() == undisturbed.model_dump_json()


@pytest.mark.parametrize("kind", KINDS)
def test_a_budget_that_ends_early_gives_findings_on_what_is_there_or_says_that_there_are_none(
    kind: str,
) -> None:
    job = campaign(_spec(kind, minimum_effect=0.02), InlineExecutor())
    allowed = Allowance(horizon=2, seconds=dict.fromkeys(job.arms, 1.0), left=9.0, workers=2)
    job.store.log_event(job.job_id, "blocks", allowed.model_dump())
    results = job.run().results
    assert results.blocks == 2
    assert any("allows 2 of at most" in note for note in results.notes)
    assert results.findings is not None
    judged = bool(getattr(results.findings, PART[kind]))
    assert judged == (kind not in ("double_descent", "power"))
    assert judged != any("Not judged: " in sentence for sentence in results.findings.sentences)


@pytest.mark.usefixtures("home")
def test_an_arm_that_changes_nothing_takes_no_block_from_the_others() -> None:
    idle = {"techniques": {"weight_decay": {"strength": 0.0}}}
    spec = _spec("ablate", arms={"idle": idle, "slow": {"lr": 0.001}}, design={"max_blocks": 6})
    evidence = campaign(spec, InlineExecutor()).run()
    assert evidence.arm("idle").settled == "identical"
    assert evidence.arm("idle").comparison.differences == (0.0,) * 6
    found = evidence.results.findings
    assert found is not None
    assert found.ablation is not None
    assert found.ablation.blocks == 6


def test_double_descent_over_epochs_needs_no_arm() -> None:
    spec = _spec("double_descent", double_descent={"over": "epochs"}, baseline={"lr": 0.01, "epochs": 6})
    executor = InlineExecutor()
    results = campaign(spec, executor).run().results
    assert executor.trained == 3
    assert results.arms == ()
    assert results.findings is not None
    assert results.findings.double_descent is not None
    assert results.findings.double_descent.sizes[-1] == 6


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        ("data_size", {"data_size": {"sizes": [24, 6000]}}, ["train_size 6000", "98 examples"]),
        ("bias_variance", {"bias_variance": {"splits": 50}, "design": {}}, ["98 training examples", "50 samples"]),
        ("double_descent", {"double_descent": {}, "model": {"name": "small_cnn"}}, ["small_cnn"]),
    ],
)
def test_sizes_that_the_data_does_not_have_end_the_job_within_the_first_block(
    kind: str, changes: dict[str, Any], words: list[str]
) -> None:
    executor = InlineExecutor()
    spec = _spec(kind, **changes)
    with pytest.raises(AdvisorError) as caught:
        campaign(spec, executor).run()
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert caught.value.exit_status == 2
    assert executor.trained <= len(spec.arm_names) + 1
