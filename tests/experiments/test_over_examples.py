"""The comparison over test examples: which of them are in the split is chance too."""

import numpy as np
import pytest
import torch
from scipy import stats

from advisor.experiments.answers import pack
from advisor.experiments.assess import over_examples
from advisor.experiments.evidence import RunResult
from advisor.experiments.pairing import Pairs
from tests.jobs.inline import InlineExecutor, campaign
from tests.jobs.test_campaign import _spec
from tests.report.examples import usual_evidence


def _run(losses: np.ndarray) -> RunResult:
    return usual_evidence().results.runs[0].model_copy(update={"losses": pack(torch.tensor(losses), "loss")})


def test_it_is_the_t_interval_of_each_examples_mean_difference() -> None:
    random = np.random.default_rng(2)
    arm, base = random.gamma(2, size=(3, 80)), random.gamma(2, size=(3, 80))
    found = over_examples(Pairs(tuple(map(_run, arm)), tuple(map(_run, base))))
    assert found is not None
    reference = stats.ttest_1samp((arm - base).mean(axis=0), 0).confidence_interval(0.95)
    assert found.examples == 80
    assert found.interval == pytest.approx((reference.low, reference.high), abs=2e-3)


@pytest.mark.usefixtures("home")
def test_evidence_has_it_and_not_the_losses() -> None:
    results = campaign(_spec(metric="nll"), InlineExecutor()).run().results
    arm = results.arms[0]
    assert arm.over_examples is not None
    assert arm.over_examples.mean == pytest.approx(arm.comparison.mean, abs=2e-3)
    assert all(run.losses == "" for run in results.runs)


@pytest.mark.usefixtures("home")
def test_resampled_splits_have_other_examples_in_each_block_and_so_have_none() -> None:
    spec = _spec(design={"max_blocks": 2, "split": "resampled"})
    assert campaign(spec, InlineExecutor()).run().results.arms[0].over_examples is None
