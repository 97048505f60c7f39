"""AugMix against torchvision's given the draws, its divergence by hand and by torch, and the stacked batch."""

from unittest import mock

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from advisor.errors import AdvisorError
from advisor.techniques import regularize
from advisor.techniques.augmix import AugMix, augmix, divergence
from advisor.techniques.core import Targets
from advisor.techniques.core.augment import draw_ops
from advisor.techniques.core.augmentation_spaces import AUG_MIX
from advisor.techniques.mixup import Mixup
from advisor.techniques.r_drop import RDrop
from advisor.training.engine import train
from tests.techniques.policies import IDENTIFIERS, given_draws
from tests.techniques.runs import make_run
from tests.training.run_plans import make_plan


@pytest.mark.parametrize("depth", [0, 2])
def test_each_image_is_torchvisions_given_the_draws(depth: int) -> None:
    v2 = pytest.importorskip("torchvision.transforms.v2", reason="torchvision is not installed")
    count, width, severity, size = 12, 3, 5, (16, 20)
    batch = torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(0))
    settings = {"severity": severity, "width": width, "depth": depth, "alpha": 1.0}
    ours = augmix(batch, np.random.default_rng(5), **settings)

    draws = np.random.default_rng(5)
    kept, shares = draws.beta(1.0, 1.0, size=count), draws.dirichlet([1.0] * width, size=count)
    depths = draws.integers(1, 4, size=width * count) if depth == 0 else np.full(width * count, depth)
    rounds, bins = [], []
    for _ in range(3 if depth == 0 else depth):
        bins.append(draws.integers(severity, size=width * count))
        rounds.append(draw_ops(draws, AUG_MIX, bins[-1], size, 10))
    for place in range(count):
        policy = v2.AugMix(severity, width, depth or -1, all_ops=False)
        drawn, numbers = [], []
        for chain in range(width):
            member = chain * count + place
            numbers += [depths[member]] if depth == 0 else []
            for turn in range(depths[member]):
                name, strength = rounds[turn][0][member], rounds[turn][1][member]
                drawn.append((name, strength))
                numbers += [bins[turn][member]] if name not in ("autocontrast", "equalize") else []
        shared = iter([[kept[place], 1 - kept[place]], shares[place].tolist()])
        dirichlet = mock.patch.object(policy, "_sample_dirichlet", lambda _, s=shared: torch.tensor([next(s)]))
        with dirichlet, given_draws(policy, drawn, numbers):
            expected = policy(batch[place])
        torch.testing.assert_close(ours[place], expected.clamp(0, 1), rtol=1e-4, atol=1e-4)


def test_the_operations_and_their_magnitudes_are_torchvisions_without_those_that_overlap():
    v2 = pytest.importorskip("torchvision.transforms.v2", reason="torchvision is not installed")
    space = v2.AugMix._PARTIAL_AUGMENTATION_SPACE
    assert [IDENTIFIERS[name] for name in AUG_MIX] == list(space)
    for name, scale in AUG_MIX.items():
        magnitudes, signed = space[IDENTIFIERS[name]]
        expected = magnitudes(10, 32, 48)
        expected = torch.zeros(10) if expected is None else expected.float()
        torch.testing.assert_close(torch.tensor(scale.magnitudes(32, 48, 10)), expected)
        assert scale.signed == signed


def three(outputs: torch.Tensor) -> torch.Tensor:
    """torch's own Jensen-Shannon divergence of (3, N, K) logits."""
    probabilities = outputs.softmax(-1)
    middle = probabilities.mean(0).log()
    return sum(functional.kl_div(middle, each, reduction="batchmean") for each in probabilities) / 3


def test_the_divergence_is_torchs_and_by_hand_where_answers_are_certain():
    outputs = torch.randn(3, 6, 5, generator=torch.Generator().manual_seed(0))
    targets = Targets("class", torch.zeros(18, 5))
    torch.testing.assert_close(divergence(outputs, targets), three(outputs))
    certain = torch.eye(3).view(3, 1, 3) * 100  # three answers that share nothing: ln 3
    torch.testing.assert_close(divergence(certain, targets), torch.tensor(3.0).log())
    assert divergence(outputs[:1].repeat(3, 1, 1), targets).abs() < 1e-6
    labels = torch.randn(3, 6, 4, generator=torch.Generator().manual_seed(1))
    coins = torch.stack([labels, torch.zeros_like(labels)], -1).flatten(1, 2)
    torch.testing.assert_close(divergence(labels, Targets("multilabel", torch.zeros(18, 4))), three(coins))


def tiny_model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 3))


@pytest.mark.parametrize("more", [[], [RDrop(alpha=0.5)], [Mixup(alpha=1.0)]])
def test_consistency_takes_the_loss_of_the_images_and_the_divergence_of_three_versions(more: list[RDrop]) -> None:
    session = regularize(
        tiny_model(), [AugMix(consistency=12.0), *more], classes=3, epochs=1, steps_per_epoch=1, seed=2
    )
    images, labels = torch.rand(4, 3, 8, 8), torch.tensor([0, 1, 2, 0])
    inputs, targets = session.batch(images, labels)
    outputs = session.forward(inputs)
    assert len(inputs) == len(targets) == (24 if more == [RDrop(alpha=0.5)] else 12)
    soft = targets.values[:4]  # mixed where mixup is there, and the same for all three versions
    for version in targets.values.split(4):
        torch.testing.assert_close(version, soft)
    if Mixup(alpha=1.0) not in more:
        assert torch.equal(inputs[:4], images)
        assert not torch.equal(inputs[4:8], inputs[8:12])
    torch.testing.assert_close(
        session.loss(inputs, targets, outputs),
        functional.cross_entropy(outputs[:4], soft) + 12.0 * three(outputs[:12].view(3, 4, 3)),
    )


def test_it_keeps_the_range_of_pixels_and_odd_sizes():
    run = make_run(nn.Linear(1, 1), input_range=(-1.0, 1.0))
    changed, _ = AugMix(severity=10).batch(run, torch.rand(9, 1, 7, 9) * 2 - 1, Targets("class", torch.eye(9, 10)))
    assert changed.shape == (9, 1, 7, 9)
    assert changed.aminmax().min >= -1
    assert changed.aminmax().max <= 1


@pytest.mark.parametrize("consistency", [0.0, 12.0])
def test_severity_zero_is_the_baseline_bit_for_bit(consistency: float) -> None:
    null = {"augmix": {"severity": 0, "consistency": consistency}}
    assert train(make_plan(null)) == train(make_plan())
    assert train(make_plan({"augmix": {"consistency": consistency}})) != train(make_plan())


def test_what_is_no_image_and_consistency_of_real_targets_are_refused():
    assert "augmix needs images of shape" in (AugMix().refuse("class", (13,)) or "")
    assert "consistency 12 works on class and multilabel" in (AugMix(consistency=12).refuse("real", (1, 8, 8)) or "")
    assert AugMix().refuse("real", (4, 8, 8)) is None
    session = regularize(nn.Linear(4, 2), [AugMix()], classes=2, epochs=1, steps_per_epoch=1)
    with pytest.raises(AdvisorError, match=r"augmix needs a batch of images .* but got \(2, 4\)"):
        session.batch(torch.rand(2, 4), torch.tensor([0, 1]))
