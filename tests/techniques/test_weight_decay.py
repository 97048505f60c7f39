"""Which parameters decay, and what the optimizers make of it."""

import pytest
import torch
from torch import nn

from advisor.errors import AdvisorError
from advisor.experiments.spec import Training
from advisor.techniques.weight_decay import WeightDecay, split_parameters
from advisor.training.optimizers import build_optimizer
from tests.techniques.networks import NETWORKS
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


class OwnLinear(nn.Module):
    """A layer written by hand: a matrix with its bias."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 6))
        self.bias = nn.Parameter(torch.zeros(6))


class Table(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(12, 4))


class Added(nn.Module):
    """Tables and tokens that are added to activations, beside layers."""

    def __init__(self) -> None:
        super().__init__()
        self.class_token = nn.Parameter(torch.zeros(1, 1, 4))
        self.positions = nn.Parameter(torch.randn(1, 12, 4))
        self.flat_positions = nn.Parameter(torch.randn(12, 4))
        self.channel_scale = nn.Parameter(torch.ones(4, 1, 1))
        self.table = Table()
        self.own = OwnLinear()
        self.single_output = nn.Linear(4, 1)
        self.recurrent = nn.GRU(4, 4)
        self.attention = nn.MultiheadAttention(4, 2, add_bias_kv=True)
        self.normed = nn.utils.parametrizations.weight_norm(nn.Linear(4, 3))


def test_position_tables_and_tokens_do_not_decay_and_layers_of_any_kind_do():
    decayed, _ = split_parameters(Added())
    assert decayed == [
        "own.weight",
        "single_output.weight",
        "recurrent.weight_ih_l0",
        "recurrent.weight_hh_l0",
        "attention.in_proj_weight",
        "attention.out_proj.weight",
        "normed.parametrizations.weight.original1",
    ]


@pytest.mark.parametrize("network", ["vit", "text", "timm_vit"])
def test_of_a_transformer_nothing_decays_but_matrices_and_kernels(network: str):
    model = NETWORKS[network].build()
    decayed, spared = split_parameters(model)
    layers = (nn.Linear, nn.Conv2d, nn.MultiheadAttention)
    expected = {
        id(parameter)
        for module in model.modules()
        if isinstance(module, layers)
        for parameter in module.parameters(recurse=False)
        if parameter.ndim > 1
    }
    assert {id(model.get_parameter(name)) for name in decayed} == expected
    assert any("pos" in name for name in spared)


def test_the_product_with_the_learning_rate_stays_when_asked_for():
    model = Mixed()
    groups = [
        {"params": [model.linear.weight], "lr": 0.1},
        {"params": [model.conv.weight, model.conv.bias], "lr": 0.02},
    ]
    split = WeightDecay(strength=0.05, keep_product_with_lr=0.01).param_groups(make_run(model), groups)
    assert [group["weight_decay"] for group in split] == pytest.approx([0.005, 0.025, 0.0])
    assert all(g["lr"] * g["weight_decay"] == pytest.approx(0.05 * 0.01) for g in split if g["weight_decay"])
    with pytest.raises(AdvisorError, match=r"group 0 has none; pass it: session\.param_groups\(lr=1e-3\)"):
        WeightDecay(keep_product_with_lr=0.01).param_groups(make_run(model), [{"params": [model.linear.weight]}])


def test_kept_product_shrinks_weights_by_the_same_share_at_another_learning_rate():
    shares = []
    for lr in (0.01, 0.1):
        layer = nn.Linear(2, 2, bias=False)
        before = layer.weight.detach().clone()
        groups = WeightDecay(strength=0.5, keep_product_with_lr=0.01).param_groups(
            make_run(layer), [{"params": [layer.weight], "lr": lr}]
        )
        layer.weight.grad = torch.zeros_like(layer.weight)
        build_optimizer(Training(optimizer="adamw", lr=lr), groups).step()
        shares.append((layer.weight.detach() / before).mean().item())
    assert shares == pytest.approx([1 - 0.005, 1 - 0.005], rel=1e-6)
