"""A job that tunes first: the same number of settings for all, chosen on validation, compared on other blocks."""

from pathlib import Path
from typing import Any

import pytest

from advisor.experiments.plan import block_seed
from advisor.experiments.spec import Spec, parse_spec
from advisor.experiments.tuning import BLOCKS, STRIDE, at_the_edge, best, candidates
from advisor.jobs.course import course_for
from advisor.jobs.home import home
from advisor.jobs.request import prepare
from advisor.jobs.store import Store
from tests.jobs.inline import InlineExecutor

pytestmark = pytest.mark.usefixtures("home")


def _spec(**changes: Any) -> Spec:
    spec = parse_spec(
        {
            "data": {"builtin": "wine"},
            "model": {"name": "mlp", "arguments": {"width": 4}},
            "baseline": {"lr": 0.0005, "epochs": 2},
            "arms": {
                "smooth": {"techniques": {"label_smoothing": {"epsilon": 0.2}}},
                "wider": {"model": {"width": 5}},
            },
            "metric": "nll",
            "design": {"max_blocks": 5, "tune": "grid"},
            **changes,
        }
    )
    assert isinstance(spec, Spec)
    return spec


def test_baseline_and_arms_get_as_many_settings_over_the_same_learning_rates() -> None:
    spec = _spec()
    for name in ("baseline", "smooth", "wider"):
        found = candidates(spec, name)
        rates = [overlay["lr"] for overlay in found]
        assert len({str(overlay) for overlay in found}) == 15
        assert (min(rates), max(rates)) == (pytest.approx(0.0005 / 9, rel=0.01), pytest.approx(0.0045, rel=0.01))
        assert rates[0] == 0.0005, "the given setting comes first"
    epsilons = {overlay["techniques"]["label_smoothing"]["epsilon"] for overlay in candidates(spec, "smooth")}
    assert epsilons == {0.0667, 0.2, 0.6}


def test_strengths_stay_within_their_bounds() -> None:
    spec = _spec(arms={"drop": {"techniques": {"dropout": {"probability": 0.5}}}})
    probabilities = {overlay["techniques"]["dropout"]["probability"] for overlay in candidates(spec, "drop")}
    assert max(probabilities) < 1
    assert len(probabilities) == 3


def test_an_untuned_baseline_is_tuned_and_that_is_said() -> None:
    executor = InlineExecutor()
    spec = _spec()
    request = prepare(spec, Path.cwd(), workers=2)
    store = Store(home())
    store.add_job(request.job_id, "test", request.model_dump(mode="json"))
    evidence = course_for(request.job_id, request, store, executor, lambda: False).run()
    note = evidence.results.notes[0]
    assert "15 settings each on 2 blocks" in note
    assert "baseline: lr 0.0005 -> 0.0045" in note, note
    assert "is the last of those tried" in evidence.results.notes[1]
    assert evidence.spec == spec
    tuning = {block_seed(spec.design.model_copy(update={"first_block": STRIDE}), block) for block in range(BLOCKS)}
    assert not tuning & set(evidence.provenance.block_seeds)
    assert 3 * 15 * BLOCKS <= executor.trained <= spec.most_runs


def test_the_choice_is_by_validation_in_the_metrics_direction() -> None:
    spec = _spec()
    executor = InlineExecutor()
    plain = spec.model_copy(update={"design": spec.design.model_copy(update={"tune": "none", "max_blocks": 2})})
    request = prepare(plain, Path.cwd(), workers=2)
    store = Store(home())
    store.add_job(request.job_id, "test", request.model_dump(mode="json"))
    runs = course_for(request.job_id, request, store, executor, lambda: False).run().results.runs
    worse = [
        run.model_copy(update={"validation": {"nll": 9.0}, "test": {"nll": 0.0}, "arm": "bad"}) for run in runs[:2]
    ]
    lost = [run.model_copy(update={"validation": {"nll": float("nan")}, "arm": "lost"}) for run in runs[:2]]
    assert best(spec, [*runs, *worse, *lost], ["bad", "lost", "baseline"]) == "baseline"


def test_the_edge_of_the_grid_is_told() -> None:
    spec = _spec()
    assert at_the_edge(spec, "baseline", {"lr": 0.0045})
    assert not at_the_edge(spec, "baseline", {"lr": 0.0005})
