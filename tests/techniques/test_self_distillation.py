"""Who teaches whom, how many networks are trained for it, and the earlier self."""

import math

import pytest
import torch
from torch import nn

from advisor.errors import AdvisorError
from advisor.techniques import TECHNIQUES, Trained, regularize
from advisor.techniques.core.distill import blend, divergence
from advisor.techniques.self_distillation import SelfDistillation, first_copy, frozen_copy
from advisor.training import engine
from advisor.training.engine import train
from tests.techniques.trainings import count_trainings, plain_loop, trained
from tests.training.run_plans import SMALL_CNN, make_plan


@pytest.mark.parametrize("generations", [1, 2, 3])
def test_exactly_as_many_networks_as_generations_are_trained_besides_and_bits_repeat(monkeypatch, generations):
    plans = count_trainings(monkeypatch)
    plan = make_plan({"self_distillation": {"generations": generations}})
    first = train(plan)
    assert len(plans) == generations + 1
    assert len({p.block_seed for p in plans}) == generations + 1
    assert train(plan) == first
    assert first.outcome_digest != train(make_plan()).outcome_digest


def test_generation_0_has_no_teacher_and_each_next_one_has_the_one_before(monkeypatch):
    taught: list[tuple[bool, object]] = []
    finish = engine.Session.finish

    def spy(session: engine.Session) -> nn.Module:
        teacher = session.run.state.get("self_distillation")
        taught.append((session.run.model, None if teacher is None else teacher.members[0].model))
        return finish(session)

    monkeypatch.setattr(engine.Session, "finish", spy)
    train(make_plan({"self_distillation": {"generations": 3}}))
    assert [teacher for _, teacher in taught] == [None, *(model for model, _ in taught[:3])]


def test_a_users_function_is_asked_for_each_generation_with_the_teacher_of_the_next():
    asked: list[dict] = []
    train_once = trained(nn.Linear(5, 3), asked)
    technique = SelfDistillation(generations=2)
    plain_loop(nn.Linear(5, 3), [technique], train_once=train_once)
    assert [(request["name"], request["member"]) for request in asked] == [("self_distillation", n) for n in (0, 1)]
    assert asked[0]["teacher"] is None
    assert isinstance(asked[1]["teacher"], Trained)


def test_the_loss_is_that_of_distillation():
    torch.manual_seed(0)
    teacher, model = nn.Linear(5, 3), nn.Linear(5, 3)
    technique = SelfDistillation(temperature=3.0, weight=0.25)
    session = regularize(model, [technique], classes=3, epochs=1, steps_per_epoch=1, train_once=trained(teacher))
    batch, targets = session.batch(torch.randn(4, 5), torch.tensor([0, 1, 2, 0]))
    outputs = model(batch)
    plain = nn.functional.cross_entropy(outputs, targets.values)
    expected = blend(plain, divergence(outputs, teacher(batch), targets, 3.0), 0.25)
    assert session.loss(batch, targets, outputs).item() == pytest.approx(expected.item(), rel=1e-6)


def test_a_teacher_of_another_form_is_refused_with_both_shapes():
    train_once = trained(nn.Linear(5, 4))
    with pytest.raises(AdvisorError, match=r"self_distillation compares.*\(2, 4\).*\(2, 3\)"):
        plain_loop(nn.Linear(5, 3), [SelfDistillation()], train_once=train_once)


@pytest.mark.parametrize(
    ("start", "epochs", "epoch"), [(0.0, 10, 1), (0.5, 10, 5), (0.5, 3, 2), (0.99, 10, 10), (0.5, 1, 1)]
)
def test_the_first_copy_is_taken_at_the_share_of_the_training_but_after_an_epoch(start, epochs, epoch):
    assert first_copy(start, epochs) == epoch


def test_the_earlier_self_is_refreshed_every_so_many_epochs():
    model = nn.Linear(5, 3)
    technique = SelfDistillation(mode="earlier", start=0.25, refresh_epochs=2)
    session = regularize(model, [technique], classes=3, epochs=8, steps_per_epoch=1)
    teachers = []
    for _ in range(8):
        session.epoch_start()
        teachers.append(session.run.state.get("self_distillation"))
        session.epoch_end(validation_loss=1.0, validation_metric=0.5)
    copies = [index for index, teacher in enumerate(teachers) if index and teacher is not teachers[index - 1]]
    assert copies == [2, 4, 6]
    assert teachers[:2] == [None, None]


def test_a_frozen_copy_answers_as_before_in_evaluation_mode_and_leaves_the_model_alone():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))
    inputs = torch.randn(6, 5)
    expected = model.eval()(inputs)
    copy = frozen_copy(model)
    model.train()[1].eval()  # a normalization that the user keeps frozen
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert torch.equal(copy.predict(inputs), expected)
    assert not copy.predict(inputs).requires_grad
    assert [module.training for module in model.modules()] == [True, True, False, True, True]
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())


def test_hooked_in_dropout_is_off_in_the_earlier_self_and_on_in_the_student():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 64), nn.ReLU(), nn.Linear(64, 3))
    techniques = [SelfDistillation(mode="earlier", start=0.0), TECHNIQUES["dropout"](probability=0.5)]
    session, inputs = plain_loop(model, techniques, epochs=2)
    copy = session.run.state["self_distillation"].members[0]
    assert torch.equal(copy.predict(inputs), copy.predict(inputs))


def test_the_earlier_self_trains_no_other_network_and_acts_from_its_start_on(monkeypatch):
    plans = count_trainings(monkeypatch)
    settings = {"epochs": 3, "model": SMALL_CNN}
    plan = make_plan({"self_distillation": {"mode": "earlier", "start": 0.5}}, **settings)
    result, baseline = train(plan), train(make_plan(**settings))
    assert len(plans) == 2
    assert result.rows[:2] == baseline.rows[:2]
    assert result.rows[2] != baseline.rows[2]
    assert train(plan) == result


@pytest.mark.parametrize("mode", ["born_again", "earlier"])
def test_weight_0_trains_nothing_and_changes_nothing(monkeypatch, mode):
    plans = count_trainings(monkeypatch)
    null = train(make_plan({"self_distillation": {"weight": 0.0, "mode": mode}}))
    assert len(plans) == 1
    assert null == train(make_plan())


def test_costs_of_techniques_that_train_networks_add_up(monkeypatch):
    plans = count_trainings(monkeypatch)
    techniques = {
        "distillation": {"teacher_members": 2},
        "feature_distillation": {},
        "self_distillation": {"generations": 2},
        "seed_ensemble": {"members": 3},
    }
    result = train(make_plan(techniques, epochs=1))
    assert len(plans) == 1 + 2 + 1 + 2 + 2
    assert math.isfinite(result.test["nll"])
    assert train(make_plan(techniques, epochs=1)) == result


@pytest.mark.parametrize("wrong", [{"mode": "later"}, {"start": 1.0}, {"generations": 0}, {"refresh_epochs": 0}])
def test_a_setting_out_of_bounds_is_refused(wrong):
    with pytest.raises(ValueError):
        SelfDistillation(**wrong)
