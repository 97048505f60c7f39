"""Weights of classes against numbers by hand, and their loss against torch's weighted losses."""

import pytest
import torch
from torch import nn

from advisor.errors import AdvisorError
from advisor.techniques.class_balance import ClassBalance, class_weights
from advisor.techniques.core import Run, Targets
from advisor.techniques.core.targets import mean_loss
from advisor.training.engine import train
from tests.techniques.runs import make_run
from tests.training.run_plans import make_plan


def start(technique: ClassBalance, counts: tuple[int, ...] | None, kind: str = "class", outputs: int = 3) -> Run:
    run = make_run(nn.Linear(2, outputs), class_counts=counts, kind=kind, outputs=outputs)
    technique.model(run, run.model)
    return run


def test_inverse_weights_are_the_mean_count_over_the_count():
    # 100 examples, 3 classes: 100 / 3 / n.
    assert class_weights([10, 30, 60], "inverse", 0.0) == pytest.approx([10 / 3, 10 / 9, 5 / 9])


def test_effective_numbers_are_those_by_hand():
    # beta 0.9: E = (1 - 0.9^n) / 0.1 is 1, 1.9 and 2.71 for 1, 2 and 3 examples.
    raw = [1, 1 / 1.9, 1 / 2.71]
    mean = (1 * raw[0] + 2 * raw[1] + 3 * raw[2]) / 6
    assert class_weights([1, 2, 3], "effective", 0.9) == pytest.approx([weight / mean for weight in raw])


@pytest.mark.parametrize("scheme", ["inverse", "effective"])
@pytest.mark.parametrize("beta", [0.0, 0.9, 0.9999])
def test_the_mean_weight_over_the_training_examples_is_one(scheme, beta):
    counts = [5, 500, 0, 50]
    weights = class_weights(counts, scheme, beta)
    assert sum(n * w for n, w in zip(counts, weights, strict=True)) / 555 == pytest.approx(1.0)
    assert weights[2] == 1.0


def test_beta_zero_weighs_all_exactly_alike_and_beta_near_one_like_the_inverse():
    assert class_weights([7, 11, 300], "effective", 0.0) == [1.0, 1.0, 1.0]
    near = class_weights([7, 11, 300], "effective", 1 - 1e-9)
    assert near == pytest.approx(class_weights([7, 11, 300], "inverse", 0.0), rel=1e-4)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_class_targets_give_the_weighted_cross_entropy_of_torch(smoothing: float) -> None:
    counts = (10, 30, 60)
    technique = ClassBalance(scheme="inverse")
    run = start(technique, counts)
    logits = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    soft = torch.softmax(torch.randn(8, 3, generator=torch.Generator().manual_seed(1)), 1)
    targets = Targets("class", soft).smoothed(smoothing)
    _, weighed = technique.batch(run, torch.zeros(8, 2), targets)
    weight = torch.tensor(class_weights(counts, "inverse", 0.0))
    expected = nn.CrossEntropyLoss(weight=weight, label_smoothing=0.0)(logits, targets.values)
    torch.testing.assert_close(mean_loss(logits, weighed), expected)


def test_multilabel_targets_give_torchs_loss_with_positive_weights():
    counts = (10, 30, 60)
    technique = ClassBalance(scheme="inverse")
    run = start(technique, counts, kind="multilabel")
    logits = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    targets = Targets("multilabel", torch.randint(2, (8, 3), generator=torch.Generator().manual_seed(1)).float())
    inputs, same = technique.batch(run, torch.zeros(8, 2), targets)
    assert same is targets
    loss = technique.loss(run, inputs, targets, logits, mean_loss(logits, targets))
    weight = torch.tensor(class_weights(counts, "inverse", 0.0))
    torch.testing.assert_close(loss, nn.BCEWithLogitsLoss(pos_weight=weight)(logits, targets.values))


@pytest.mark.parametrize("kind", ["class", "multilabel"])
def test_equal_weights_touch_nothing(kind: str) -> None:
    technique = ClassBalance(beta=0.0)
    run = start(technique, (10, 30, 60), kind=kind)
    targets, loss = Targets(kind, torch.eye(3)), torch.tensor(2.0)
    assert technique.batch(run, torch.zeros(3, 2), targets)[1] is targets
    assert technique.loss(run, torch.zeros(3, 2), targets, torch.zeros(3, 3), loss) is loss
    assert train(make_plan({"class_balance": {"beta": 0.0}})) == train(make_plan())


def test_a_rare_class_changes_the_training():
    wine = {"data": {"builtin": "wine"}}
    assert train(make_plan({"class_balance": {"scheme": "inverse"}}, **wine)) != train(make_plan(**wine))


def test_missing_and_wrong_counts_are_refused_with_the_next_step():
    with pytest.raises(AdvisorError, match="pass `class_counts=` to regularize"):
        start(ClassBalance(), None)
    with pytest.raises(AdvisorError, match=r"for each of 3 classes but got \[1, 2\]"):
        start(ClassBalance(), (1, 2))
    with pytest.raises(AdvisorError, match=r"0 or more.* but got \[1, 2, -3\]"):
        start(ClassBalance(), (1, 2, -3))
    assert "works on class, multilabel targets but got real" in (ClassBalance().refuse("real", (4,)) or "")
