"""RandAugment against torchvision's: the whole transform given the draws, and how the draws are distributed."""

from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn

from advisor.errors import AdvisorError
from advisor.techniques import regularize
from advisor.techniques.core import Targets
from advisor.techniques.core.augment import draw_ops
from advisor.techniques.core.augmentation_spaces import RAND_AUGMENT
from advisor.techniques.randaugment import BINS, RandAugment, randaugment
from advisor.training.engine import train
from tests.techniques.policies import IDENTIFIERS, given_draws
from tests.techniques.runs import make_run
from tests.training.run_plans import make_plan

CLASS = Targets("class", torch.eye(40, 10))


def images(count: int, channels: int = 3, height: int = 16, width: int = 20) -> torch.Tensor:
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("magnitude", [0, 9, 30])
def test_each_image_is_torchvisions_given_the_draws(magnitude: int) -> None:
    v2 = pytest.importorskip("torchvision.transforms.v2", reason="torchvision is not installed")
    batch, ops = images(40), 2
    ours = randaugment(batch, np.random.default_rng(5), ops, magnitude)
    draws, levels = np.random.default_rng(5), np.full(40, magnitude)
    rounds = [draw_ops(draws, RAND_AUGMENT, levels, (16, 20), BINS) for _ in range(ops)]
    for place in range(40):
        policy = v2.RandAugment(num_ops=ops, magnitude=magnitude)
        with given_draws(policy, [(names[place], strengths[place]) for names, strengths in rounds]):
            torch.testing.assert_close(ours[place], policy(batch[place]), rtol=1e-5, atol=1e-5)


def test_the_operations_and_their_magnitudes_are_torchvisions():
    v2 = pytest.importorskip("torchvision.transforms.v2", reason="torchvision is not installed")
    space = v2.RandAugment._AUGMENTATION_SPACE
    assert [IDENTIFIERS[name] for name in RAND_AUGMENT] == list(space)
    for name, scale in RAND_AUGMENT.items():
        magnitudes, signed = space[IDENTIFIERS[name]]
        expected = magnitudes(BINS, 32, 48)
        expected = torch.zeros(BINS) if expected is None else expected.float()
        torch.testing.assert_close(torch.tensor(scale.magnitudes(32, 48)), expected)
        assert scale.signed == signed


def test_all_operations_and_both_signs_are_alike_likely():
    stats = pytest.importorskip("scipy.stats")
    names, magnitudes = draw_ops(np.random.default_rng(0), RAND_AUGMENT, np.full(14_000, 9), (32, 32), BINS)
    counts = Counter(names)
    assert set(counts) == set(RAND_AUGMENT)
    assert stats.chisquare(list(counts.values())).pvalue > 0.001
    signs = [strength < 0 for name, strength in zip(names, magnitudes, strict=True) if RAND_AUGMENT[name].signed]
    assert stats.binomtest(sum(signs), len(signs)).pvalue > 0.001
    assert all(strength >= 0 for name, strength in zip(names, magnitudes, strict=True) if not RAND_AUGMENT[name].signed)


def test_pixels_of_any_range_are_changed_as_those_from_0_to_1():
    unit = images(8)
    plain, _ = RandAugment().batch(make_run(nn.Linear(1, 1)), unit, CLASS)
    run = make_run(nn.Linear(1, 1), input_range=(-2.0, 3.0))
    scaled, _ = RandAugment().batch(run, unit * 5 - 2, CLASS)
    # Rounding may move a value across a threshold of posterize or solarize.
    assert ((scaled + 2) / 5 - plain).abs().gt(1e-4).double().mean() < 0.01
    assert scaled.min() >= -2
    assert scaled.max() <= 3


def test_a_step_draws_anew_and_its_repetition_does_not():
    run, batch = make_run(nn.Linear(1, 1)), images(8)
    first, _ = RandAugment().batch(run, batch, CLASS)
    run.streams.restart()
    assert torch.equal(RandAugment().batch(run, batch, CLASS)[0], first)
    run.step = 1
    assert not torch.equal(RandAugment().batch(run, batch, CLASS)[0], first)


@pytest.mark.parametrize("shape", [(1, 1, 7, 9), (3, 3, 1, 1), (2, 1, 8, 8)])
def test_odd_and_tiny_images_and_a_batch_of_one_pass(shape: tuple[int, ...]) -> None:
    changed, _ = RandAugment(ops=4, magnitude=30).batch(make_run(nn.Linear(1, 1)), torch.rand(shape), CLASS)
    assert changed.shape == shape
    assert changed.isfinite().all()


def test_no_operation_is_the_baseline_bit_for_bit():
    assert train(make_plan({"randaugment": {"ops": 0}})) == train(make_plan())
    assert train(make_plan({"randaugment": {}})) != train(make_plan())


def test_what_is_no_image_of_one_or_three_channels_is_refused():
    assert "randaugment needs images of shape" in (RandAugment().refuse("class", (13,)) or "")
    assert "1 or 3 channels to change their colours but got 4" in (RandAugment().refuse("class", (4, 8, 8)) or "")
    session = regularize(nn.Linear(4, 2), [RandAugment()], classes=2, epochs=1, steps_per_epoch=1)
    with pytest.raises(AdvisorError, match=r"randaugment needs a batch of images .* but got \(2, 4\)"):
        session.batch(torch.rand(2, 4), torch.tensor([0, 1]))
    with pytest.raises(AdvisorError, match=r"randaugment.*torch.int64"):
        session.batch(torch.zeros(2, 3, 8, 8, dtype=torch.int64), torch.tensor([0, 1]))
