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
    dropped = drop(torch.ones(200, 500), 0.3, torch.rand(200, 500, generator=torch.Generator().manual_seed(0)))
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


def apply(model: nn.Module, **settings: Any) -> list[str]:
    """The names of the modules that were hooked."""
    Dropout(**settings).model(start_run(model), model)
    return [name for name, module in model.named_modules() if module._forward_pre_hooks]


def perceptron() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 8), nn.Linear(8, 2))


@pytest.mark.parametrize(
    ("where", "expected"),
    [("auto", ["1", "4"]), ("head", ["4"]), ("hidden", ["1"]), ("linear", ["1", "3", "4"])],
)
def test_where_chooses_among_the_linear_layers(where: str, expected: list[str]):
    assert apply(perceptron(), where=where) == expected


def test_a_place_with_dropout_of_its_own_is_set_and_all_other_dropout_stays():
    model = nn.Sequential(
        nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.9), nn.Linear(8, 8), nn.Dropout(0.8)), nn.Linear(8, 2)
    )
    assert apply(model, where="head", probability=0.2) == ["1"]
    assert (model[0][1].p, model[0][3].p) == (0.9, 0.8)
    assert apply(model, where="hidden", probability=0.25) == ["1"]  # nothing more
    assert (model[0][1].p, model[0][3].p) == (0.25, 0.8)


def test_everything_is_put_back():
    model = nn.Sequential(perceptron(), nn.TransformerEncoderLayer(2, 1, 4, dropout=0.1))
    run = start_run(model)
    Dropout(probability=0.5, attention=True, where="linear").model(run, model)
    assert model[1].self_attn.dropout == 0.5
    assert model[1].dropout.p == 0.5
    for undo in reversed(run.undo):
        undo()
    assert model[1].self_attn.dropout == 0.1
    assert {module.p for module in model.modules() if isinstance(module, nn.Dropout)} == {0.1}
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_attention_weights_are_dropped_only_when_asked_for():
    model = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1)
    Dropout(probability=0.5).model(start_run(model), model)
    assert model.self_attn.dropout == 0.1
    with pytest.raises(AdvisorError, match=r"no attention in Sequential: looked for nn\.MultiheadAttention"):
        apply(perceptron(), attention=True)


def test_where_without_a_place_is_refused_with_what_was_looked_for():
    with pytest.raises(AdvisorError, match=r"looked for an nn\.Linear that follows another, beside the last, that"):
        apply(nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2)), where="hidden")


def test_image_networks_get_dropout_before_their_head():
    models = pytest.importorskip("torchvision.models")
    assert apply(models.resnet18(num_classes=4)) == ["fc"]
    setting = pytest.importorskip("torchvision.models.convnext").CNBlockConfig
    convnext = models.ConvNeXt([setting(8, 16, 1), setting(16, None, 1)], num_classes=4)
    assert apply(convnext, where="head") == ["classifier.2"]
    assert apply(convnext) == ["features.1.0.block.5", "features.3.0.block.5", "classifier.2"]
    vit = models.VisionTransformer(
        image_size=32, patch_size=16, num_layers=1, num_heads=2, hidden_dim=8, mlp_dim=8, num_classes=4
    )
    assert apply(vit, where="head") == ["heads.head"]
    assert apply(vit, probability=0.2) == ["heads.head"]  # nothing more: its own dropout is set
    assert {module.p for module in vit.modules() if isinstance(module, nn.Dropout)} == {0.2}
    timm = pytest.importorskip("timm")
    vit = timm.models.VisionTransformer(img_size=32, patch_size=16, embed_dim=8, depth=1, num_heads=2, num_classes=4)
    assert apply(vit, where="head", probability=0.2) == []
    assert (vit.head_drop.p, vit.blocks[0].mlp.drop1.p) == (0.2, 0.0)
