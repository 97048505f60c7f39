"""Members from other seeds, and the average of what they predict."""

import pytest
import torch
from torch import nn

from advisor.techniques import TECHNIQUES, Trained
from advisor.techniques.core.streams import derive_seed
from advisor.techniques.seed_ensemble import SeedEnsemble, predict_together
from advisor.training import engine
from advisor.training.determinism import deterministic
from advisor.training.engine import train
from tests.techniques.trainings import count_trainings, plain_loop
from tests.training.run_plans import SMALL_CNN, make_plan


def test_class_probabilities_are_averaged():
    first, second = torch.randn(2, 4, 3, dtype=torch.float64)
    found = predict_together(torch.zeros(4, 1), [lambda _: first, lambda _: second], "class")
    assert torch.allclose(found.softmax(1), (first.softmax(1) + second.softmax(1)) / 2)


def test_real_values_are_averaged_and_one_network_answers_unchanged():
    first, second = torch.randn(2, 4, 1)
    assert torch.allclose(predict_together(first, [lambda _: first, lambda _: second], "real"), (first + second) / 2)
    assert predict_together(first, [lambda _: first], "class") is first


def test_a_users_members_join_and_answer_by_their_own_function():
    torch.manual_seed(0)
    model, others = nn.Linear(5, 3), {1: nn.Linear(5, 3), 2: nn.Linear(5, 3)}
    asked: list[int] = []

    def train_once(name: str, *, member: int, **_: object) -> Trained:
        asked.append(member)
        return Trained(others[member], lambda inputs: others[member](inputs) / 2)

    session, inputs = plain_loop(model, [SeedEnsemble(members=3)], train_once=train_once)
    assert asked == [1, 2]
    expected = [model(inputs), others[1](inputs) / 2, others[2](inputs) / 2]
    mean = torch.stack([answer.softmax(1) for answer in expected]).mean(0)
    assert torch.allclose(session.predict(inputs).softmax(1), mean, atol=1e-6)
    assert torch.equal(session.model(inputs), model(inputs))


def test_the_engines_members_are_the_trainings_of_the_same_plan_from_their_seeds(monkeypatch):
    finished: dict[int, torch.nn.Module] = {}
    finish = engine.Trainee.finish
    monkeypatch.setattr(
        engine.Trainee, "finish", lambda self: finished.setdefault(self.plan.block_seed, self) and finish(self)
    )
    plans = count_trainings(monkeypatch)
    techniques = {"dropout": {}, "seed_ensemble": {"members": 3}}
    result = train(make_plan(techniques))
    seeds = [7, *(derive_seed(7, "seed_ensemble/member", member) for member in (1, 2))]
    assert [plan.block_seed for plan in plans] == seeds
    alone = [train(make_plan({"dropout": {}}, block_seed=seed)) for seed in seeds]
    assert result.rows == alone[0].rows
    ensemble = finished[7]
    inputs = ensemble.parts["test"].inputs
    with deterministic(1):
        others = [member.model(inputs) for member in ensemble.run.state["seed_ensemble"]]
    answers = [ensemble.run.model(inputs), *others]
    for answer, single in zip(answers, alone, strict=True):
        accuracy = (answer.argmax(1) == ensemble.parts["test"].targets).double().mean().item()
        assert accuracy == pytest.approx(single.test["accuracy"])
    mean = torch.stack([answer.softmax(1) for answer in answers]).mean(0)
    nll = nn.functional.nll_loss(mean.double().log(), ensemble.parts["test"].targets).item()
    assert result.test["nll"] == pytest.approx(nll, rel=1e-5)
    assert result.test["nll"] < max(single.test["nll"] for single in alone)


def test_each_member_is_asked_once_beside_a_first_one_that_averages_passes():
    calls: list[int] = []

    def train_once(name: str, **_: object) -> Trained:
        return Trained(nn.Linear(5, 3), lambda inputs: calls.append(1) or torch.zeros(len(inputs), 3))

    techniques = [SeedEnsemble(members=2), TECHNIQUES["dropout"](), TECHNIQUES["mc_dropout"](passes=3)]
    model = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 3))
    session, inputs = plain_loop(model, techniques, train_once=train_once)
    session.predict(inputs)
    assert len(calls) == 1


def test_one_member_trains_no_other_and_is_the_baseline(monkeypatch):
    plans = count_trainings(monkeypatch)
    assert train(make_plan({"seed_ensemble": {"members": 1}})) == train(make_plan())
    assert len(plans) == 2


def test_the_same_plan_repeats_to_the_bit():
    plan = make_plan({"seed_ensemble": {"members": 2}}, model=SMALL_CNN, epochs=1)
    assert train(plan) == train(plan)


def test_no_member_is_refused():
    with pytest.raises(ValueError):
        SeedEnsemble(members=0)
