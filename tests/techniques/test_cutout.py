"""Cutout against masks made by hand, and against torchvision's erasing given the same square."""

import numpy as np
import pytest
import torch
from torch import nn

from advisor.errors import AdvisorError
from advisor.techniques import regularize
from advisor.techniques.core import Targets
from advisor.techniques.cutout import Cutout, cut_out, holes
from advisor.training.engine import train
from tests.techniques.runs import make_run
from tests.training.run_plans import make_plan

CLASS = Targets("class", torch.eye(10))


@pytest.mark.parametrize("size", [0, 1, 2, 5])
def test_the_squares_are_those_of_slices_by_hand_also_over_the_border(size: int) -> None:
    rows, columns = torch.tensor([0, 3, 6, 6]), torch.tensor([0, 4, 8, 0])
    expected = np.zeros((4, 7, 9), dtype=bool)
    for mask, row, column in zip(expected, rows.tolist(), columns.tolist(), strict=True):
        top, left = row - size // 2, column - size // 2
        mask[max(top, 0) : max(top + size, 0), max(left, 0) : max(left + size, 0)] = True
    np.testing.assert_array_equal(holes(rows, columns, size, 7, 9).numpy(), expected)


def test_a_hole_inside_the_image_is_torchvisions_erased_rectangle():
    functional = pytest.importorskip("torchvision.transforms.v2.functional", reason="torchvision is not installed")
    images = torch.rand(3, 2, 8, 8)
    ours = cut_out(images, holes(torch.tensor([3, 3, 3]), torch.tensor([4, 4, 4]), 4, 8, 8))
    torch.testing.assert_close(ours, functional.erase(images, 1, 2, 4, 4, torch.zeros(2, 1, 1)))


def test_the_hole_can_hold_the_mean_of_each_channel():
    images = torch.rand(4, 3, 8, 8)
    filled, _ = Cutout(size=1.0, fill="mean").batch(make_run(nn.Linear(1, 1)), images, CLASS)
    mean = images.mean((0, 2, 3)).view(1, 3, 1, 1)
    changed = filled != images
    torch.testing.assert_close(filled, torch.where(changed, mean, images))
    assert changed.any()


def test_each_image_has_its_own_place_and_all_channels_share_it():
    images = torch.ones(50, 3, 16, 16)
    cut, _ = Cutout(size=0.25).batch(make_run(nn.Linear(1, 1)), images, CLASS)
    assert torch.equal(cut[:, 0], cut[:, 1])
    assert len({tuple(image.flatten().tolist()) for image in cut[:, 0]}) > 30
    gone = (cut[:, 0] == 0).sum((1, 2))
    assert gone.max() == 16
    assert gone.min() < 16  # some hang over the border


def test_the_smallest_square_is_one_pixel_and_none_is_the_baseline():
    cut, _ = Cutout(size=0.01).batch(make_run(nn.Linear(1, 1)), torch.ones(1, 1, 7, 9), CLASS)
    assert (cut == 0).sum() == 1
    assert train(make_plan({"cutout": {"size": 0.0}})) == train(make_plan())
    assert train(make_plan({"cutout": {}})) != train(make_plan())


def test_what_is_no_image_is_refused():
    assert "cutout needs images of shape" in (Cutout().refuse("class", (13,)) or "")
    session = regularize(nn.Linear(4, 2), [Cutout()], classes=2, epochs=1, steps_per_epoch=1)
    with pytest.raises(AdvisorError, match=r"cutout needs a batch of images .* but got \(2, 4\)"):
        session.batch(torch.rand(2, 4), torch.tensor([0, 1]))
