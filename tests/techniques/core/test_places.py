"""Places in a model: layers by kind, residual branches and feature maps by data flow."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from advisor.techniques.core.dataflow import trace
from advisor.techniques.core.places import embeddings, feature_maps, is_kind, layers, norms, residual_branches

IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
FEATURES = torch.rand(2, 5, 8, generator=torch.Generator().manual_seed(0))


def names_of(model: nn.Module, modules: list[nn.Module]) -> list[str]:
    names = {id(module): name for name, module in model.named_modules()}
    return [names[id(module)] for module in modules]


def branch_names(model: nn.Module, example: torch.Tensor) -> list[str]:
    return names_of(model, [branch.maker.module for branch in residual_branches(model, example)])


def map_names(model: nn.Module) -> list[str]:
    return names_of(model, feature_maps(model, IMAGES))


class Block(nn.Module):
    """A user's block; `form` says how it adds."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form = form
        self.norm, self.norm2 = nn.LayerNorm(8), nn.LayerNorm(8)
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))
        self.other = nn.Linear(8, 8)
        self.gamma = nn.Parameter(torch.full((8,), 1e-2))
        self.drop = nn.Dropout(0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return getattr(self, f"add_{self.form}")(x)

    def add_plain(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.mlp(x)

    def add_scaled(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.gamma * self.mlp(self.norm(x))

    def add_turned(self, x: torch.Tensor) -> torch.Tensor:
        return torch.add(self.mlp(self.norm(x)), x)

    def add_in_place(self, x: torch.Tensor) -> torch.Tensor:
        out = self.mlp(x)
        out += x
        return out

    def add_dropped(self, x: torch.Tensor) -> torch.Tensor:
        return x + functional.dropout(self.mlp(x), 0.5, self.training) / 2

    def add_rectified(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.relu(self.mlp(x).transpose(1, 2)).transpose(1, 2)

    def add_projected(self, x: torch.Tensor) -> torch.Tensor:
        return self.other(x) + self.mlp(self.norm(x))

    def add_parallel(self, x: torch.Tensor) -> torch.Tensor:
        n = self.norm(x)
        return x + self.other(n) + self.mlp(n)

    def add_summed(self, x: torch.Tensor) -> torch.Tensor:
        n = self.norm(x)
        return self.other(n) + self.mlp(n) + x

    def add_gelu(self, x: torch.Tensor) -> torch.Tensor:
        return x + functional.gelu(self.mlp(x))  # not a module's output, nor a multiple of one

    def add_positions(self, x: torch.Tensor) -> torch.Tensor:
        return self.mlp(x + torch.zeros_like(x) + self.gamma + torch.arange(8.0))

    def add_rotary(self, x: torch.Tensor) -> torch.Tensor:
        q = self.other(x)
        turned = torch.stack((-q[..., 1::2], q[..., ::2]), -1).reshape(q.shape)
        return self.mlp(q * self.gamma.cos() + turned * self.gamma.sin())

    def add_gates(self, x: torch.Tensor) -> torch.Tensor:
        gate = torch.sigmoid(self.other(x))
        return gate * self.norm2(x) + (1 - gate) * self.mlp(x)

    def add_equals(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(x) + self.norm2(x)

    def add_twice(self, x: torch.Tensor) -> torch.Tensor:
        return self.mlp(x + x)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("plain", ["0.mlp"]),
        ("scaled", ["0.mlp"]),
        ("turned", ["0.mlp"]),
        ("in_place", ["0.mlp"]),
        ("dropped", ["0.mlp"]),
        ("rectified", ["0.mlp"]),
        ("projected", ["0.mlp"]),
        ("parallel", ["0.other", "0.mlp"]),
        ("summed", ["0.other", "0.mlp"]),
        ("gelu", []),
        ("positions", []),
        ("rotary", []),
        ("gates", []),
        ("equals", []),
        ("twice", []),
    ],
)
def test_a_users_own_block_is_read_from_what_it_adds(form: str, expected: list[str]) -> None:
    model = nn.Sequential(Block(form), nn.Linear(8, 2))
    assert sorted(branch_names(model, FEATURES)) == sorted(expected)


@pytest.mark.parametrize(("name", "blocks"), [("resnet18", 8), ("resnet50", 16)])
def test_a_resnets_branch_is_the_convolutions_and_never_the_downsample_path(name: str, blocks: int) -> None:
    models = pytest.importorskip("torchvision.models")
    model = getattr(models, name)(num_classes=4)
    last = "bn2" if name == "resnet18" else "bn3"
    stages = [(stage, depth) for stage in range(1, 5) for depth in range(len(model.get_submodule(f"layer{stage}")))]
    assert branch_names(model, IMAGES) == [f"layer{stage}.{depth}.{last}" for stage, depth in stages]
    assert len(stages) == blocks


def test_the_branches_of_torchvisions_transformers_and_convnext() -> None:
    models = pytest.importorskip("torchvision.models")
    setting = pytest.importorskip("torchvision.models.convnext").CNBlockConfig
    vit = models.VisionTransformer(
        image_size=32, patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=4
    )
    layer = "encoder.layers.encoder_layer_"
    assert branch_names(vit, IMAGES) == [f"{layer}{at}.{part}" for at in (0, 1) for part in ("dropout", "mlp")]
    swin = models.SwinTransformer([4, 4], 12, [1, 1], [2, 2], [4, 4], num_classes=4)
    assert branch_names(swin, IMAGES) == [f"features.{at}.0.{part}" for at in (1, 3) for part in ("attn", "mlp")]
    convnext = models.ConvNeXt([setting(8, 16, 1), setting(16, None, 2)], num_classes=4)
    assert branch_names(convnext, IMAGES) == [f"features.{at}.stochastic_depth" for at in ("1.0", "3.0", "3.1")]


def test_the_branches_of_timms_networks_end_where_its_drop_path_or_its_identity_stands() -> None:
    timm = pytest.importorskip("timm")
    convnext = timm.models.ConvNeXt(depths=(1, 1, 2, 1), dims=(8, 8, 16, 16), num_classes=4)
    assert branch_names(convnext, IMAGES) == [
        f"stages.{stage}.blocks.{depth}.drop_path" for stage, depth in ((0, 0), (1, 0), (2, 0), (2, 1), (3, 0))
    ]
    vit = timm.models.VisionTransformer(img_size=32, patch_size=8, embed_dim=16, depth=2, num_heads=2, num_classes=4)
    assert branch_names(vit, IMAGES) == [f"blocks.{at}.drop_path{part}" for at in (0, 1) for part in (1, 2)]
    resnet = timm.models.ResNet(timm.models.resnet.BasicBlock, (1, 1, 1, 1), channels=(8, 8, 16, 16), num_classes=4)
    assert branch_names(resnet, IMAGES) == [f"layer{stage}.0.bn2" for stage in range(1, 5)]


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("norm_first", [True, False])
def test_examples_lie_along_the_axis_that_the_encoder_layer_was_made_for(batch_first: bool, norm_first: bool) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=batch_first, norm_first=norm_first)
            self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.encoder(x if batch_first else x.transpose(0, 1))

    branches = residual_branches(Model(), FEATURES)
    assert [branch.batch_axis for branch in branches] == [0 if batch_first else 1] * 4
    owners = [branch.owner for branch in branches]
    assert owners[0] == owners[1] != owners[2] == owners[3]


def test_cross_attention_is_a_branch_however_short_the_way_to_the_memory() -> None:
    class Decoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.TransformerDecoderLayer(8, 2, 16, batch_first=True) for _ in range(2))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            hidden = x.flip(1)
            for layer in self.layers:
                hidden = layer(hidden, x)
            return hidden

    expected = [f"layers.{at}.dropout{part}" for at in (0, 1) for part in (1, 2, 3)]
    assert branch_names(Decoder(), FEATURES) == expected


def test_sums_of_embeddings_are_no_branches() -> None:
    class Text(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.places, self.block = nn.Embedding(9, 8), nn.Embedding(9, 8), Block("plain")

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return self.block(self.words(ids) + self.places((ids != 0).cumsum(1)))

    assert branch_names(Text(), torch.randint(9, (2, 5))) == ["block.mlp"]


def test_a_module_that_runs_for_several_branches_gives_way_to_one_that_runs_once() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.drop = nn.Linear(8, 8), nn.Linear(8, 8), nn.Dropout(0.1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = x + self.drop(self.first(x))
            return x + self.drop(self.second(x))

    assert branch_names(Model(), FEATURES) == ["first", "second"]


def test_maps_end_at_the_last_layer_of_each_stage_and_not_before_batch_normalization() -> None:
    plain = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2),
    )  # fmt: skip
    assert map_names(plain) == ["2", "5", "7"]
    before_norm = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.ReLU()
    )
    assert map_names(before_norm) == ["2", "5"]
    assert map_names(nn.Sequential(nn.Conv2d(3, 4, 8, stride=8), nn.Flatten(2), nn.Linear(16, 2))) == []


