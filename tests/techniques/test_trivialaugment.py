"""TrivialAugment against torchvision's: the whole transform given the draws, and how the draws are distributed."""

import numpy as np
import pytest
import torch
from torch import nn

from advisor.errors import AdvisorError
from advisor.techniques import regularize
from advisor.techniques.core import Targets
from advisor.techniques.core.augment import draw_ops
from advisor.techniques.core.augmentation_spaces import TRIVIAL_AUGMENT_WIDE
from advisor.techniques.trivialaugment import BINS, TrivialAugment, trivialaugment
from advisor.training.engine import train
from tests.techniques.policies import IDENTIFIERS, given_draws
from tests.techniques.runs import make_run
from tests.training.run_plans import make_plan


def test_each_image_is_torchvisions_given_the_draws():
    v2 = pytest.importorskip("torchvision.transforms.v2", reason="torchvision is not installed")
    batch = torch.rand(80, 3, 16, 20, generator=torch.Generator().manual_seed(0))
    ours = trivialaugment(batch, np.random.default_rng(5))
    draws = np.random.default_rng(5)
    levels = draws.integers(BINS, size=80)
    names, magnitudes = draw_ops(draws, TRIVIAL_AUGMENT_WIDE, levels, (16, 20), BINS)
    assert len(set(names)) == 14
    for place, name in enumerate(names):
        policy = v2.TrivialAugmentWide()
        with given_draws(policy, [(name, magnitudes[place])], [levels[place]]):
            torch.testing.assert_close(ours[place], policy(batch[place]), rtol=1e-5, atol=1e-5)


def test_the_operations_and_their_magnitudes_are_torchvisions_wide_ones():
    v2 = pytest.importorskip("torchvision.transforms.v2", reason="torchvision is not installed")
    space = v2.TrivialAugmentWide._AUGMENTATION_SPACE
    assert [IDENTIFIERS[name] for name in TRIVIAL_AUGMENT_WIDE] == list(space)
    for name, scale in TRIVIAL_AUGMENT_WIDE.items():
        magnitudes, signed = space[IDENTIFIERS[name]]
        expected = magnitudes(BINS, 32, 48)
        expected = torch.zeros(BINS) if expected is None else expected.float()
        torch.testing.assert_close(torch.tensor(scale.magnitudes(32, 48)), expected)
        assert scale.signed == signed


def test_the_probability_is_the_share_of_images_that_may_change():
    batch = torch.rand(2000, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    changed = [
        (trivialaugment(batch, np.random.default_rng(1), probability) != batch).flatten(1).any(1).double().mean().item()
        for probability in (1.0, 0.25)
    ]
    assert changed[1] / changed[0] == pytest.approx(0.25, abs=0.04)


def test_it_keeps_the_range_of_pixels():
    run = make_run(nn.Linear(1, 1), input_range=(-1.0, 1.0))
    changed, _ = TrivialAugment().batch(run, torch.rand(50, 1, 7, 9) * 2 - 1, Targets("class", torch.eye(50, 10)))
    assert changed.aminmax().min >= -1
    assert changed.aminmax().max <= 1


def test_probability_zero_is_the_baseline_bit_for_bit():
    assert train(make_plan({"trivialaugment": {"probability": 0.0}})) == train(make_plan())
    assert train(make_plan({"trivialaugment": {}})) != train(make_plan())


def test_what_is_no_image_of_one_or_three_channels_is_refused():
    assert "trivialaugment needs images of shape" in (TrivialAugment().refuse("class", (13,)) or "")
    assert "1 or 3 channels" in (TrivialAugment().refuse("class", (4, 8, 8)) or "")
    session = regularize(nn.Linear(4, 2), [TrivialAugment()], classes=2, epochs=1, steps_per_epoch=1)
    with pytest.raises(AdvisorError, match=r"trivialaugment needs a batch of images .* but got \(2, 4\)"):
        session.batch(torch.rand(2, 4), torch.tensor([0, 1]))
