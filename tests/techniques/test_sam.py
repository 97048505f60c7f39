"""Where the second gradients are taken, and that nothing of the climb stays."""

import math

import pytest
import torch
from torch import nn

from advisor.techniques import regularize
from advisor.techniques.core import Targets, Technique
from advisor.techniques.dropout import Dropout
from advisor.techniques.sam import Sam, perturbations
from tests.techniques.runs import make_run
from tests.techniques.test_ema import batches, convolutional


class Quadratic(nn.Module):
    """Sum of a_i w_i^2 / 2 over two parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
        self.second = nn.Parameter(torch.tensor([0.5], dtype=torch.float64))

    def loss(self) -> torch.Tensor:
        return (torch.tensor([3.0, 1.0]) * self.first**2).sum() / 2 + (4.0 * self.second**2).sum() / 2


def climb(technique: Sam, model: Quadratic) -> torch.Tensor:
    def gradients() -> torch.Tensor:
        model.zero_grad()
        loss = model.loss()
        loss.backward()
        return loss.detach()

    return technique.step(make_run(model), gradients)


def test_the_gradients_are_those_at_the_perturbed_weights_of_a_hand_computed_case() -> None:
    model = Quadratic()
    weights = [parameter.detach().clone() for parameter in model.parameters()]
    loss = climb(Sam(rho=0.1), model)
    # Gradient (3, -2, 2), of norm sqrt(17).
    scale = 0.1 / math.sqrt(17)
    expected = [3 * (1 + 3 * scale), -2 - 2 * scale, 4 * (0.5 + 2 * scale)]
    assert [*model.first.grad.tolist(), *model.second.grad.tolist()] == pytest.approx(expected, rel=1e-12)
    assert loss.item() == pytest.approx(1.5 + 2.0 + 0.5)
    assert all(torch.equal(p, own) for p, own in zip(model.parameters(), weights, strict=True))


def test_the_adaptive_kind_measures_by_the_weights_of_a_hand_computed_case() -> None:
    model = Quadratic()
    climb(Sam(rho=0.1, adaptive=True), model)
    weights, slopes, curves = [1.0, -2.0, 0.5], [3.0, -2.0, 2.0], [3.0, 1.0, 4.0]
    sizes = [abs(w) + 0.01 for w in weights]
    norm = math.sqrt(sum((t * g) ** 2 for t, g in zip(sizes, slopes, strict=True)))
    moved = [w + 0.1 * t * t * g / norm for w, t, g in zip(weights, sizes, slopes, strict=True)]
    expected = [a * w for a, w in zip(curves, moved, strict=True)]
    assert [*model.first.grad.tolist(), *model.second.grad.tolist()] == pytest.approx(expected, rel=1e-12)


def test_the_adaptive_perturbation_follows_when_a_layer_is_scaled() -> None:
    """Scaling one layer by 1000 and the next by a thousandth leaves the network, and the perturbed one, as it is."""
    first, second = torch.tensor([200.0, -300.0]), torch.tensor([100.0, 500.0])
    slopes = [torch.tensor([1.0, 2.0]), torch.tensor([3.0, -1.0])]
    plain = perturbations([first, second], slopes, 0.5, adaptive=True)
    scaled = perturbations([first * 1000, second], [slopes[0] / 1000, slopes[1]], 0.5, adaptive=True)
    torch.testing.assert_close(scaled[0] / 1000, plain[0], rtol=1e-3, atol=0)
    torch.testing.assert_close(scaled[1], plain[1], rtol=1e-3, atol=0)


def test_a_gradient_of_zero_gives_no_perturbation() -> None:
    zeros = [torch.zeros(3), torch.zeros(2, 2)]
    for adaptive in (False, True):
        found = perturbations([torch.ones(3), torch.ones(2, 2)], zeros, 1.0, adaptive=adaptive)
        assert all(torch.equal(step, zero) for step, zero in zip(found, zeros, strict=True))


def test_the_perturbation_has_the_length_rho() -> None:
    gradients = [torch.randn(5), torch.randn(3, 2)]
    found = perturbations(gradients, gradients, 0.3)
    assert torch.cat([step.flatten() for step in found]).norm().item() == pytest.approx(0.3, rel=1e-5)


@pytest.mark.parametrize("momentum", [0.1, None])
def test_batch_statistics_are_those_of_the_first_pass(momentum: float | None) -> None:
    plain, climbing = convolutional(), convolutional()
    for model, techniques in ((plain, []), (climbing, [Sam(rho=1.0)])):
        model[1].momentum = momentum
        session = regularize(model, techniques, classes=3, epochs=1, steps_per_epoch=1)
        session.model.train()
        session.epoch_start()
        session.step(torch.optim.SGD(session.param_groups(), lr=0.0), *batches(1)[0])
    for name, buffer in plain.named_buffers():
        assert torch.equal(buffer, climbing.get_buffer(name)), name


def test_both_passes_see_the_same_masks() -> None:
    """With the same masks, the second pass at the same weights repeats the first."""
    torch.manual_seed(0)
    losses: list[torch.Tensor] = []

    class Watch(Technique, frozen=True):
        name = "temperature_scaling"  # a place in the order; nothing else of it

        def loss(self, run, inputs, targets: Targets, outputs, loss):  # type: ignore[no-untyped-def]
            losses.append(loss.detach())
            return loss

    model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 3))
    techniques = [Sam(rho=1e-12), Dropout(probability=0.5), Watch()]
    session = regularize(model, techniques, classes=3, epochs=1, steps_per_epoch=2)
    optimizer = torch.optim.SGD(session.param_groups(), lr=0.1)
    session.model.train()
    for _ in range(2):
        session.step(optimizer, torch.randn(5, 4), torch.randint(3, (5,)))
    assert len(losses) == 4
    assert torch.equal(losses[0], losses[1])
    assert torch.equal(losses[2], losses[3])
    assert not torch.equal(losses[0], losses[2])


def test_frozen_and_unused_parameters_are_left_alone() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3))
    model[0].requires_grad_(False)
    model.unused = nn.Parameter(torch.ones(2))
    before = model[0].weight.clone()
    session = regularize(model, [Sam(rho=0.5)], classes=3, epochs=1, steps_per_epoch=1)
    optimizer = torch.optim.SGD(session.param_groups(), lr=0.1)
    session.step(optimizer, torch.randn(5, 4), torch.randint(3, (5,)))
    assert torch.equal(model[0].weight, before)
    assert torch.equal(model.unused, torch.ones(2))


def test_a_pass_that_fails_leaves_the_weights_as_they_were() -> None:
    model = Quadratic()
    before = model.first.detach().clone()
    calls = []

    def gradients() -> torch.Tensor:
        calls.append(1)
        if len(calls) == 2:
            raise MemoryError
        loss = model.loss()
        loss.backward()
        return loss.detach()

    with pytest.raises(MemoryError):
        Sam(rho=1.0).step(make_run(model), gradients)
    assert torch.equal(model.first, before)


@pytest.mark.parametrize("rho", [-0.1, math.nan, math.inf])
def test_a_radius_out_of_bounds_is_refused(rho: float) -> None:
    with pytest.raises(ValueError, match="rho"):
        Sam(rho=rho)
