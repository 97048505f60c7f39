"""What a campaign that was asked for corruptions shows beside its metric."""

from typing import Any

import pytest

from advisor.errors import AdvisorError
from advisor.experiments.evidence import Evidence, RunResult
from advisor.experiments.spec import Spec, parse_spec
from tests.jobs.inline import InlineExecutor, campaign

pytestmark = pytest.mark.usefixtures("home")


def _spec(**changes: Any) -> Spec:
    spec = parse_spec(
        {
            "data": {"builtin": "wine"},
            "model": {"name": "mlp", "arguments": {"width": 8}},
            "baseline": {"lr": 0.01, "epochs": 2},
            "arms": {"noise": {"techniques": {"input_noise": {"sigma": 0.5}}}, "slow": {"lr": 0.001}},
            "design": {"max_blocks": 3},
            **changes,
        }
    )
    assert isinstance(spec, Spec)
    return spec


def _run(**changes: Any) -> Evidence:
    return campaign(_spec(**changes), InlineExecutor()).run()


def test_corrupted_values_are_compared_beside_the_metric_with_intervals() -> None:
    results = _run(corruptions=True).results
    for arm in results.arms:
        beside = {one.metric: one for one in arm.exploratory}
        for metric in ("corrupted_accuracy", "corrupted_nll", "aurc", "selective_accuracy"):
            assert beside[metric].n == arm.comparison.n >= 2
            assert beside[metric].interval is not None
    assert "corruption robustness" not in results.not_measured
    assert len({tuple(run.corruptions) for run in results.runs}) == 1
    assert len(results.runs[0].corruptions) == 11  # clean, and two corruptions in five severities
    assert RunResult.model_validate_json(results.runs[0].model_dump_json()) == results.runs[0]


def test_what_was_measured_is_said_once_and_what_overlaps_with_it_at_its_arm() -> None:
    results = _run(corruptions=True).results
    note = "corrupted values are means over missing_values, number_noise in 5 severities, on 44 of 44 test examples"
    assert results.notes.count(note) == 1
    assert not any(note in one for arm in results.arms for one in arm.notes)
    noise, slow = results.arms
    assert noise.notes[-1].startswith("input_noise trains on distortions close to gaussian_noise")
    assert not any("distortions" in one for one in slow.notes)


def test_by_default_nothing_is_damaged_and_all_other_values_are_the_same() -> None:
    plain, asked = _run().results, _run(corruptions=True).results
    assert not any(one.metric.startswith("corrupted") for arm in plain.arms for one in arm.exploratory)
    assert "corruptions: true" in plain.not_measured["corruption robustness"]
    assert not any("corrupted" in note for note in plain.notes)
    for one, other in zip(plain.runs, asked.runs, strict=True):
        assert one.corruptions == {}
        assert one.outcome_digest == other.outcome_digest
        assert one.run_id != other.run_id
        assert one.test == {name: value for name, value in other.test.items() if not name.startswith("corrupted")}


def test_a_corrupted_metric_cannot_be_the_one_that_selects() -> None:
    with pytest.raises(AdvisorError, match="'corrupted_accuracy' is measured on test examples alone"):
        _run(corruptions=True, metric="corrupted_accuracy")
