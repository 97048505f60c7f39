"""Hidden features that follow a teacher's: what is trained along, and that nothing of it stays in the model."""

import pytest
import torch
from torch import nn

from advisor.errors import AdvisorError
from advisor.techniques import TECHNIQUES, regularize
from advisor.techniques.feature_distillation import FeatureDistillation, feature_loss
from advisor.training import engine
from advisor.training.engine import train
from tests.techniques.trainings import count_trainings, plain_loop, trained
from tests.training.run_plans import SMALL_CNN, make_plan


def mlp(width: int, classes: int = 3, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, width), nn.ReLU(), nn.Linear(width, classes))


def images(width: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, width, 3, stride=stride), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 3)
    )


def open_session(student: nn.Module, teacher: nn.Module, example: torch.Tensor, **settings: float):
    return regularize(
        student,
        [FeatureDistillation(**settings)],
        classes=3,
        epochs=1,
        steps_per_epoch=1,
        example=example,
        train_once=trained(teacher),
    )


def test_the_loss_grows_by_the_weighted_error_of_the_mapped_features():
    student, teacher = mlp(4), mlp(8, seed=1)
    session = open_session(student, teacher, torch.randn(2, 5), weight=0.5)
    batch, targets = session.batch(torch.randn(6, 5), torch.tensor([0, 1, 2, 0, 1, 2]))
    outputs = student(batch)
    aligner = session.run.state["feature_distillation"].aligners[0]
    mine, goal = student[:2](batch), teacher[:2](batch)
    goal = goal / goal.square().mean().sqrt()
    error = (nn.functional.linear(mine, aligner.weight, aligner.bias) - goal).square().mean()
    plain = nn.functional.cross_entropy(outputs, targets.values)
    assert session.loss(batch, targets, outputs).item() == pytest.approx((plain + 0.5 * error).item(), rel=1e-5)


def test_several_places_count_on_average():
    class Fixed:
        def __init__(self, value: float) -> None:
            self.value = value

        def distance(self, mine: torch.Tensor, goal: torch.Tensor) -> torch.Tensor:
            return torch.tensor(self.value)

    nothing = [torch.zeros(1)] * 2
    assert feature_loss(nothing, nothing, [Fixed(1.0), Fixed(3.0)]).item() == 2.0


def test_the_maps_reach_the_optimizer_without_decay_at_the_largest_rate_and_are_trained():
    student = mlp(4)
    session = open_session(student, mlp(8), torch.randn(2, 5))
    groups = session.param_groups(
        [{"params": [student[0].weight], "lr": 0.1}, {"params": [student[2].weight], "lr": 0.3}]
    )
    aligner = session.run.state["feature_distillation"].aligners[0]
    assert groups[2] == {"params": aligner.parameters, "lr": 0.3, "weight_decay": 0.0}
    assert "lr" not in session.param_groups()[-1]
    before = [parameter.detach().clone() for parameter in aligner.parameters]
    optimizer = torch.optim.AdamW(session.param_groups(), lr=0.01, weight_decay=0.1)
    session.step(optimizer, torch.randn(6, 5), torch.tensor([0, 1, 2, 0, 1, 2]))
    assert all(not torch.equal(now, then) for now, then in zip(aligner.parameters, before, strict=True))
    assert all(
        parameter.grad is None for parameter in session.run.state["feature_distillation"].teacher.model.parameters()
    )


def test_the_feature_error_falls_in_training():
    torch.manual_seed(0)
    student, teacher = mlp(16), mlp(8, seed=1)
    session, inputs = plain_loop(student, [FeatureDistillation()], epochs=300, train_once=trained(teacher))
    aligner = session.run.state["feature_distillation"].aligners[0]
    assert aligner.distance(student[:2](inputs), teacher[:2](inputs)).item() < 0.1


@pytest.mark.parametrize("classes", [3, 7])
def test_a_teacher_of_another_width_size_and_number_of_classes_teaches(classes):
    teacher = images(8, stride=2)
    teacher[-1] = nn.Linear(8, classes)
    session, _ = plain_loop(images(4), [FeatureDistillation(layers=1)], inputs=(3, 9, 11), train_once=trained(teacher))
    assert session.run.step == 2