def test_maps_of_residual_networks_are_the_outputs_of_their_blocks() -> None:
    models = pytest.importorskip("torchvision.models")
    blocks = [f"layer{stage}.{depth}" for stage in (1, 2, 3) for depth in (0, 1)]  # layer4 has one position
    assert map_names(models.resnet18(num_classes=4)) == ["maxpool", *blocks]
    timm = pytest.importorskip("timm")
    resnet = timm.models.ResNet(timm.models.resnet.BasicBlock, (1, 1, 1, 1), channels=(8, 8, 16, 16), num_classes=4)
    assert map_names(resnet) == ["maxpool", *(f"layer{stage}.0.act2" for stage in (1, 2, 3))]
    convnext = timm.models.ConvNeXt(depths=(1, 1, 2, 1), dims=(8, 8, 16, 16), num_classes=4)
    assert "stages.2.blocks.0" in map_names(convnext)
    vit = timm.models.VisionTransformer(img_size=32, patch_size=8, embed_dim=16, depth=1, num_heads=2, num_classes=4)
    assert map_names(vit) == []


def test_layers_leave_out_what_runs_without_its_module() -> None:
    model = nn.Sequential(
        nn.Embedding(4, 8), nn.TransformerEncoderLayer(8, 2, 16), parametrizations.weight_norm(nn.Linear(8, 2))
    )
    assert names_of(model, layers(model)) == [
        "0", "1.self_attn", "1.linear1", "1.linear2", "1.norm1", "1.norm2", "2"
    ]  # fmt: skip
    assert names_of(model, norms(model)) == ["1.norm1", "1.norm2"]
    assert names_of(model, embeddings(model)) == ["0"]


