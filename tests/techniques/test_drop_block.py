"""DropBlock: the geometry of torchvision's, its schedule, and where it goes."""

import pytest
import torch
from torch import nn

from advisor.errors import AdvisorError
from advisor.techniques.core import Targets
from advisor.techniques.drop_block import DropBlock, cover, drop_blocks, seed_probability
from advisor.training.engine import train
from tests.techniques.runs import make_run
from tests.training.run_plans import SMALL_CNN, make_plan

IMAGES = torch.rand(2, 3, 20, 17, generator=torch.Generator().manual_seed(0))


def plain() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))


@pytest.mark.parametrize(("size", "height", "width"), [(3, 9, 7), (1, 5, 5), (5, 5, 11), (7, 5, 9)])
def test_the_same_seeds_give_torchvisions_maps(size: int, height: int, width: int) -> None:
    ops = pytest.importorskip("torchvision.ops")
    maps = torch.randn(4, 3, height, width, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(5)
    expected = ops.drop_block2d(maps, 0.3, size, training=True)
    torch.manual_seed(5)
    inside = min(size, height, width)
    seeds = torch.empty(4, 3, height - inside + 1, width - inside + 1)
    seeds.bernoulli_(seed_probability(0.3, inside, height, width))
    mask = cover(seeds, inside)
    assert 0 < mask.mean() < 1
    torch.testing.assert_close(maps * mask * (mask.numel() / mask.sum()), expected)


def test_a_seed_is_the_upper_left_corner_of_its_square_for_even_sizes_too() -> None:
    seeds = torch.zeros(1, 1, 4, 3)
    seeds[0, 0, 1, 2] = 1
    expected = torch.ones(1, 1, 5, 4)
    expected[0, 0, 1:3, 2:4] = 0
    assert torch.equal(cover(seeds, 2), expected)


def test_about_the_asked_share_is_zeroed_and_the_mean_stays() -> None:
    maps = torch.ones(100, 16, 14, 14)
    dropped = drop_blocks(maps, 0.1, 3, torch.Generator().manual_seed(0))
    assert (dropped == 0).double().mean().item() == pytest.approx(0.1, abs=0.01)
    assert dropped.mean().item() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (1, 2, 1, 2), (3, 4, 7, 5)])
def test_a_rate_of_zero_changes_no_bit_even_of_the_smallest_map(shape: tuple[int, ...]) -> None:
    maps = torch.randn(shape)
    assert torch.equal(drop_blocks(maps, 0.0, 7, torch.Generator()), maps)


def test_a_map_that_is_all_dropped_is_zero_and_not_nan() -> None:
    assert torch.equal(drop_blocks(torch.ones(1, 1, 2, 2), 1.0, 2, torch.Generator()), torch.zeros(1, 1, 2, 2))


def test_half_precision_stays_and_its_scale_does_not_overflow() -> None:
    maps = torch.ones(8, 64, 16, 16, dtype=torch.float16)  # more positions than float16 can count
    dropped = drop_blocks(maps, 0.1, 3, torch.Generator())
    assert dropped.dtype == torch.float16
    assert dropped.isfinite().all()


def test_the_rate_rises_linearly_to_the_end_of_the_ramp_and_stays() -> None:
    run = make_run(plain(), epochs=2, steps_per_epoch=10)
    rates = []
    for step in (0, 5, 10, 15):
        run.step = step
        rates.append([DropBlock(probability=0.2, ramp=ramp).probability_at(run) for ramp in (1.0, 0.5, 0.0)])
    torch.testing.assert_close(
        torch.tensor(rates), torch.tensor([[0.0, 0.0, 0.2], [0.05, 0.1, 0.2], [0.1, 0.2, 0.2], [0.15, 0.2, 0.2]])
    )


def test_torchvisions_own_modules_are_set_at_each_step_and_put_back() -> None:
    ops = pytest.importorskip("torchvision.ops")
    model = nn.Sequential(plain()[0], ops.DropBlock2d(0.5, 5), plain()[2:])
    run = make_run(model, epochs=1, steps_per_epoch=4)
    technique = DropBlock(probability=0.2, block_size=3)
    technique.model(run, model)
    assert (model[1].p, model[1].block_size) == (0.0, 3)
    run.step = 2
    technique.batch(run, IMAGES, Targets("class", torch.eye(2)))
    assert model[1].p == 0.1
    assert not any(module._forward_hooks for module in model.modules())
    for undo in reversed(run.undo):
        undo()
    assert (model[1].p, model[1].block_size) == (0.5, 5)
    with pytest.raises(AdvisorError, match=r"block_size must be odd .* but is 4; use 3 or 5"):
        DropBlock(block_size=4).model(run, model)


def test_squares_are_dropped_after_each_stage_in_training_only() -> None:
    model = plain()
    run = make_run(model, example=IMAGES)
    answer = model.eval()(IMAGES)
    DropBlock(probability=0.5, ramp=0).model(run, model)
    assert [name for name, module in model.named_modules() if module._forward_hooks] == ["1"]
    assert torch.equal(model(IMAGES), answer)
    assert not torch.equal(model.train()(IMAGES), answer)
    run.undo.pop()()
    assert torch.equal(model(IMAGES), answer)


def test_what_has_no_maps_of_two_axes_is_refused() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 340, 8), nn.Linear(8, 2))
    with pytest.raises(AdvisorError, match=r"drop_block finds no place in Sequential: looked for torchvision\.ops"):
        DropBlock().model(make_run(model, example=IMAGES), model)
    sequence = nn.Sequential(nn.Conv1d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 14, 2))
    with pytest.raises(AdvisorError, match="drop_block finds no place"):
        DropBlock().model(make_run(sequence, example=torch.rand(2, 3, 16)), sequence)
    assert "one example has (13,)" in (DropBlock().refuse("class", (13,)) or "")
    assert DropBlock().refuse("class", (3, 8, 8)) is None


def test_a_training_with_it_differs_from_one_without_and_repeats_itself() -> None:
    plan = make_plan({"drop_block": {"probability": 0.2, "block_size": 3}}, model=SMALL_CNN)
    digest = train(plan).outcome_digest
    assert digest == train(plan).outcome_digest
    plain_digest = train(make_plan(model=SMALL_CNN)).outcome_digest
    assert digest != plain_digest
    assert train(make_plan({"drop_block": DropBlock.null}, model=SMALL_CNN)).outcome_digest == plain_digest
