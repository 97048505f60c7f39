"""Optimizers and schedules against torch's own."""

import copy
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from advisor.errors import AdvisorError
from advisor.experiments.spec import Spec, Training, overlay
from advisor.techniques import TECHNIQUES, regularize
from advisor.training.engine import train
from advisor.training.muon import hidden_weights
from advisor.training.optimizers import build_optimizer
from advisor.training.schedules import factor_at, learning_rate_factor
from tests.training.run_plans import SMALL_CNN, make_plan

STEPS = 40


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4))


def train_steps(
    model: nn.Module, optimizer: torch.optim.Optimizer, steps: int = 5, shape: tuple[int, ...] = (6,)
) -> None:
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(
            model(torch.randn(16, *shape, generator=generator)), torch.randint(4, (16,), generator=generator)
        )
        loss.backward()
        optimizer.step()


def assert_same_weights(first: nn.Module, second: nn.Module) -> None:
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("settings", "reference"),
    [
        ({"optimizer": "sgd"}, lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, fused=True)),
        (
            {"optimizer": "sgd", "nesterov": True, "momentum": 0.8},
            lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.8, nesterov=True, fused=True),
        ),
        ({"optimizer": "adam"}, lambda p: torch.optim.Adam(p, lr=0.01, fused=True)),
        ({"optimizer": "adamw"}, lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.0, fused=True)),
    ],
)
def test_an_optimizer_is_torchs_own_without_weight_decay(settings: dict[str, Any], reference: Any) -> None:
    ours, theirs = net(), net()
    train_steps(ours, build_optimizer(Training(lr=0.01, **settings), [{"params": list(ours.parameters())}]))
    train_steps(theirs, reference(theirs.parameters()))
    assert_same_weights(ours, theirs)


def test_muon_is_torchs_muon_on_hidden_weights_and_adamw_on_the_rest() -> None:
    ours, theirs = net(), net()
    groups = [{"params": list(ours.parameters()), "weight_decay": 0.1}]
    train_steps(ours, build_optimizer(Training(optimizer="muon", lr=0.01), groups, ours))

    class Both(torch.optim.Optimizer):
        def __init__(self) -> None:
            rest = [p for p in theirs.parameters() if p is not theirs[2].weight]
            self.parts = [
                torch.optim.Muon([theirs[2].weight], lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
                torch.optim.AdamW(rest, lr=0.01, weight_decay=0.1, fused=True),
            ]
            super().__init__(list(theirs.parameters()), {})

        def step(self) -> None:  # type: ignore[override]
            for part in self.parts:
                part.step()

    train_steps(theirs, Both())
    assert_same_weights(ours, theirs)


def test_muon_takes_layers_between_the_ends_and_no_embeddings_biases_or_norms() -> None:
    class Text(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(9, 8)
            self.blocks = nn.ModuleList(
                nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8)) for _ in range(2)
            )
            self.head = nn.Linear(8, 9, bias=False)
            self.head.weight = self.embedding.weight

    text = Text()
    names = {id(p): name for name, p in text.named_parameters()}
    assert [names[id(p)] for p in hidden_weights(text)] == [
        "blocks.0.1.weight", "blocks.0.3.weight", "blocks.1.1.weight", "blocks.1.3.weight",
    ]  # fmt: skip


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_muon_steps_on_kernels_as_matrices_in_whatever_order_they_lie(layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(5, 4),
    ).to(memory_format=layout)  # fmt: skip
    before = model[2].weight.detach().clone()
    optimizer = build_optimizer(Training(optimizer="muon", lr=0.01), [{"params": list(model.parameters())}], model)
    train_steps(model, optimizer, steps=1, shape=(3, 8, 8))
    update = (model[2].weight.detach() - before).flatten(1) / (0.01 * 0.2 * 36**0.5)
    singular = torch.linalg.svdvals(update)  # of a matrix that is orthogonal but for five Newton-Schulz steps
    assert ((singular > 0.6) & (singular < 1.3)).all()


def test_muon_follows_schedule_groups_and_weight_decay_of_the_techniques() -> None:
    model = net()
    session = regularize(model, [TECHNIQUES["weight_decay"](strength=0.5)], classes=4, epochs=1, steps_per_epoch=2)
    training = Training(optimizer="muon", lr=0.1)
    optimizer = build_optimizer(training, session.param_groups(lr=0.1), model)
    assert sorted((group["muon"], group["weight_decay"]) for group in optimizer.param_groups) == [
        (False, 0.0), (False, 0.5), (True, 0.5),
    ]  # fmt: skip
    before = copy.deepcopy(model)
    session.step(optimizer, torch.randn(8, 6), torch.randint(4, (8,)), factor=0.0)
    assert_same_weights(before, model)
    assert {group["lr"] for group in optimizer.param_groups} == {0.0}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    fresh = build_optimizer(training, session.param_groups(lr=0.1), model)
    fresh.step()
    torch.testing.assert_close(model[2].weight, before[2].weight * (1 - 0.1 * 0.5))


def test_muon_goes_on_from_its_state_as_if_it_had_not_stopped() -> None:
    training = Training(optimizer="muon", lr=0.01)
    whole = net()
    optimizer = build_optimizer(training, [{"params": list(whole.parameters())}], whole)
    train_steps(whole, optimizer)
    resumed = copy.deepcopy(whole)
    again = build_optimizer(training, [{"params": list(resumed.parameters())}], resumed)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    train_steps(whole, optimizer)
    train_steps(resumed, again)
    assert_same_weights(whole, resumed)


