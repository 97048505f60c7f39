"""Which parameters decay, and what the optimizers make of it."""

import pytest
import torch
from torch import nn

from advisor.experiments.spec import Training
from advisor.techniques.weight_decay import WeightDecay, split_parameters
from advisor.training.optimizers import build_optimizer
from tests.techniques.runs import make_run


class Mixed(nn.Module):
    """One module of every kind that matters."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 4)
        self.conv = nn.Conv1d(4, 4, 3)
        self.batch_norm = nn.BatchNorm1d(4)
        self.layer_norm = nn.LayerNorm((4, 6))  # two-dimensional weights, and still a normalization
        self.own_scale = nn.Parameter(torch.ones(4))
        self.linear = nn.Linear(4, 4)
        self.attention = nn.MultiheadAttention(4, 2)
        self.output = nn.Linear(4, 10, bias=False)
        self.output.weight = self.embedding.weight  # tied


def test_the_groups_are_those_of_a_list_made_by_hand():
    decayed, spared = split_parameters(Mixed())
    assert decayed == ["conv.weight", "linear.weight", "attention.in_proj_weight", "attention.out_proj.weight"]
    assert set(spared) == {
        "own_scale",
        "embedding.weight",
        "conv.bias",
        "batch_norm.weight",
        "batch_norm.bias",
        "layer_norm.weight",
        "layer_norm.bias",
        "linear.bias",
        "attention.in_proj_bias",
        "attention.out_proj.bias",
    }


def test_each_parameter_lands_in_one_group_and_other_settings_are_kept():
    model = Mixed()
    run = make_run(model)
    groups = WeightDecay(strength=0.1).param_groups(run, [{"params": list(model.parameters()), "lr": 0.5}])
    assert [(len(group["params"]), group["weight_decay"], group["lr"]) for group in groups] == [
        (4, 0.1, 0.5),
        (10, 0.0, 0.5),
    ]
    assert {id(p) for group in groups for p in group["params"]} == {id(p) for p in model.parameters()}


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        ("adamw", 2.0 * (1 - 0.1 * 0.01)),  # decoupled: shrinks by lr times strength with no gradient at all
        ("sgd", 2.0 - 0.1 * (0.01 * 2.0)),  # L2: the same here, through the gradient
        ("adam", 2.0 - 0.1),  # L2 divided by its own size: a whole step of lr, whatever the strength
    ],
)
def test_each_optimizer_decays_in_its_own_way(optimizer, expected):
    weight = nn.Parameter(torch.full((1, 1), 2.0))
    group = {"params": [weight], "weight_decay": 0.01}
    built = build_optimizer(Training(optimizer=optimizer, lr=0.1), [group])
    weight.grad = torch.zeros_like(weight)
    built.step()
    assert weight.item() == pytest.approx(expected, rel=1e-5)
