"""Spatial dropout: whole channels, where they go, and what is set in a model that drops channels already."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from advisor.errors import AdvisorError
from advisor.techniques.spatial_dropout import SpatialDropout, drop_channels
from advisor.training.engine import train
from tests.techniques.runs import make_run
from tests.training.run_plans import SMALL_CNN, make_plan

IMAGES = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def plain() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(16, 10),
    )  # fmt: skip


@pytest.mark.parametrize("shape", [(50, 40, 3), (50, 40, 3, 5), (50, 40, 2, 3, 5)])
def test_channels_go_as_a_whole_and_the_rest_is_scaled_as_torch_does(shape: tuple[int, ...]) -> None:
    maps = torch.ones(shape)
    dropped = drop_channels(maps, 0.3, torch.Generator().manual_seed(0))
    channels = dropped.flatten(2)
    assert (channels == channels[:, :, :1]).all()
    assert (channels[:, :, 0] == 0).double().mean().item() == pytest.approx(0.3, abs=0.04)
    own = {3: functional.dropout1d, 4: functional.dropout2d, 5: functional.dropout3d}[len(shape)]
    torch.testing.assert_close(dropped.unique(), own(maps, 0.3).unique())


def test_with_the_same_channels_kept_the_result_is_torchs() -> None:
    maps = torch.randn(6, 8, 4, 4, generator=torch.Generator().manual_seed(0))
    ours = drop_channels(maps, 0.5, torch.Generator().manual_seed(3))
    kept = (ours != 0).any(-1).any(-1)
    for seed in range(200):
        torch.manual_seed(seed)
        theirs = functional.dropout2d(maps, 0.5)
        same = (kept == (theirs != 0).any(-1).any(-1)).unsqueeze(-1).unsqueeze(-1)
        torch.testing.assert_close(ours.where(same, torch.zeros(())), theirs.where(same, torch.zeros(())))


def test_channels_are_dropped_after_each_stage_in_training_only_and_restored() -> None:
    model = plain()
    run = make_run(model, example=IMAGES)
    before, answer = repr(model), model.eval()(IMAGES)
    SpatialDropout(probability=0.5).model(run, model)
    assert [name for name, module in model.named_modules() if module._forward_hooks] == ["2", "4"]
    assert torch.equal(model(IMAGES), answer)
    model.train()[1].eval()
    assert not torch.equal(model(IMAGES), answer)
    for undo in reversed(run.undo):
        undo()
    assert torch.equal(model(IMAGES), answer)
    assert repr(model) == before
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize("kind", [nn.Dropout1d, nn.Dropout2d, nn.Dropout3d])
def test_the_models_own_channel_dropout_gets_the_rate_and_nothing_is_brought(kind: Any) -> None:
    model = nn.Sequential(plain(), kind(0.4), nn.Dropout(0.2))
    run = make_run(model)  # no example needed
    SpatialDropout(probability=0.25).model(run, model)
    assert (model[1].p, model[2].p) == (0.25, 0.2)
    assert not any(module._forward_hooks for module in model.modules())
    run.undo.pop()()
    assert model[1].p == 0.4


def test_sequences_have_maps_too() -> None:
    model = nn.Sequential(nn.Conv1d(3, 8, 3), nn.ReLU(), nn.Conv1d(8, 8, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
    example = torch.rand(2, 3, 16)
    model(example)
    SpatialDropout().model(make_run(model, example=example), model)
    assert [name for name, module in model.named_modules() if module._forward_hooks] == ["1", "3"]


def test_a_model_without_maps_is_refused_and_so_is_one_without_an_example() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 256, 8), nn.Linear(8, 2))
    with pytest.raises(AdvisorError, match=r"spatial_dropout finds no place in Sequential: looked for nn\.Dropout1d"):
        SpatialDropout().model(make_run(model, example=IMAGES), model)
    with pytest.raises(AdvisorError, match="pass `example="):
        SpatialDropout().model(make_run(plain()), plain())


def test_half_precision_and_the_order_of_channels_in_memory_stay() -> None:
    maps = torch.rand(2, 4, 3, 3, dtype=torch.bfloat16).to(memory_format=torch.channels_last)
    dropped = drop_channels(maps, 0.5, torch.Generator())
    assert dropped.dtype == torch.bfloat16
    assert dropped.is_contiguous(memory_format=torch.channels_last)


def test_a_training_with_it_differs_from_one_without_and_repeats_itself() -> None:
    plan = make_plan({"spatial_dropout": {"probability": 0.3}}, model=SMALL_CNN)
    digest = train(plan).outcome_digest
    assert digest == train(plan).outcome_digest
    plain_digest = train(make_plan(model=SMALL_CNN)).outcome_digest
    assert digest != plain_digest
    null = make_plan({"spatial_dropout": SpatialDropout.null}, model=SMALL_CNN)
    assert train(null).outcome_digest == plain_digest
