"""The worst group's accuracy from a spec's data to the result, selected on and reported like any other metric."""

import pathlib

import numpy as np
import pytest
import torch

from advisor.data import load, split
from advisor.errors import AdvisorError
from advisor.experiments.spec import DataSpec, Design
from advisor.training.engine import train
from advisor.training.loop import Part, judge
from advisor.training.plan import RunPlan
from tests.training.run_plans import make_plan


def write_table(folder: pathlib.Path) -> dict[str, object]:
    """A number that tells the class at one site and says the opposite at the other, which is the smaller one."""
    random = np.random.default_rng(0)
    site, label = random.random(400) < 0.25, random.integers(0, 2, 400)
    signal = np.where(site, -1, 1) * (2 * label - 1) + random.normal(0, 0.3, 400)
    rows = [f"{signal[n]:.4f},{('large', 'small')[int(site[n])]},{label[n]}" for n in range(400)]
    (folder / "t.csv").write_text("\n".join(["signal,site,y", *rows]))
    return {"table": "t.csv", "target": "y", "groups": "site"}


def make_grouped(folder: pathlib.Path, **changes: object) -> RunPlan:
    data = write_table(folder)
    return make_plan(data=data, metric="worst_group_accuracy", epochs=10, lr=0.01, **changes)


def test_the_worst_group_is_judged_on_each_split_and_is_that_of_the_small_site(tmp_path):
    result = train(make_grouped(tmp_path), workspace=tmp_path)
    for values in (result.test, result.validation, result.train):
        assert values["worst_group_accuracy"] < 0.2
        assert values["accuracy"] > 0.65
    assert result.rows[-1].validation_metric == result.validation["worst_group_accuracy"]


def test_naming_groups_changes_nothing_of_a_training_but_what_is_measured(tmp_path):
    grouped = make_grouped(tmp_path)
    data = grouped.data.model_copy(update={"groups": None, "drop": ("site",)})
    plain = grouped.model_copy(update={"data": data, "metric": "accuracy"})
    one, other = train(grouped, workspace=tmp_path), train(plain, workspace=tmp_path)
    assert one.outcome_digest == other.outcome_digest
    assert {name: value for name, value in one.test.items() if name != "worst_group_accuracy"} == other.test


def test_without_groups_the_metric_is_refused_with_what_to_write(tmp_path):
    plan = make_grouped(tmp_path)
    plain = plan.model_copy(update={"data": plan.data.model_copy(update={"groups": None})})
    with pytest.raises(AdvisorError, match=r"the data name no groups; name the column with data\.groups"):
        train(plain, workspace=tmp_path)


def test_a_part_is_judged_by_its_own_groups_also_where_it_is_cut_short(tmp_path):
    dataset = load(DataSpec(**write_table(tmp_path)), tmp_path)
    assert dataset.groups is not None
    index = split(dataset, Design(), 0, None).test
    inputs, targets = dataset.prepared(index).part(index, torch.float32)
    groups = torch.from_numpy(dataset.groups.numbers[index])
    part = Part(inputs, targets, "class", 2, dataset.prepared(index).facts, groups).head(40)
    said = torch.stack([-inputs[:40, 0], inputs[:40, 0]], 1)
    hits = (said.argmax(1) == targets[:40]).double()
    each = [hits[groups[:40] == group].mean().item() for group in (0, 1)]
    assert judge(said, part).metrics["worst_group_accuracy"] == pytest.approx(min(each))
