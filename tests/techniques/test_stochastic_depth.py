"""Stochastic depth: rates that grow with depth, at the branches of every kind of network."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import nn

from advisor.errors import AdvisorError
from advisor.techniques.core import Run
from advisor.techniques.stochastic_depth import StochasticDepth, drop_branch, linear_rates
from tests.techniques.runs import make_run

IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def apply(model: nn.Module, example: torch.Tensor = IMAGES, **settings: Any) -> Run:
    run = make_run(model, example=example)
    StochasticDepth(**settings).model(run, model)
    return run


def rates_in(model: nn.Module, kind: str, attribute: str) -> dict[str, float]:
    return {name: getattr(module, attribute) for name, module in model.named_modules() if type(module).__name__ == kind}


def hooked(model: nn.Module) -> list[str]:
    return [name for name, module in model.named_modules() if module._forward_hooks]


def measured(model: nn.Module, names: Sequence[str], example: torch.Tensor) -> list[float]:
    """The share of examples whose branch is zero in training, by what the hooked modules give."""
    zeros: dict[str, list[float]] = {name: [] for name in names}

    def watch(name: str) -> Any:
        def see(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
            zeros[name].append((output.flatten(1) == 0).all(1).float().mean().item())

        return see

    handles = [model.get_submodule(name).register_forward_hook(watch(name)) for name in names]
    model.train()
    with torch.no_grad():
        model(example)
    for handle in handles:
        handle.remove()
    return [zeros[name][0] for name in names]


@pytest.mark.parametrize("mode", ["row", "batch"])
def test_the_branch_is_dropped_and_scaled_as_torchvision_does(mode: Any) -> None:
    ops = pytest.importorskip("torchvision.ops")
    branch = torch.ones(2000, 3, 2)
    ours = drop_branch(branch, 0.3, torch.Generator().manual_seed(0), mode)
    theirs = ops.stochastic_depth(branch, 0.3, mode, training=True)
    assert (ours.flatten(1) == ours.flatten(1)[:, :1]).all()
    if mode == "row":
        torch.testing.assert_close(ours.unique(), theirs.unique())
        assert (ours[:, 0, 0] == 0).double().mean().item() == pytest.approx(0.3, abs=0.03)
    else:
        pair = branch[:2]
        draws = {drop_branch(pair, 0.3, torch.Generator().manual_seed(at), mode).mean().item() for at in range(20)}
        expected = {ops.stochastic_depth(pair, 0.3, mode, training=True).mean().item() for _ in range(40)}
        assert sorted(draws) == pytest.approx(sorted(expected))
        assert len(draws) == 2


def test_examples_may_lie_along_another_axis() -> None:
    dropped = drop_branch(torch.ones(5, 40, 3), 0.5, torch.Generator().manual_seed(0), axis=1)
    assert (dropped == dropped[:1, :, :1]).all()
    assert 0 < (dropped == 0).double().mean() < 1


def test_block_l_of_all_has_l_parts_of_the_rate() -> None:
    assert linear_rates([3, 3, 8, 8], 0.4) == [0.2, 0.2, 0.4, 0.4]
    assert linear_rates([3, 9], 0.4) == [0.2, 0.4]
    assert linear_rates([1, 1, 1, 1], 0.4) == pytest.approx([0.1, 0.2, 0.3, 0.4])  # one loop that adds them all
    assert linear_rates([7], 0.4) == [0.4]


def test_a_resnet_drops_its_last_normalization_in_each_block_more_often_with_depth() -> None:
    models = pytest.importorskip("torchvision.models")
    model = models.resnet18(num_classes=4)
    run = apply(model, probability=0.8)
    names = [f"layer{stage}.{depth}.bn2" for stage in range(1, 5) for depth in (0, 1)]
    assert hooked(model) == names
    shares = measured(model, names, torch.rand(400, 3, 8, 8))
    assert shares == pytest.approx([0.8 * number / 8 for number in range(1, 9)], abs=0.08)
    for undo in reversed(run.undo):
        undo()
    assert hooked(model) == []


def test_a_vit_drops_attention_and_mlp_of_a_block_alike_and_each_by_its_own_draw() -> None:
    models = pytest.importorskip("torchvision.models")
    model = models.VisionTransformer(
        image_size=32, patch_size=16, num_layers=2, num_heads=2, hidden_dim=8, mlp_dim=8, num_classes=4
    )
    apply(model, probability=0.6)
    names = [f"encoder.layers.encoder_layer_{at}.{part}" for at in (0, 1) for part in ("dropout", "mlp")]
    assert hooked(model) == names
    assert measured(model, names, torch.rand(400, 3, 32, 32)) == pytest.approx([0.3, 0.3, 0.6, 0.6], abs=0.07)


def test_torchvisions_own_modules_are_set_and_put_back() -> None:
    models = pytest.importorskip("torchvision.models")
    setting = pytest.importorskip("torchvision.models.convnext").CNBlockConfig
    model = models.ConvNeXt([setting(8, 16, 2), setting(16, None, 2)], stochastic_depth_prob=0.1, num_classes=4)
    before = rates_in(model, "StochasticDepth", "p")
    run = apply(model, probability=0.4, mode="batch")
    assert list(rates_in(model, "StochasticDepth", "p").values()) == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert set(rates_in(model, "StochasticDepth", "mode").values()) == {"batch"}
    assert hooked(model) == []
    for undo in reversed(run.undo):
        undo()
    assert rates_in(model, "StochasticDepth", "p") == before
    assert set(rates_in(model, "StochasticDepth", "mode").values()) == {"row"}


def test_a_module_that_serves_both_branches_of_its_block_gets_that_blocks_rate() -> None:
    models = pytest.importorskip("torchvision.models")
    model = models.SwinTransformer([4, 4], 8, [1, 1], [2, 2], [4, 4], stochastic_depth_prob=0.1, num_classes=4)
    apply(model, probability=0.4)
    assert list(rates_in(model, "StochasticDepth", "p").values()) == pytest.approx([0.2, 0.4])
    assert hooked(model) == []


@pytest.mark.parametrize("own", [0.0, 0.2])
def test_timms_drop_path_is_set_and_where_it_has_an_identity_the_branch_is_hooked(own: float) -> None:
    timm = pytest.importorskip("timm")
    model = timm.models.VisionTransformer(
        img_size=32,
        patch_size=16,
        embed_dim=8,
        depth=4,
        num_heads=2,
        num_classes=4,
        drop_path_rate=own,
        init_values=1.0,
    )
    names = [f"blocks.{at}.drop_path{part}" for at in range(4) for part in (1, 2)]
    expected = dict(zip(names, [0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4], strict=True))
    apply(model, probability=0.4)
    found = rates_in(model, "DropPath", "drop_prob")
    # Its first block has rate 0, and so an identity, whatever the rate of the last.
    assert hooked(model) == (names if own == 0 else names[:2])
    assert found == {name: pytest.approx(rate) for name, rate in expected.items() if name not in hooked(model)}
    assert measured(model, names, torch.rand(400, 3, 32, 32)) == pytest.approx(list(expected.values()), abs=0.07)


def test_timms_convnext_is_linear_in_depth_whether_it_has_drop_path_or_not() -> None:
    timm = pytest.importorskip("timm")
    for own in (0.0, 0.3):
        model = timm.models.ConvNeXt(
            depths=(1, 1, 2, 1), dims=(8, 8, 8, 8), num_classes=4, drop_path_rate=own, ls_init_value=1.0
        )
        run = apply(model, probability=0.5)
        names = [
            f"stages.{stage}.blocks.{depth}.drop_path" for stage, depth in ((0, 0), (1, 0), (2, 0), (2, 1), (3, 0))
        ]
        shares = measured(model, names, torch.rand(300, 3, 32, 32))
        assert shares == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5], abs=0.09)
        for undo in reversed(run.undo):
            undo()
        assert hooked(model) == []


def test_timms_drop_path_knows_no_batch_mode_and_is_replaced_by_ours() -> None:
    timm = pytest.importorskip("timm")
    model = timm.models.VisionTransformer(
        img_size=32, patch_size=16, embed_dim=8, depth=2, num_heads=2, num_classes=4, drop_path_rate=0.2
    )
    apply(model, probability=0.5, mode="batch")
    assert set(rates_in(model, "DropPath", "drop_prob").values()) == {0.0}
    assert set(measured(model, hooked(model), torch.rand(16, 3, 32, 32))) <= {0.0, 1.0}


def test_an_encoder_layer_with_examples_on_its_second_axis_drops_whole_examples() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(x.transpose(0, 1)).transpose(0, 1)

    model = Model()
    apply(model, torch.rand(2, 5, 8), probability=0.5)
    seen = []
    model.layer.dropout2.register_forward_hook(lambda module, inputs, output: seen.append(output))
    model.train()(torch.rand(300, 5, 8))
    dropped = (seen[0] == 0).all(-1)  # (T, N)
    assert (dropped == dropped[:1]).all()
    assert dropped[0].double().mean().item() == pytest.approx(0.5, abs=0.1)


def test_attention_that_is_added_as_it_comes_is_dropped_inside_its_tuple() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.attention(x, x, x)[0]

    model = Model()
    example = torch.rand(300, 5, 8)
    apply(model, example[:2], probability=0.5)
    unchanged = (model.train()(example) == example).flatten(1).all(1)
    assert unchanged.double().mean().item() == pytest.approx(0.5, abs=0.1)


def test_null_strength_changes_no_bit_and_evaluation_never_drops() -> None:
    models = pytest.importorskip("torchvision.models")
    model = models.resnet18(num_classes=4)
    expected = model.eval()(IMAGES)
    run = apply(model, probability=0.9)
    assert torch.equal(model(IMAGES), expected)
    for undo in reversed(run.undo):
        undo()
    apply(model, **(StochasticDepth.null or {}))
    for module in model.modules():
        module.training = not isinstance(module, nn.BatchNorm2d)
    assert torch.equal(model(IMAGES), expected)


def test_half_precision_stays() -> None:
    assert drop_branch(torch.ones(4, 2, dtype=torch.bfloat16), 0.5, torch.Generator()).dtype == torch.bfloat16


def test_a_model_without_residual_branches_is_refused() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 8), nn.Linear(8, 2))
    with pytest.raises(AdvisorError, match=r"no residual branch in Sequential: looked for .* timm DropPath .* x \+ f"):
        apply(model)
    with pytest.raises(AdvisorError, match="pass `example="):
        StochasticDepth().model(make_run(model), model)
