"""A job that decides on a recipe: what is tested on what, on which blocks, and that it resumes to the same bits."""

from pathlib import Path
from typing import Any

import pytest

from advisor.data import load, split
from advisor.experiments.plan import block_seed
from advisor.experiments.recipe_trial import STRIDE, share
from advisor.experiments.recipe_trial import decision as decide
from advisor.experiments.spec import Spec, parse_spec
from advisor.jobs.home import home
from advisor.jobs.recipe_job import RecipeJob
from advisor.jobs.request import prepare
from advisor.jobs.store import Store
from tests.jobs.inline import InlineExecutor
from tests.report.examples import usual_evidence

pytestmark = pytest.mark.usefixtures("home")


def _spec(**changes: Any) -> Spec:
    spec = parse_spec(
        {
            "data": {"builtin": "wine"},
            "model": {"name": "mlp", "arguments": {"width": 8}},
            "baseline": {"lr": 0.001, "epochs": 3},
            "arms": {"faster": {"lr": 0.03}, "wider": {"model": {"width": 9}}, "again": {"lr": 0.03}},
            "metric": "nll",
            "kind": "recipe",
            "design": {"max_blocks": 6},
            **changes,
        }
    )
    assert isinstance(spec, Spec)
    return spec


def _campaign(spec: Spec, executor: InlineExecutor) -> RecipeJob:
    request = prepare(spec, Path.cwd(), workers=2)
    store = Store(home())
    store.add_job(request.job_id, "test", request.model_dump(mode="json"))
    return RecipeJob(request.job_id, request, store, executor, lambda: False)


def test_in_sequence_each_step_stands_on_those_kept_and_the_whole_is_confirmed_on_new_blocks() -> None:
    evidence = _campaign(_spec(), InlineExecutor()).run()
    assert evidence.results.findings is not None
    trial = evidence.results.findings.recipe
    assert trial is not None
    faster, wider, again = trial.decisions
    assert (faster.kept, faster.on_top_of) == (True, ())
    assert wider.on_top_of == ("faster",)
    assert (again.verdict, again.kept) == ("not tested", False)
    assert "equals the baseline" in again.sentence
    assert trial.kept[0] == "faster"
    assert trial.confirmed_gain is not None
    assert trial.confirmed_gain < 0
    assert evidence.results.split == "fixed"
    assert [arm.name for arm in evidence.results.arms] == ["recipe"]
    assert {run.block for run in evidence.results.runs} == {0, 1, 2}


def test_the_error_rate_of_a_decided_step_passes_to_the_next() -> None:
    spec = _spec()
    part = spec.design.alpha / 3
    arm = usual_evidence().results.arms[0]
    first = decide("faster", arm.model_copy(update={"verdict": "helps"}), kept=(), alpha=share(spec, []))
    assert first.alpha == pytest.approx(part)
    second = decide("wider", arm.model_copy(update={"verdict": "undecided"}), kept=(), alpha=share(spec, [first]))
    assert second.alpha == pytest.approx(2 * part)
    assert share(spec, [first, second]) == pytest.approx(part)


def test_decisions_and_confirmation_share_no_block_and_no_test_example() -> None:
    evidence = _campaign(_spec(), InlineExecutor()).run()
    assert evidence.results.sizes["test"] in (22, 23)
    assert STRIDE > 200, "the largest number of blocks"
    deciding = {block_seed(_spec().design, block) for block in range(6)}
    assert not deciding & set(evidence.provenance.block_seeds)
    data, design = load(_spec().data, None), _spec().design
    first, second = (
        set(split(data, design.model_copy(update={"test_part": part}), 0, None).test.tolist())
        for part in ("first", "second")
    )
    assert not first & second
    assert first | second == set(split(data, design, 0, None).test.tolist())


def test_in_parallel_every_step_stands_on_the_baseline() -> None:
    arms = {"faster": {"lr": 0.03}, "wider": {"model": {"width": 9}}}
    evidence = _campaign(_spec(arms=arms, recipe={"order": "parallel"}), InlineExecutor()).run()
    assert evidence.results.findings is not None
    trial = evidence.results.findings.recipe
    assert trial is not None
    assert [decided.on_top_of for decided in trial.decisions] == [(), ()]
    assert "faster" in trial.kept


def test_where_nothing_helps_nothing_is_confirmed_and_that_is_said() -> None:
    evidence = _campaign(_spec(arms={"still": {"lr": 1e-7}}), InlineExecutor()).run()
    assert evidence.results.findings is not None
    trial = evidence.results.findings.recipe
    assert trial is not None
    assert trial.kept == ()
    assert "nothing to confirm" in trial.sentences[-1]


@pytest.mark.parametrize("finished", [3, 14])
def test_a_killed_recipe_job_resumes_to_bit_identical_results(
    finished: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = _spec(arms={"faster": {"lr": 0.03}, "wider": {"model": {"width": 9}}})
    undisturbed = _campaign(spec, InlineExecutor()).run().results
    monkeypatch.setenv("REGADVISOR_HOME", str(tmp_path / "killed"))
    with pytest.raises(SystemExit):
        _campaign(spec, InlineExecutor(die_after=finished)).run()
    assert _campaign(spec, InlineExecutor()).run().results.model_dump_json() == undisturbed.model_dump_json()
