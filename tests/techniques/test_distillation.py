"""The teacher's share of the loss, against torch and by hand, and the teachers that it is trained from."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from advisor.errors import AdvisorError
from advisor.techniques import TECHNIQUES, Targets, regularize
from advisor.techniques.core.averaging import average_predictions
from advisor.techniques.core.distill import blend, divergence, follow_mixing
from advisor.techniques.distillation import Distillation, distillation_loss
from advisor.training.engine import train
from tests.techniques.runs import make_run
from tests.techniques.trainings import count_trainings, plain_loop, trained
from tests.training.run_plans import SMALL_CNN, make_plan

CLASS = Targets("class", torch.eye(3)[[0, 1, 2, 0]])


def answers(*shape: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(2, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).unbind()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_class_divergence_is_torchs_kl_times_the_squared_temperature(temperature):
    student, teacher = answers(4, 3)
    expected = temperature**2 * functional.kl_div(
        (student / temperature).log_softmax(1), (teacher / temperature).softmax(1), reduction="batchmean"
    )
    assert divergence(student, teacher, CLASS, temperature).item() == pytest.approx(expected.item(), rel=1e-12)


def test_class_divergence_of_a_case_by_hand():
    # Teacher 3:1, student 1:1 at T = 2: KL = 3/4 log(3/2) + 1/4 log(1/2), times 4.
    teacher = torch.tensor([[2 * math.log(3), 0.0]])
    found = divergence(torch.zeros(1, 2), teacher, Targets("class", torch.eye(2)[:1]), 2.0)
    assert found.item() == pytest.approx(4 * (0.75 * math.log(1.5) + 0.25 * math.log(0.5)), rel=1e-6)


def test_multilabel_divergence_is_the_kl_of_each_label_as_two_classes():
    student, teacher = answers(4, 3)
    pairs = [torch.stack([x / 3.0, torch.zeros_like(x)], -1).flatten(0, 1) for x in (student, teacher)]
    expected = 9 * functional.kl_div(pairs[0].log_softmax(1), pairs[1].softmax(1), reduction="batchmean")
    targets = Targets("multilabel", torch.ones(4, 3))
    assert divergence(student, teacher, targets, 3.0).item() == pytest.approx(expected.item(), rel=1e-12)


def test_token_divergence_counts_the_tokens_that_the_loss_counts():
    student, teacher = answers(2, 3, 5)
    ids = torch.tensor([[1, -100, 4], [-100, -100, 0]])
    kept = ids != -100
    expected = functional.kl_div(student[kept].log_softmax(1), teacher[kept].softmax(1), reduction="batchmean")
    assert divergence(student, teacher, Targets("token", ids), 1.0).item() == pytest.approx(expected.item(), rel=1e-12)
    nothing = divergence(student, teacher, Targets("token", torch.full((2, 3), -100)), 1.0)
    assert nothing.item() == 0.0


def test_real_divergence_is_the_squared_error_at_any_temperature():
    student, teacher = answers(4, 1)
    expected = functional.mse_loss(student, teacher).item()
    targets = Targets("real", torch.zeros(4))
    assert divergence(student, teacher.squeeze(1), targets, 7.0).item() == pytest.approx(expected)


def test_the_gradient_keeps_its_size_when_the_temperature_changes():
    # For logits that are small beside T the gradient tends to (student - teacher) / K, whatever T is.
    student, teacher = (0.01 * x - 0.01 * x.mean(1, keepdim=True) for x in answers(4, 3))
    student.requires_grad_()
    sizes = []
    for temperature in (1.0, 5.0, 25.0):
        (gradient,) = torch.autograd.grad(divergence(student, teacher, CLASS, temperature), student)
        sizes.append(gradient.norm().item())
        assert torch.allclose(gradient, (student - teacher) / (3 * 4), rtol=0.05, atol=1e-5)
    assert sizes == pytest.approx([sizes[0]] * 3, rel=0.02)


def test_half_precision_answers_are_compared_in_full_precision():
    student, teacher = answers(4, 3)
    found = divergence(student.bfloat16(), teacher.bfloat16(), CLASS, 4.0)
    assert found.dtype == torch.float32
    assert divergence(student.bfloat16(), student.bfloat16(), CLASS, 4.0).item() == 0.0


@pytest.mark.parametrize("kind", ["class", "multilabel", "token", "real"])
def test_a_teacher_with_the_same_answer_adds_nothing_and_not_a_number_passes_through(kind):
    student, teacher = answers(4, 3, 5) if kind == "token" else answers(4, 3)
    values = torch.zeros(4, 3, dtype=torch.int64) if kind == "token" else torch.ones(4, 3)
    assert divergence(student, student, Targets(kind, values), 2.0).item() == pytest.approx(0, abs=1e-15)
    teacher[0, 0] = math.nan
    assert divergence(student, teacher, Targets(kind, values), 2.0).isnan()


def test_the_weight_is_the_teachers_share():
    student, teacher = answers(4, 3)
    loss, other = torch.tensor(2.0, dtype=torch.float64), divergence(student, teacher, CLASS, 4.0)
    assert distillation_loss(loss, student, teacher, CLASS, 4.0, 0.25) == 0.75 * loss + 0.25 * other
    assert distillation_loss(loss, student, teacher, CLASS, 4.0, 1.0) == other


def test_a_users_own_teacher_is_asked_for_each_member_and_their_average_teaches():
    torch.manual_seed(0)
    asked: list[dict] = []
    teacher, model = nn.Linear(5, 3), nn.Linear(5, 3)
    technique = Distillation(teacher_members=2, teacher_arguments={"width": 64}, weight=0.25)
    session = regularize(model, [technique], classes=3, epochs=1, steps_per_epoch=1, train_once=trained(teacher, asked))
    assert asked == [{"name": "distillation", "member": n, "arguments": {"width": 64}} for n in (0, 1)]
    inputs, labels = torch.randn(4, 5), torch.tensor([0, 1, 2, 0])
    batch, targets = session.batch(inputs, labels)
    outputs = model(batch)
    average = average_predictions([teacher(inputs), teacher(inputs)], "class")
    expected = 0.75 * functional.cross_entropy(outputs, labels) + 0.25 * divergence(outputs, average, targets, 4.0)
    assert session.loss(batch, targets, outputs).item() == pytest.approx(expected.item(), rel=1e-6)


def test_a_student_of_the_teacher_alone_comes_to_answer_as_the_teacher_does():
    torch.manual_seed(0)
    teacher, model = nn.Linear(5, 3), nn.Linear(5, 3)
    inputs = torch.randn(8, 5)
    before = (model(inputs).softmax(1) - teacher(inputs).softmax(1)).abs().max().item()
    technique = Distillation(teacher_members=1, weight=1.0, temperature=1.0)
    session, inputs = plain_loop(model, [technique], epochs=100, train_once=trained(teacher))
    after = (session.predict(inputs).softmax(1) - teacher(inputs).softmax(1)).abs().max().item()
    assert after < 0.1 * before
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_the_teacher_is_in_evaluation_mode_and_sees_the_batch_as_it_is_trained_on():
    seen: list[torch.Tensor] = []
    teacher, model = nn.Sequential(nn.Linear(5, 3), nn.Dropout(0.9)), nn.Linear(5, 3)
    teacher.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    settings = {"classes": 3, "epochs": 1, "steps_per_epoch": 1, "train_once": trained(teacher)}
    techniques = [Distillation(teacher_members=1), TECHNIQUES["mixup"](alpha=1.0)]
    session = regularize(model, techniques, **settings)
    assert not teacher.training
    batch, targets = session.batch(torch.randn(4, 5), torch.tensor([0, 1, 2, 0]))
    session.loss(batch, targets, model(batch))
    assert seen[-1] is batch


def test_two_losses_of_one_step_ask_the_teacher_once_and_a_stacked_batch_passes():
    calls: list[int] = []
    teacher, model = nn.Linear(5, 3), nn.Linear(5, 3)
    teacher.register_forward_hook(lambda *_: calls.append(1))
    settings = {"classes": 3, "epochs": 1, "steps_per_epoch": 2, "train_once": trained(teacher)}
    session = regularize(model, [Distillation(teacher_members=1)], **settings)
    batch, targets = session.batch(torch.randn(4, 5), torch.tensor([0, 1, 2, 0]))
    for _ in range(2):
        session.loss(batch, targets, model(batch))
    assert len(calls) == 1
    session.run.step += 1
    stacked = torch.cat([batch] * 3)
    session.loss(stacked, targets.repeated(3), model(stacked))
    assert len(calls) == 2


@pytest.mark.parametrize("kind", ["class", "multilabel", "real"])
def test_where_the_student_mixes_inside_the_teachers_probabilities_are_mixed_as_the_targets_are(kind):
    _, teacher = answers(4, 3)
    permutation, lam = torch.tensor([2, 0, 3, 1]), 0.3
    run = make_run(nn.Linear(5, 3), mixed_inside=(permutation, lam))
    turn = {"class": lambda x: x.softmax(-1), "multilabel": torch.sigmoid, "real": lambda x: x}[kind]
    mixed = lam * turn(teacher) + (1 - lam) * turn(teacher[permutation])
    assert torch.allclose(turn(follow_mixing(run, teacher, kind)), mixed)
    stacked = follow_mixing(run, torch.cat([teacher, teacher]), kind)
    assert torch.allclose(turn(stacked), torch.cat([mixed, mixed]))
    assert follow_mixing(make_run(nn.Linear(5, 3)), teacher, kind) is teacher


def test_mixing_of_hidden_states_reaches_the_teachers_answer_in_a_session():
    torch.manual_seed(0)
    model, teacher = (nn.Sequential(nn.Embedding(9, 6), nn.Flatten(), nn.Linear(24, 3)) for _ in range(2))
    techniques = [Distillation(teacher_members=1), TECHNIQUES["mixup"](where="embedding", alpha=1.0)]
    session = regularize(model, techniques, classes=3, epochs=1, steps_per_epoch=1, train_once=trained(teacher))
    batch, targets = session.batch(torch.randint(9, (4, 4)), torch.tensor([0, 1, 2, 0]))
    permutation, lam = session.run.mixed_inside
    outputs = model(batch)
    mixed = lam * teacher(batch).softmax(1) + (1 - lam) * teacher(batch)[permutation].softmax(1)
    plain = functional.cross_entropy(outputs, targets.values)
    expected = blend(plain, divergence(outputs, mixed.log(), targets, 4.0), 0.5)
    assert session.loss(batch, targets, outputs).item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_teacher_with_other_classes_is_refused_before_training_with_both_shapes():
    settings = {"classes": 3, "epochs": 1, "steps_per_epoch": 1, "train_once": trained(nn.Linear(5, 7))}
    message = r"distillation compares .*teacher's is \(2, 7\).*student's \(2, 3\).*last layer \(3,\) outputs"
    model = nn.Linear(5, 3).train()
    with pytest.raises(AdvisorError, match=message):
        regularize(model, [Distillation()], example=torch.randn(2, 5), **settings)
    assert model.training
    session = regularize(model, [Distillation()], **settings)  # without an example it shows at the first loss
    batch, targets = session.batch(torch.randn(4, 5), torch.tensor([0, 1, 2, 0]))
    with pytest.raises(AdvisorError, match=r"\(4, 7\).*\(4, 3\)"):
        session.loss(batch, targets, model(batch))


def test_without_a_way_to_train_a_teacher_the_message_says_what_to_pass():
    with pytest.raises(AdvisorError, match=r"distillation needs another trained network.*train_once="):
        regularize(nn.Linear(5, 3), [Distillation()], classes=3, epochs=1, steps_per_epoch=1)


def test_its_loss_before_a_teacher_exists_and_with_weight_0_is_the_loss_itself():
    loss, outputs = torch.tensor(2.0), torch.zeros(4, 3)
    run = make_run(nn.Linear(5, 3))
    Distillation(weight=0.0).plan(run, trained(nn.Linear(5, 7)))
    assert run.state == {}
    assert Distillation().loss(run, torch.zeros(4, 5), CLASS, outputs, loss) is loss


def test_the_engine_trains_as_many_teachers_as_asked_in_their_own_form_and_repeats_to_the_bit(monkeypatch):
    plans = count_trainings(monkeypatch)
    plan = make_plan({"distillation": {"teacher_members": 2, "teacher_arguments": {"width": 32}}})
    first = train(plan)
    assert [p.model.arguments["width"] for p in plans] == [16, 32, 32]
    assert len({p.block_seed for p in plans}) == 3
    assert train(plan) == first
    assert first.outcome_digest != train(make_plan()).outcome_digest


def test_weight_0_trains_no_teacher_in_the_engine(monkeypatch):
    plans = count_trainings(monkeypatch)
    train(make_plan({"distillation": {"weight": 0.0}}))
    assert len(plans) == 1


def test_a_wrong_argument_of_the_teacher_is_refused_with_those_that_exist():
    with pytest.raises(AdvisorError, match=r"argument of model 'mlp' 'widht'.*width"):
        train(make_plan({"distillation": {"teacher_arguments": {"widht": 64}}}))


def test_convolutional_and_real_valued_students_are_taught_too(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import numpy as np\ndef make():\n    x = np.random.randn(80, 4)\n    return x, x @ np.array([1.0, -2, 0, 0])\n"
    )
    distilled = {"distillation": {"teacher_members": 1}}
    assert train(make_plan(distilled, model=SMALL_CNN, epochs=1)).epochs_run == 1
    real = train(make_plan(distilled, data={"entry": "mine:make"}, metric="rmse", epochs=1), workspace=tmp_path)
    assert math.isfinite(real.test["rmse"])


@pytest.mark.parametrize("wrong", [{"temperature": 0.0}, {"weight": 1.5}, {"weight": math.nan}, {"teacher_members": 0}])
def test_a_strength_out_of_bounds_is_refused(wrong):
    with pytest.raises(ValueError):
        Distillation(**wrong)