def test_muon_without_hidden_weights_says_what_it_looked_for() -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4))
    with pytest.raises(AdvisorError, match=r"looked for linear and convolutional layers .* Use optimizer: adamw"):
        build_optimizer(Training(optimizer="muon"), [{"params": list(model.parameters())}], model)


def test_a_training_with_muon_and_warm_up_repeats_to_the_bit() -> None:
    changes = {"optimizer": "muon", "schedule": "cosine", "model": SMALL_CNN}
    plan = make_plan(**changes)
    plan = plan.model_copy(update={"training": plan.training.model_copy(update={"warmup_epochs": 0.5})})
    assert train(plan) == train(plan)
    assert train(plan).outcome_digest != train(make_plan(**changes)).outcome_digest


def rates(schedulers: Any) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.5)
    schedule = schedulers(optimizer)
    found = []
    for _ in range(STEPS):
        found.append(schedule.get_last_lr()[0] / 0.5)
        optimizer.step()
        schedule.step()
    return found


def warmed(then: Any, warmup: int) -> Any:
    def build(optimizer: torch.optim.Optimizer) -> Any:
        rise = lr_scheduler.LinearLR(optimizer, start_factor=1 / (warmup + 1), total_iters=warmup)
        return lr_scheduler.SequentialLR(optimizer, [rise, then(optimizer)], milestones=[warmup])

    return build


CASES: dict[str, tuple[str, dict[str, Any], Any]] = {
    "constant": ("constant", {}, lambda o: lr_scheduler.ConstantLR(o, factor=1.0)),
    "cosine": ("cosine", {}, lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=STEPS)),
    "linear": ("linear", {}, lambda o: lr_scheduler.LinearLR(o, 1.0, 0.0, total_iters=STEPS)),
    "one_cycle": (
        "one_cycle", {}, lambda o: lr_scheduler.OneCycleLR(o, max_lr=0.5, total_steps=STEPS, cycle_momentum=False)
    ),
    "one_cycle with a rise of its own": (
        "one_cycle",
        {"warmup_steps": 9},
        lambda o: lr_scheduler.OneCycleLR(o, max_lr=0.5, total_steps=STEPS, pct_start=0.25, cycle_momentum=False),
    ),
    "constant_with_decay": (
        "constant_with_decay",
        {"decay_fraction": 0.25},
        lambda o: lr_scheduler.SequentialLR(
            o,
            [lr_scheduler.ConstantLR(o, factor=1.0), lr_scheduler.LinearLR(o, 1.0, 0.0, total_iters=10)],
            milestones=[30],
        ),
    ),
    "warm-up, then cosine": (
        "cosine", {"warmup_steps": 8}, warmed(lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=STEPS - 8), 8)
    ),
    "warm-up, then linear": (
        "linear", {"warmup_steps": 8}, warmed(lambda o: lr_scheduler.LinearLR(o, 1.0, 0.0, total_iters=STEPS - 8), 8)
    ),
    "warm-up, then constant": (
        "constant", {"warmup_steps": 8}, warmed(lambda o: lr_scheduler.ConstantLR(o, factor=1.0), 8)
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step")
@pytest.mark.parametrize("case", CASES)
def test_a_schedule_agrees_with_torchs_scheduler(case: str) -> None:
    name, settings, schedulers = CASES[case]
    ours = [learning_rate_factor(name, step, STEPS, **settings) for step in range(STEPS)]
    assert ours == pytest.approx(rates(schedulers), abs=1e-9)


@pytest.mark.parametrize("name", ["constant", "cosine", "linear", "one_cycle", "constant_with_decay"])
@pytest.mark.parametrize("steps", [1, 2, 3, 1000])
def test_a_factor_lies_in_0_to_1_however_few_the_steps(name: str, steps: int) -> None:
    for step in range(steps):
        assert 0 < learning_rate_factor(name, step, steps) <= 1
        assert 0 < learning_rate_factor(name, step, steps, warmup_steps=min(1, steps - 1)) <= 1


def test_warm_up_counts_epochs_and_their_parts_in_steps() -> None:
    training = Training(warmup_epochs=1.5, epochs=4)
    assert [factor_at(training, step, 2) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert factor_at(Training(), 3, 2) is None
    assert factor_at(Training(schedule="cosine", epochs=4), 4, 2) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nesterov": True}, "nesterov needs sgd with momentum but got adamw with momentum 0.9"),
        ({"optimizer": "sgd", "momentum": 0, "nesterov": True}, "got sgd with momentum 0; leave it out"),
        ({"warmup_epochs": 30}, "warmup_epochs 30 leaves nothing of 30 epochs"),
        ({"optimizer": "lion"}, "optimizer: Input should be .* but got 'lion'"),
        ({"schedule": "step"}, "schedule: .* but got 'step'"),
        ({"clip_norm": 0}, "clip_norm: .* greater than 0 but got 0"),
        ({"accumulate": 0}, "accumulate: .* but got 0"),
        ({"precision": "float16"}, "precision: .* but got 'float16'"),
        ({"decay_fraction": 1.5}, "decay_fraction: .* but got 1.5"),
    ],
)
def test_wrong_training_settings_are_refused_with_the_value(change: dict[str, Any], message: str) -> None:
    with pytest.raises(AdvisorError, match=message):
        overlay(Training(), change, "arm")


def test_what_is_not_set_leaves_the_training_as_it_was() -> None:
    spec = Spec.model_validate({"data": {"builtin": "wine"}, "model": {"name": "mlp"}, "aa": True})
    assert (spec.baseline.clip_norm, spec.baseline.accumulate, spec.baseline.precision) == (None, 1, "auto")
    assert not spec.baseline.nesterov
