"""CutMix against torchvision's, given lam and the box, and against a box cut by hand."""

import pytest
import torch
from torch import nn

from advisor.errors import AdvisorError
from advisor.techniques import regularize
from advisor.techniques.core import Targets
from advisor.techniques.core.mixing import draw_lam, host_draws
from advisor.techniques.cutmix import CutMix, box_around, paste
from advisor.training.engine import train
from tests.techniques.runs import make_run
from tests.training.run_plans import make_plan


@pytest.mark.parametrize("lam", [0.0, 0.3, 0.99, 1.0])
@pytest.mark.parametrize("size", [(8, 8), (7, 12)])
def test_it_agrees_with_torchvision_given_lam_and_center(lam: float, size: tuple[int, int], monkeypatch) -> None:
    v2 = pytest.importorskip("torchvision.transforms.v2", reason="torchvision is not installed")
    images = torch.rand(6, 3, *size, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    reference = v2.CutMix(num_classes=3)
    monkeypatch.setattr(type(reference._dist), "sample", lambda self, shape=(): torch.tensor(lam))
    for seed in range(10):
        torch.manual_seed(seed)
        expected, expected_labels = reference(images, labels)
        torch.manual_seed(seed)
        column, row = torch.randint(size[1], (1,)).item(), torch.randint(size[0], (1,)).item()
        box = box_around(row, column, lam, *size)
        one_hot = Targets.of_labels(labels, 3, torch.float32)
        pasted, targets = paste(images, one_hot, torch.arange(6).roll(1), box)
        torch.testing.assert_close(pasted, expected)
        torch.testing.assert_close(targets.values, expected_labels)


def test_targets_follow_the_area_that_is_left_when_a_box_hangs_over_the_border():
    box = box_around(0, 0, 0.75, 8, 8)  # 4x4 pixels, of which 2x2 lie inside
    assert box == (0, 2, 0, 2)
    images, targets = torch.stack([torch.zeros(1, 8, 8), torch.ones(1, 8, 8)]), Targets("class", torch.eye(2))
    pasted, mixed = paste(images, targets, torch.tensor([1, 0]), box)
    assert pasted[0].sum() == 4
    assert pasted[1].sum() == 60
    torch.testing.assert_close(mixed.values, torch.tensor([[60 / 64, 4 / 64], [4 / 64, 60 / 64]]))


def test_the_batch_hook_pastes_one_box_for_the_batch():
    run = make_run(nn.Linear(1, 1), seed=5)
    inputs = torch.rand(16, 3, 9, 11)
    technique = CutMix(probability=1.0)
    pasted, targets = technique.batch(run, inputs, Targets("class", torch.eye(16, 10)))
    generator = make_run(nn.Linear(1, 1), seed=5).generator("cutmix")
    row, column = host_draws(generator, 2).integers((9, 11)).tolist()
    top, bottom, left, right = box_around(row, column, draw_lam(generator, 1.0), 9, 11)
    changed = (pasted != inputs).any(1).any(0)
    expected = torch.zeros(9, 11, dtype=torch.bool)
    expected[top:bottom, left:right] = True
    assert torch.equal(changed, expected)
    assert targets.values.shape == (16, 10)


def test_a_batch_of_one_is_its_own_partner():
    inputs = torch.rand(1, 3, 8, 8)
    pasted, targets = CutMix(probability=1.0).batch(make_run(nn.Linear(1, 1)), inputs, Targets("class", torch.eye(1)))
    assert torch.equal(pasted, inputs)
    torch.testing.assert_close(targets.values, torch.eye(1))


def test_channels_last_images_stay_so():
    inputs = torch.rand(4, 3, 8, 8).to(memory_format=torch.channels_last)
    pasted, _ = CutMix(probability=1.0).batch(make_run(nn.Linear(1, 1)), inputs, Targets("class", torch.eye(4)))
    assert pasted.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("null", [{"alpha": 0.0, "probability": 1.0}, {"probability": 0.0}])
def test_no_box_and_no_batch_is_the_baseline_bit_for_bit(null: dict[str, float]) -> None:
    assert train(make_plan({"cutmix": null})) == train(make_plan())


def test_what_is_no_image_is_refused():
    assert "cutmix needs images of shape" in (CutMix().refuse("class", (13,)) or "")
    assert "cutmix works on class, multilabel targets but got real" in (CutMix().refuse("real", (1, 8, 8)) or "")
    session = regularize(nn.Linear(4, 2), [CutMix()], classes=2, epochs=1, steps_per_epoch=1)  # of unknown shape
    with pytest.raises(AdvisorError, match=r"cutmix needs a batch of images .* but got \(2, 4\) torch.float32"):
        session.batch(torch.rand(2, 4), torch.tensor([0, 1]))
    with pytest.raises(AdvisorError, match=r"got \(2, 3, 8, 8\) torch.uint8"):
        session.batch(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.tensor([0, 1]))
