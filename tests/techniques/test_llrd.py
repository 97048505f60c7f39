"""The learning rate of each level, beside other splits of the groups."""

import pytest
import torch
from torch import nn

from advisor.errors import AdvisorError
from advisor.techniques import regularize
from advisor.techniques.llrd import Llrd
from advisor.techniques.weight_decay import WeightDecay
from tests.techniques.networks import NETWORKS
from tests.techniques.runs import make_run


def rates(model: nn.Module, groups: list[dict]) -> dict[str, float]:
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = [(names[id(parameter)], group["lr"]) for group in groups for parameter in group["params"]]
    assert len(found) == len(dict(found))
    return dict(found)


def test_each_level_gets_the_rate_of_a_list_made_by_hand() -> None:
    model = NETWORKS["text"].build()
    groups = [{"params": list(model.parameters()), "lr": 0.8, "betas": (0.8, 0.9)}]
    split = Llrd(decay=0.5).param_groups(make_run(model), groups)
    assert all(group["betas"] == (0.8, 0.9) for group in split)
    found = rates(model, split)
    assert set(found) == {name for name, _ in model.named_parameters()}
    for name, rate in found.items():
        level = 0 if name in ("embedding.weight", "positions") else 3 if name.startswith("head") else None
        if level is None:
            level = 1 + int(name.split(".")[2])
        assert rate == pytest.approx(0.8 * 0.5 ** (3 - level)), name


@pytest.mark.parametrize("order", [(WeightDecay, Llrd), (Llrd, WeightDecay)])
def test_it_works_beside_weight_decay_in_either_order(order: tuple[type, type]) -> None:
    model = NETWORKS["vit"].build()
    run = make_run(model)
    groups = [{"params": list(model.parameters()), "lr": 1.0}]
    for technique in order:
        groups = technique().param_groups(run, groups)
    decays = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    block = model.encoder.layers[0]
    assert (decays[id(block.mlp[0].weight)], decays[id(block.mlp[0].bias)]) == (0.05, 0.0)
    found = rates(model, groups)
    assert len(found) == len(list(model.parameters()))
    assert found["heads.head.weight"] == found["heads.head.bias"] == 1.0
    assert found["conv_proj.weight"] == found["class_token"] == 0.75**3
    assert len(groups) == 8


def test_a_schedule_multiplies_every_level_alike() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    session = regularize(model, [Llrd(decay=0.5)], classes=2, epochs=1, steps_per_epoch=2)
    optimizer = torch.optim.SGD(session.param_groups(lr=1.0), lr=1.0)
    for factor in (0.5, 0.1):
        session.step(optimizer, torch.ones(2, 2), torch.tensor([0, 1]), factor=factor)
        assert sorted(group["lr"] for group in optimizer.param_groups) == [0.5 * factor, factor]


def test_what_belongs_to_no_level_keeps_its_rate() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    extra = nn.Parameter(torch.ones(1))
    split = Llrd(decay=0.5).param_groups(make_run(model), [{"params": [*model.parameters(), extra], "lr": 1.0}])
    assert [group["lr"] for group in split for parameter in group["params"] if parameter is extra] == [1.0]


def test_without_decay_the_groups_are_untouched() -> None:
    groups = [{"params": []}]
    assert Llrd(decay=1.0).param_groups(make_run(nn.Linear(1, 1)), groups) is groups


def test_groups_without_a_rate_and_networks_without_depth_are_refused() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    with pytest.raises(AdvisorError, match=r"group 0 has none; pass it: session\.param_groups\(lr=1e-3\)"):
        regularize(model, [Llrd()], classes=2, epochs=1, steps_per_epoch=1).param_groups()
    with pytest.raises(AdvisorError, match="llrd finds no depth in Linear"):
        regularize(nn.Linear(2, 2), [Llrd()], classes=2, epochs=1, steps_per_epoch=1).param_groups(lr=1.0)


@pytest.mark.parametrize("decay", [0.0, 1.1, float("nan")])
def test_a_decay_out_of_bounds_is_refused(decay: float) -> None:
    with pytest.raises(ValueError, match="decay"):
        Llrd(decay=decay)
