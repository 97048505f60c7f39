"""Padding, cutting and colours of the basic augmentation, against numpy and torchvision."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from advisor.errors import AdvisorError
from advisor.techniques import regularize
from advisor.techniques.basic_augmentation import BasicAugmentation, cut_images, draw_parts, shift_images
from advisor.techniques.core import Targets
from advisor.training.engine import train
from tests.techniques.runs import make_run
from tests.training.run_plans import make_plan

CLASS = Targets("class", torch.eye(8, 10))


def images(count: int = 8, channels: int = 3, height: int = 9, width: int = 11) -> torch.Tensor:
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("mode", "numpy_mode"), [("zero", "constant"), ("reflect", "reflect")])
def test_what_comes_in_from_outside_is_numpys_padding(mode: Any, numpy_mode: Any) -> None:
    batch = images(5).to(memory_format=torch.channels_last)
    down, right = torch.tensor([0, 3, -3, 1, -2]), torch.tensor([0, -1, 3, 2, -3])
    moved = shift_images(batch, down, right, 3, mode)
    for image, result, dy, dx in zip(batch, moved, down.tolist(), right.tolist(), strict=True):
        padded = np.pad(image.numpy(), ((0, 0), (3, 3), (3, 3)), mode=numpy_mode)
        np.testing.assert_array_equal(result.numpy(), padded[:, 3 - dy : 12 - dy, 3 - dx : 14 - dx])


def test_a_cut_part_is_torchvisions_resized_crop_away_from_its_border():
    functional = pytest.importorskip("torchvision.transforms.v2.functional", reason="torchvision is not installed")
    batch = images(1, height=12, width=16)
    top, left, high, wide = 2, 4, 6, 8
    part = [
        torch.tensor([wide / 16]), torch.tensor([high / 12]),
        torch.tensor([2 * left / (16 - wide) - 1]), torch.tensor([2 * top / (12 - high) - 1]),
    ]  # fmt: skip
    ours = cut_images(batch, *part)
    expected = functional.resized_crop(batch, top, left, high, wide, [12, 16], antialias=False)
    torch.testing.assert_close(ours[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1])
    whole = [torch.ones(1), torch.ones(1), torch.ones(1), torch.ones(1)]
    torch.testing.assert_close(cut_images(batch, *whole), batch)


def test_a_cut_at_the_border_brings_in_no_black():
    whole = torch.ones(4, 1, 8, 8)
    corners = torch.tensor([-1.0, 1.0, -1.0, 1.0]), torch.tensor([-1.0, -1.0, 1.0, 1.0])
    torch.testing.assert_close(cut_images(whole, torch.full((4,), 0.5), torch.full((4,), 0.3), *corners), whole)


def test_parts_have_the_areas_and_aspects_that_are_asked_for():
    wide, high, right, down = draw_parts(5000, 0.4, torch.Generator().manual_seed(0))
    area = wide * high
    assert 0.35 < area.min() < 0.42  # a side that would be longer than the image's is cut
    assert area.max() <= 1
    assert (wide / high).aminmax().min >= 3 / 4 - 1e-5
    assert (wide / high).aminmax().max <= 4 / 3 + 1e-5
    assert -1 <= right.min() <= right.max() <= 1
    assert abs(down.mean()) < 0.05


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("what", ["brightness", "contrast", "saturation"])
def test_colours_are_changed_as_torchvision_does(what: str, channels: int) -> None:
    functional = pytest.importorskip("torchvision.transforms.v2.functional", reason="torchvision is not installed")
    low, high = -1.5, 2.5
    batch = images(8, channels)
    run = make_run(nn.Linear(1, 1), seed=4, input_range=(low, high))
    changed, _ = BasicAugmentation(shift=0, **{what: 0.5}).batch(run, batch * (high - low) + low, CLASS)
    generator = make_run(nn.Linear(1, 1), seed=4).generator("basic_augmentation")
    torch.randint(0, 1, (2, 8), generator=generator)
    factors = 1 + (2 * torch.rand(8, generator=generator) - 1) * 0.5
    assert 0.5 <= factors.min() < factors.max() <= 1.5
    for image, result, factor in zip(batch, changed, factors.tolist(), strict=True):
        expected = getattr(functional, f"adjust_{what}")(image, factor)
        torch.testing.assert_close((result - low) / (high - low), expected, rtol=1e-5, atol=1e-5)


def test_the_same_stream_shifts_alike_whether_colours_change_or_not():
    plain, _ = BasicAugmentation(shift=2, flip=True).batch(make_run(nn.Linear(1, 1)), images(), CLASS)
    technique = BasicAugmentation(shift=2, flip=True, brightness=1e-9)
    torch.testing.assert_close(technique.batch(make_run(nn.Linear(1, 1)), images(), CLASS)[0], plain)


def test_everything_at_once_trains():
    settings = {
        "shift": 1, "flip": True, "padding": "reflect", "crop": 0.6, "brightness": 0.3, "contrast": 0.3,
        "saturation": 0.3,
    }  # fmt: skip
    assert train(make_plan({"basic_augmentation": settings})).epochs_run == 2


def test_nothing_at_all_is_the_baseline_bit_for_bit():
    null = {"shift": 0, "flip": False, "padding": "reflect", "crop": 1.0}
    assert train(make_plan({"basic_augmentation": null})) == train(make_plan())


def test_wrong_shapes_are_refused_before_and_in_the_batch():
    assert "1 or 3 channels" in (BasicAugmentation(contrast=0.1).refuse("class", (4, 8, 8)) or "")
    assert BasicAugmentation().refuse("class", (4, 8, 8)) is None
    assert BasicAugmentation(contrast=0.1).refuse("class", ()) is None
    session = regularize(nn.Linear(4, 2), [BasicAugmentation(shift=3)], classes=2, epochs=1, steps_per_epoch=1)
    with pytest.raises(AdvisorError, match=r"basic_augmentation needs a batch of images .* but got \(2, 4\)"):
        session.batch(torch.rand(2, 4), torch.tensor([0, 1]))
    with pytest.raises(AdvisorError, match="cannot shift images of 3x5 pixels by 3; lower the shift"):
        session.batch(torch.rand(2, 1, 3, 5), torch.tensor([0, 1]))