def test_nothing_stays_in_the_model_and_its_names_are_those_it_had():
    student, teacher = mlp(4), mlp(8)
    names = list(student.state_dict())
    session, _ = plain_loop(student, [FeatureDistillation()], train_once=trained(teacher))
    assert list(student.state_dict()) == names
    session.restore()
    assert not any(module._forward_hooks for model in (student, teacher) for module in model.modules())


def test_two_forward_passes_of_a_step_and_stacked_batches_are_matched():
    student = mlp(4)
    session = open_session(student, mlp(8), torch.randn(2, 5))
    batch, targets = session.batch(torch.randn(4, 5), torch.tensor([0, 1, 2, 0]))
    first = session.loss(batch, targets, student(batch))
    assert torch.equal(session.loss(batch, targets, student(batch)), first)
    stacked = torch.cat([batch] * 3)
    again = session.loss(stacked, targets.repeated(3), student(stacked))
    assert again.item() == pytest.approx(first.item(), rel=1e-5)


def test_a_loss_without_a_forward_pass_is_refused():
    student = mlp(4)
    session = open_session(student, mlp(8), torch.randn(2, 5))
    batch, targets = session.batch(torch.randn(4, 5), torch.tensor([0, 1, 2, 0]))
    with pytest.raises(AdvisorError, match=r"feature_distillation saw 0 of 1 hidden places.*called before each loss"):
        session.loss(batch, targets, torch.zeros(4, 3))


def test_half_precision_features_under_autocast_are_matched():
    student = mlp(4)
    session = open_session(student, mlp(8), torch.randn(2, 5))
    batch, targets = session.batch(torch.randn(4, 5), torch.tensor([0, 1, 2, 0]))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = session.loss(batch, targets, student(batch))
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.isfinite()


def test_too_few_places_and_a_missing_example_are_refused_before_a_teacher_is_trained():
    asked: list[dict] = []
    settings = {"classes": 3, "epochs": 1, "steps_per_epoch": 1, "train_once": trained(mlp(8), asked)}
    with pytest.raises(AdvisorError, match="feature_distillation needs 1 hidden places in the student but finds 0"):
        regularize(nn.Linear(5, 3), [FeatureDistillation()], example=torch.randn(2, 5), **settings)
    with pytest.raises(AdvisorError, match=r"feature_distillation looks at a dry forward pass.*example="):
        regularize(mlp(4), [FeatureDistillation()], **settings)
    assert asked == []
    with pytest.raises(AdvisorError, match="2 hidden places in the teacher but finds 1"):
        open_session(nn.Sequential(nn.Linear(5, 5), nn.Linear(5, 5), mlp(4)), mlp(8), torch.randn(2, 5), layers=2)


def test_the_engine_trains_one_teacher_and_repeats_to_the_bit(monkeypatch):
    sizes: list[list[str]] = []
    finish = engine.Trainee.finish
    monkeypatch.setattr(
        engine.Trainee, "finish", lambda self: sizes.append(list(self.run.model.state_dict())) or finish(self)
    )
    plans = count_trainings(monkeypatch)
    plan = make_plan({"feature_distillation": {"layers": 2, "teacher_arguments": {"width": 8}}}, model=SMALL_CNN)
    result, baseline = train(plan), train(make_plan(model=SMALL_CNN))
    assert [p.model.arguments["width"] for p in plans] == [4, 8, 4]
    assert sizes[0] == sizes[1]
    assert result.outcome_digest != baseline.outcome_digest
    assert train(plan) == result


def test_weight_0_trains_no_teacher_and_is_the_baseline(monkeypatch):
    plans = count_trainings(monkeypatch)
    assert train(make_plan({"feature_distillation": {"weight": 0.0}})) == train(make_plan())
    assert len(plans) == 2


def test_it_works_beside_dropout_mixing_and_distillation_by_predictions():
    techniques = [FeatureDistillation(), *(TECHNIQUES[name]() for name in ("mixup", "dropout", "distillation"))]
    session, _ = plain_loop(mlp(4), techniques, train_once=trained(mlp(8)))
    assert session.run.step == 2


@pytest.mark.parametrize("wrong", [{"weight": -1.0}, {"weight": float("nan")}, {"layers": 0}])
def test_a_strength_out_of_bounds_is_refused(wrong):
    with pytest.raises(ValueError):
        FeatureDistillation(**wrong)
