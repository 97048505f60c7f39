"""What a batch goes through: shift, mirror, mixing and smoothing, against independent references."""

import numpy as np
import pytest
import torch

from advisor.errors import AdvisorError
from advisor.techniques.basic_augmentation import BasicAugmentation, mirror_images, shift_images
from advisor.techniques.core import Targets
from advisor.techniques.core.targets import mean_loss
from advisor.techniques.label_smoothing import smooth
from advisor.techniques.mixup import Mixup, draw_lam, mix
from advisor.training.engine import train
from tests.training.run_plans import make_plan


def test_each_image_moves_by_its_own_offset_as_numpy_slices_say():
    images = torch.rand(5, 2, 6, 7, generator=torch.Generator().manual_seed(0))
    down, right = torch.tensor([0, 2, -2, 1, -1]), torch.tensor([0, -1, 2, 2, 0])
    moved = shift_images(images, down, right, 2)
    for image, result, dy, dx in zip(images, moved, down.tolist(), right.tolist(), strict=True):
        padded = np.pad(image.numpy(), ((0, 0), (2, 2), (2, 2)))
        expected = padded[:, 2 - dy : 2 - dy + 6, 2 - dx : 2 - dx + 7]
        np.testing.assert_array_equal(result.numpy(), expected)


def test_only_the_chosen_images_are_mirrored():
    images = torch.rand(3, 1, 4, 5, generator=torch.Generator().manual_seed(0))
    mirrored = mirror_images(images, torch.tensor([True, False, True]))
    np.testing.assert_array_equal(mirrored[0].numpy(), images[0].numpy()[:, :, ::-1])
    assert torch.equal(mirrored[1], images[1])
    np.testing.assert_array_equal(mirrored[2].numpy(), images[2].numpy()[:, :, ::-1])


def test_augmentation_refuses_tables_and_shifts_that_leave_nothing():
    assert "images of shape" in (BasicAugmentation().refuse("class", (13,)) or "")
    assert "8x8 pixels by 8" in (BasicAugmentation(shift=8).refuse("class", (1, 8, 8)) or "")
    assert BasicAugmentation(shift=2).refuse("class", (1, 8, 8)) is None
    with pytest.raises(AdvisorError, match=r"Arm 'arm': basic_augmentation needs images.*\(13,\)"):
        train(make_plan({"basic_augmentation": {}}, data={"builtin": "wine"}))


def test_mixup_agrees_with_torchvision():
    v2 = pytest.importorskip("torchvision.transforms.v2", reason="torchvision is not installed")
    images = torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    reference = v2.MixUp(num_classes=3, alpha=1.0)
    expected = reference.transform(images, {"lam": 0.3, "labels": labels, "batch_size": 6})
    one_hot = torch.nn.functional.one_hot(labels, 3).float()
    # torchvision pairs each example with the one before it.
    mixed, _ = mix(images, Targets("class", one_hot), torch.arange(6).roll(1), 0.3)
    torch.testing.assert_close(mixed, expected)


def test_mixup_weighs_inputs_and_targets_alike():
    inputs, values = torch.tensor([[0.0], [10.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    mixed, targets = mix(inputs, Targets("class", values), torch.tensor([1, 0]), 0.75)
    torch.testing.assert_close(mixed, torch.tensor([[2.5], [7.5]]))
    torch.testing.assert_close(targets.values, torch.tensor([[0.75, 0.25], [0.25, 0.75]]))


def test_lam_follows_the_beta_distribution():
    stats = pytest.importorskip("scipy.stats")
    draws = [draw_lam(torch.Generator().manual_seed(seed), 0.4) for seed in range(2000)]
    assert stats.kstest(draws, stats.beta(0.4, 0.4).cdf).pvalue > 0.001
    assert draw_lam(torch.Generator(), 0.0) == 1.0


def test_mixup_refuses_integers():
    with pytest.raises(AdvisorError, match=r"real-valued inputs but got torch\.int64"):
        Mixup().batch(None, torch.zeros(2, 3, dtype=torch.int64), Targets("class", torch.eye(2)))  # type: ignore[arg-type]


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.5])
def test_smoothed_targets_give_the_loss_of_torch(epsilon):
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(8, 5, generator=generator), torch.randint(5, (8,), generator=generator)
    one_hot = torch.nn.functional.one_hot(labels, 5).float()
    ours = mean_loss(logits, smooth(Targets("class", one_hot), epsilon))
    torch.testing.assert_close(ours, torch.nn.CrossEntropyLoss(label_smoothing=epsilon)(logits, labels))


def test_smoothing_mixed_targets_is_mixing_smoothed_ones():
    one_hot = torch.eye(4)
    permutation = torch.tensor([2, 3, 0, 1])
    _, mixed = mix(torch.zeros(4, 1), Targets("class", one_hot), permutation, 0.3)
    _, smoothed_first = mix(torch.zeros(4, 1), smooth(Targets("class", one_hot), 0.1), permutation, 0.3)
    torch.testing.assert_close(smooth(mixed, 0.1).values, smoothed_first.values)
