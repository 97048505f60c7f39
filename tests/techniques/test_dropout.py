"""Where dropout goes, what it does there, and where it refuses."""

from typing import Any

import pytest
import torch
from torch import nn

from advisor.errors import AdvisorError
from advisor.techniques.core import Run
from advisor.techniques.dropout import Dropout, drop, find_places
from tests.techniques.runs import make_run


def start_run(model: nn.Module) -> Run:
    return make_run(model)


def test_the_mean_stays_and_the_share_of_zeros_is_the_probability():
    dropped = drop(torch.ones(200, 500), 0.3, torch.Generator().manual_seed(0))
    assert dropped.unique().tolist() == pytest.approx([0.0, 1 / 0.7])
    assert (dropped == 0).double().mean().item() == pytest.approx(0.3, abs=0.005)


def test_dropout_goes_before_hidden_and_last_linear_layers_but_not_before_the_first():
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
    assert find_places(model) == [model[2], model[4]]


def test_dropout_keeps_away_from_batch_normalization():
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))
    assert find_places(model) == [model[4]]


def test_a_head_after_convolutions_is_the_only_place():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4, 2))
    assert find_places(model) == [model[4]]


def test_projections_inside_attention_are_left_out():
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Linear(4, 8)
            self.attention = nn.MultiheadAttention(8, 2)
            self.head = nn.Linear(8, 2)

    model = Block()
    assert find_places(model) == [model.head]


def test_own_dropout_acts_in_training_only_and_leaves_the_tree_as_it_was():
    model = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 2))
    names, inputs = list(model.state_dict()), torch.ones(3, 4)
    plain = model.eval()(inputs)
    run = start_run(model)
    hooked = Dropout(probability=0.5).model(run, model)
    assert list(hooked.state_dict()) == names
    assert torch.equal(hooked.eval()(inputs), plain)
    assert not torch.allclose(hooked.train()(inputs), plain)


def test_existing_dropout_modules_get_the_probability_and_no_new_place_is_made():
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.9), nn.Linear(8, 8), nn.Dropout2d(0.1), nn.Linear(8, 2))
    Dropout(probability=0.25).model(start_run(model), model)
    assert (model[1].p, model[3].p) == (0.25, 0.1)
    assert not any(module._forward_pre_hooks for module in model.modules())


@pytest.mark.parametrize(
    "model", [nn.Linear(4, 2), nn.Sequential(nn.Conv2d(1, 2, 3)), nn.Sequential(nn.Flatten(), nn.Linear(4, 2))]
)
def test_a_model_without_a_place_is_refused_with_what_was_looked_for(model: Any):
    with pytest.raises(AdvisorError, match=r"no place in .*looked for nn\.Dropout modules, and for an nn\.Linear"):
        Dropout().model(start_run(model), model)
