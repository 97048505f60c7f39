"""AugMax: the search raises the loss, by gradients checked by hand, and leaves the model as it found it."""

import pytest
import torch
from torch import nn

from advisor.errors import AdvisorError
from advisor.techniques import regularize
from advisor.techniques.augmax import AugMax, ascend, blend_chains
from advisor.techniques.augmix import AugMix
from advisor.techniques.core import Targets
from advisor.techniques.core.targets import mean_loss
from advisor.training.engine import train
from tests.techniques.runs import make_run
from tests.training.run_plans import make_plan


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(256, 10)
    )


def batch() -> tuple[torch.Tensor, Targets]:
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(10, (6,), generator=generator)
    return torch.rand(6, 3, 8, 8, generator=generator), Targets.of_labels(labels, 10, torch.float32)


def test_the_blend_is_a_weighted_mean_of_image_and_copies():
    images, changed = torch.zeros(1, 1, 1, 1), torch.tensor([1.0, 3.0]).view(2, 1, 1, 1, 1)
    # Half of the image, and of the other half a quarter and three quarters of the copies.
    logits = torch.tensor([[0.0], [0.0], [3.0]])
    logits[2] = torch.tensor(3.0).log()
    assert blend_chains(images, changed, logits).item() == pytest.approx(0.5 * (0.25 * 1 + 0.75 * 3))
    torch.testing.assert_close(blend_chains(images, changed, torch.full((3, 1), -100.0)), images)


def test_one_step_goes_along_the_sign_of_the_gradient_by_finite_differences():
    images, changed = torch.rand(2, 1, 3, 3).double(), torch.rand(3, 2, 1, 3, 3).double()
    weight, logits = torch.randn(9).double(), torch.randn(4, 2).double()

    def loss_of(candidate: torch.Tensor) -> torch.Tensor:
        return (blend_chains(images, changed, candidate).flatten(1) @ weight).square().mean()

    slope = torch.zeros_like(logits)
    for place in range(logits.numel()):
        bump = torch.zeros(logits.numel()).double()
        bump[place] = 1e-6
        bump = bump.view_as(logits)
        slope.view(-1)[place] = loss_of(logits + bump) - loss_of(logits - bump)
    torch.testing.assert_close(ascend(loss_of, logits, 1, 0.1), logits + 0.1 * slope.sign())
    assert torch.equal(ascend(loss_of, logits, 0, 0.1), logits)


def test_the_search_raises_the_loss_of_the_network_in_evaluation():
    images, targets = batch()
    losses = []
    for steps in (0, 5, 20):
        model = network()
        run = make_run(model.eval())
        hard, same = AugMax(steps=steps, step_size=0.3, severity=8).batch(run, images, targets)
        assert same is targets
        losses.append(mean_loss(model(hard), targets).item())
    assert losses[0] < losses[1] < losses[2]


def test_statistics_modes_gradients_and_random_streams_stay_untouched():
    images, targets = batch()
    model = network().train()
    model[1].eval()  # a frozen batch normalization
    run = make_run(model)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modes, state = [module.training for module in model.modules()], torch.get_rng_state()
    hard, _ = AugMax().batch(run, images, targets)
    assert not torch.equal(hard, images)
    assert not hard.requires_grad
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("kind", ["class", "multilabel", "real"])
def test_it_works_on_every_kind_of_targets_and_range_of_pixels(kind: str) -> None:
    images, _ = batch()
    run = make_run(network(), kind=kind, input_range=(-1.0, 1.0))
    targets = Targets(kind, torch.rand(6, 10, generator=torch.Generator().manual_seed(2)))
    hard, _ = AugMax(steps=2).batch(run, images * 2 - 1, targets)
    assert hard.shape == images.shape
    assert hard.aminmax().min >= -1
    assert hard.aminmax().max <= 1


def test_a_batch_of_one_of_odd_size_passes():
    run = make_run(nn.Sequential(nn.Flatten(), nn.Linear(63, 10)))
    hard, _ = AugMax(width=1, depth=1).batch(run, torch.rand(1, 1, 7, 9), Targets("class", torch.eye(1, 10)))
    assert hard.shape == (1, 1, 7, 9)


def test_severity_zero_is_the_baseline_bit_for_bit():
    small_cnn = {"model": {"name": "small_cnn", "arguments": {"width": 4}}}  # with batch normalization
    assert train(make_plan({"augmax": {"severity": 0}}, **small_cnn)) == train(make_plan(**small_cnn))
    assert train(make_plan({"augmax": {}}, **small_cnn)) != train(make_plan(**small_cnn))


def test_what_is_no_image_is_refused_and_so_are_other_policies_beside_it():
    assert "augmax needs images of shape" in (AugMax().refuse("class", (13,)) or "")
    session = regularize(nn.Linear(4, 2), [AugMax()], classes=2, epochs=1, steps_per_epoch=1)
    with pytest.raises(AdvisorError, match=r"augmax needs a batch of images .* but got \(2, 4\)"):
        session.batch(torch.rand(2, 4), torch.tensor([0, 1]))
    with pytest.raises(AdvisorError, match="each is a whole policy of distortions"):
        regularize(nn.Linear(4, 2), [AugMax(), AugMix()], classes=2, epochs=1, steps_per_epoch=1)