def test_a_kind_is_known_by_package_and_class_without_importing_it() -> None:
    ops = pytest.importorskip("torchvision.ops")
    assert is_kind(ops.DropBlock2d(0.1, 3), "torchvision", "DropBlock2d")
    assert is_kind(ops.DropBlock3d(0.1, 3), "torchvision", "DropBlock2d")  # derived from it
    assert not is_kind(nn.Dropout2d(), "torchvision", "DropBlock2d")


class Restless(nn.Module):
    """Changes everything that a pass can change."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(5, track_running_stats=True)
        self.encoder = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.register_buffer("count", torch.zeros(1))
        self.register_buffer("replaced", torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.count += 1
        self.replaced = self.replaced + 1
        self.norm.training = True
        return self.encoder(self.norm(functional.dropout(x)))


def test_the_dry_pass_leaves_modes_buffers_hooks_and_random_states_as_they_were() -> None:
    model = Restless().train()
    model.encoder.eval()
    handle = model.encoder.register_forward_hook(lambda *_: None)
    buffers: dict[str, Any] = dict(model.named_buffers())
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    state = torch.get_rng_state()
    with torch.inference_mode():
        graph = trace(model, FEATURES)
    assert any(name == "encoder.dropout2" for name in branch_names(model, FEATURES))  # so no fused path was taken
    assert graph.nodes[graph.output].shapes == [(2, 5, 8), (3, 5, 8)]
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(tensor is buffers[name] for name, tensor in model.named_buffers())
    assert sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()) == 1
    assert torch.backends.mha.get_fastpath_enabled()
    assert FEATURES.grad_fn is None
    handle.remove()


def test_what_raises_in_the_dry_pass_leaves_the_model_as_it_was_too() -> None:
    class Broken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(8, 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise ValueError("no")

    model = Broken()
    with pytest.raises(ValueError, match="no"):
        trace(model, FEATURES)
    assert model.training
    assert not model._forward_hooks
    assert torch.backends.mha.get_fastpath_enabled()


def test_all_paths_pass_the_trunk_and_a_branch_is_beside_it() -> None:
    model = nn.Sequential(nn.Linear(8, 8), Block("plain"), nn.ReLU())
    graph = trace(model, FEATURES)
    assert [graph.nodes[number].function for number in graph.trunk()] == ["input", "linear", "add", "relu"]
