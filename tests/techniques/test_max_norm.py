"""How far weights may grow, and what is constrained."""

import math

import pytest
import torch
from torch import nn

from advisor.errors import AdvisorError
from advisor.techniques import regularize
from advisor.techniques.max_norm import MaxNorm, find_weights, project
from tests.techniques.runs import make_run


@pytest.mark.parametrize(("shape", "units"), [((5, 7), 0), ((4, 3, 3, 3), 0), ((3, 4, 2, 2), 1), ((2, 6, 5), 1)])
@pytest.mark.parametrize("limit", [0.5, 1.7, 100.0])
def test_projection_equals_torch_renorm(shape: tuple[int, ...], units: int, limit: float) -> None:
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    expected = torch.renorm(weight, 2, units, limit)
    project(weight, limit, units)
    torch.testing.assert_close(weight, expected, rtol=1e-5, atol=1e-6)


def test_a_unit_inside_the_ball_keeps_its_bits_and_zero_and_nan_stay() -> None:
    weight = torch.tensor([[0.3, -0.4], [3.0, 4.0], [0.0, 0.0], [math.nan, 1.0]])
    project(weight, 1.0)
    assert torch.equal(weight[0], torch.tensor([0.3, -0.4]))
    torch.testing.assert_close(weight[1], torch.tensor([0.6, 0.8]))
    assert torch.equal(weight[2], torch.zeros(2))
    assert weight[3, 0].isnan()
    assert weight[3, 1] == 1


def test_squares_that_overflow_in_half_precision_do_not() -> None:
    weight = torch.full((1, 4), 1000.0, dtype=torch.float16)
    project(weight, 2.0)
    torch.testing.assert_close(weight, torch.ones(1, 4, dtype=torch.float16))


def test_linear_convolutional_and_attention_weights_are_found_once_and_nothing_else() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(3, 4)
            self.conv = nn.Conv1d(4, 4, 3)
            self.transposed = nn.ConvTranspose1d(4, 2, 3)
            self.norm = nn.LayerNorm((4, 4))
            self.attention = nn.MultiheadAttention(4, 2, add_bias_kv=True)
            self.linear = nn.Linear(4, 4)
            self.again = self.linear

    net = Net()
    expected = [
        (net.conv.weight, 0),
        (net.transposed.weight, 1),
        (net.attention.in_proj_weight, 0),
        (net.attention.out_proj.weight, 0),
        (net.linear.weight, 0),
    ]
    assert [(id(weight), units) for weight, units in find_weights(net)] == [(id(w), u) for w, u in expected]


def test_every_step_ends_inside_the_ball_and_frozen_layers_stay() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    model[0].requires_grad_(False)
    nn.init.constant_(model[0].weight, 5.0)
    session = regularize(model, [MaxNorm(limit=0.5)], classes=3, epochs=1, steps_per_epoch=3)
    optimizer = torch.optim.SGD(session.param_groups(), lr=1.0)
    session.epoch_start()
    for _ in range(3):
        session.step(optimizer, torch.randn(6, 4), torch.randint(3, (6,)))
        assert model[2].weight.norm(dim=1).max() <= 0.5 + 1e-6
    assert torch.equal(model[0].weight, torch.full((8, 4), 5.0))


def test_a_model_without_such_weights_is_refused_with_what_was_looked_for() -> None:
    model = nn.Embedding(3, 3)
    with pytest.raises(AdvisorError, match=r"max_norm finds no weights in Embedding: looked for nn\.Linear"):
        MaxNorm().model(make_run(model), model)


@pytest.mark.parametrize("limit", [0.0, -1.0, math.inf, math.nan])
def test_a_limit_that_is_no_positive_number_is_refused(limit: float) -> None:
    with pytest.raises(ValueError, match="limit"):
        MaxNorm(limit=limit)
