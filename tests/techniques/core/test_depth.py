"""In which order of depth a network's parameters lie."""

import pytest
import torch
from torch import nn

from advisor.errors import AdvisorError
from advisor.techniques.core.depth import levels_of, require_levels
from tests.techniques.networks import NETWORKS


def names(model: nn.Module) -> list[list[str]]:
    """The modules of each level by name, each level sorted."""
    known = {id(module): name for name, module in model.named_modules()}
    return [sorted(known[id(module)] for module in level.modules) for level in levels_of(model)]


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ("mlp", [["1"], ["3"], ["5"]]),
        (
            "resnet18",
            [["bn1", "conv1"], *[[f"layer{stage}.{block}"] for stage in (1, 2, 3, 4) for block in (0, 1)], ["fc"]],
        ),
        (
            "vit",
            [
                ["conv_proj"],
                ["encoder.layers.encoder_layer_0"],
                ["encoder.layers.encoder_layer_1"],
                ["encoder.ln", "heads.head"],
            ],
        ),
        ("text", [["embedding"], ["encoder.layers.0"], ["encoder.layers.1"], ["head"]]),
        ("timm_vit", [["patch_embed.proj"], ["blocks.0"], ["blocks.1"], ["head", "norm"]]),
        (
            "timm_convnext",
            [
                ["stem.0", "stem.1"],
                ["stages.0"],
                ["stages.1"],
                ["stages.2.downsample.0", "stages.2.downsample.1"],
                ["stages.2.blocks.0"],
                ["stages.2.blocks.1"],
                ["stages.3"],
                ["head"],
            ],
        ),
    ],
)
def test_the_levels_are_those_of_a_list_made_by_hand(network: str, expected: list[list[str]]) -> None:
    assert names(NETWORKS[network].build()) == expected


@pytest.mark.parametrize("network", NETWORKS)
def test_every_parameter_has_exactly_one_depth(network: str) -> None:
    model = NETWORKS[network].build()
    found = [id(parameter) for level in levels_of(model) for parameter in level.parameters]
    assert sorted(found) == sorted(id(parameter) for parameter in model.parameters())


def test_tables_and_tokens_of_the_network_itself_lie_lowest() -> None:
    model = NETWORKS["vit"].build()
    lowest = {id(parameter) for parameter in levels_of(model)[0].parameters}
    assert {id(model.class_token), id(model.encoder.pos_embedding), id(model.conv_proj.weight)} <= lowest


def test_a_weight_shared_with_the_embedding_lies_lowest() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = nn.Linear(4, 4)  # registered before the embedding, and still above it
            self.embedding = nn.Embedding(10, 4)
            self.output = nn.Linear(4, 10)
            self.output.weight = self.embedding.weight

    model = Tied()
    levels = levels_of(model)
    assert [list(level.parameters) for level in levels] == [
        [model.embedding.weight],
        [model.hidden.weight, model.hidden.bias],
        [model.output.bias],
    ]


def test_branches_inside_a_block_are_no_depth() -> None:
    """A mixture's experts are a list of blocks as well, but lie side by side."""

    def layer() -> nn.Module:
        return nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))

    class Mixture(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.router = nn.Linear(2, 4)
            self.experts = nn.ModuleList(layer() for _ in range(4))

    model = nn.Sequential(nn.Linear(2, 2), Mixture(), Mixture(), nn.LayerNorm(2), nn.Linear(2, 3))
    assert names(model) == [["0"], ["1"], ["2"], ["3", "4"]]


def test_a_wrapper_does_not_hide_the_depth() -> None:
    model = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), nn.Sequential(nn.Linear(2, 2)))
    assert names(nn.ModuleDict({"net": model})) == [["net.0.0", "net.0.1"], ["net.1.0"]]


@pytest.mark.parametrize("model", [nn.Linear(2, 2), nn.Sequential(nn.Flatten(), nn.Linear(2, 2)), nn.Flatten()])
def test_a_network_without_depth_is_refused_with_what_was_looked_for(model: nn.Module) -> None:
    with pytest.raises(AdvisorError, match=r"llrd finds no depth in \w+: looked for chains of blocks .* level"):
        require_levels(model, "llrd")


def test_the_search_makes_no_pass_and_copies_nothing() -> None:
    with torch.device("meta"):
        model = NETWORKS["resnet18"].build()
    assert len(levels_of(model)) == 10
