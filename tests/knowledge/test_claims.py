"""Claims about inputs, layers and weights, each shown on the smallest example that could refute it."""

import inspect

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LinearRegression
from torch import nn
from torchvision.models.convnext import CNBlock
from torchvision.transforms import v2

# The common corruptions of Hendrycks & Dietterich (2019).
CORRUPTIONS = {
    "gaussian noise", "shot noise", "impulse noise", "defocus blur", "glass blur", "motion blur", "zoom blur", "snow",
    "frost", "fog", "brightness", "contrast", "elastic transform", "pixelate", "jpeg compression",
}  # fmt: skip


def test_randaugment_contains_corruptions_of_the_usual_benchmark() -> None:
    operations = {name.lower() for name in v2.RandAugment._AUGMENTATION_SPACE}
    assert operations & CORRUPTIONS == {"brightness", "contrast"}
    assert inspect.signature(v2.AugMix).parameters["all_ops"].default is True
    assert {name.lower() for name in v2.AugMix._AUGMENTATION_SPACE} >= {"brightness", "contrast"}
    assert not {name.lower() for name in v2.AugMix._PARTIAL_AUGMENTATION_SPACE} & CORRUPTIONS


def test_torchvisions_magnitudes_have_31_bins() -> None:
    parameters = inspect.signature(v2.RandAugment).parameters
    assert parameters["num_magnitude_bins"].default == 31
    beyond = v2.RandAugment(num_ops=50, magnitude=31)
    with pytest.raises((ValueError, IndexError)):
        beyond(torch.zeros(3, 8, 8, dtype=torch.uint8))


def test_cutmixs_label_share_is_the_area_after_clipping() -> None:
    images = torch.stack([torch.zeros(1, 32, 32), torch.ones(1, 32, 32)])
    differences = []
    for _ in range(200):
        mixed, labels = v2.CutMix(num_classes=2)(images, torch.tensor([0, 1]))
        pasted = mixed[0].mean()
        torch.testing.assert_close(labels[0, 1], pasted, atol=1e-4, rtol=0)
    generator = np.random.default_rng(0)
    for _ in range(1000):  # boxes as drawn, before the border cuts them
        share = generator.uniform()
        half = np.sqrt(share) / 2
        centre = generator.uniform(size=2)
        sides = np.minimum(centre + half, 1) - np.maximum(centre - half, 0)
        differences.append(share - sides.prod())
    assert min(differences) >= -1e-9
    assert max(differences) > 0.2


def test_mixing_hidden_features_differs_from_mixing_inputs_only_through_the_non_linearity() -> None:
    first, second = nn.Linear(6, 20), nn.Linear(20, 3)
    x, partner, lam = torch.randn(50, 6), torch.randn(50, 6), 0.3

    def differ(between: nn.Module) -> float:
        early = second(between(first(lam * x + (1 - lam) * partner)))
        late = second(lam * between(first(x)) + (1 - lam) * between(first(partner)))
        return float((early - late).abs().max().detach())

    assert differ(nn.Identity()) < 1e-5
    assert differ(nn.ReLU()) > 0.01


def test_plain_mixup_bends_a_curved_regression() -> None:
    generator = np.random.default_rng(0)
    x = generator.uniform(-1, 1, 4000)
    y = x**2
    lam, partner = generator.beta(1, 1, len(x)), generator.permutation(len(x))
    mixed_x, mixed_y = lam * x + (1 - lam) * x[partner], lam * y + (1 - lam) * y[partner]
    plain, mixed = np.polyfit(x, y, 6), np.polyfit(mixed_x, mixed_y, 6)
    assert abs(np.polyval(plain, 0.0)) < 0.01
    assert np.polyval(mixed, 0.0) > 0.1
    near = np.argsort(x)  # partners of nearly the same target bend it far less
    lam = generator.beta(1, 1, len(x) - 1)
    near_x = lam * x[near][1:] + (1 - lam) * x[near][:-1]
    near_y = lam * y[near][1:] + (1 - lam) * y[near][:-1]
    assert abs(np.polyval(np.polyfit(near_x, near_y, 6), 0.0)) < 0.01


def test_random_resized_crops_show_objects_larger_than_centre_crops() -> None:
    image = torch.zeros(3, 256, 256)
    scales = []
    for _ in range(1000):
        _, _, height, width = v2.RandomResizedCrop(224).make_params([image]).values()
        scales.append(224 / np.sqrt(height * width))
    assert np.mean(scales) > 1.2  # a centre crop of 224 shows the same image at scale 1


def test_input_noise_equals_ridge_in_linear_regression() -> None:
    generator = np.random.default_rng(0)
    n, d, variance = 40, 5, 0.3
    x, y = generator.normal(size=(n, d)), generator.normal(size=n)
    copies = 4000
    noisy = np.tile(x, (copies, 1)) + generator.normal(scale=np.sqrt(variance), size=(n * copies, d))
    by_noise = np.linalg.lstsq(noisy, np.tile(y, copies), rcond=None)[0]
    ridge = np.linalg.solve(x.T @ x + n * variance * np.eye(d), x.T @ y)
    plain = np.linalg.lstsq(x, y, rcond=None)[0]
    assert np.abs(by_noise - ridge).max() < 0.01
    assert np.abs(plain - ridge).max() > 0.02


def test_dropout_on_inputs_is_a_ridge_penalty_scaled_by_second_moments() -> None:
    x, y, w, p = torch.randn(30, 4) * torch.tensor([1.0, 2.0, 0.5, 3.0]), torch.randn(30), torch.randn(4), 0.4
    dropped = nn.functional.dropout(x.repeat(20000, 1, 1), p)
    noisy = ((dropped @ w - y) ** 2).mean()
    plain = ((x @ w - y) ** 2).mean()
    penalty = p / (1 - p) * (w**2 * (x**2).mean(0)).sum()
    torch.testing.assert_close(noisy, plain + penalty, rtol=0.02, atol=0)
    assert penalty > 0.1 * plain


def test_one_softmax_layers_full_network_is_the_geometric_mean_of_its_sub_networks() -> None:
    x, w, b = torch.randn(6), torch.randn(3, 6), torch.randn(3)
    masks = torch.tensor([[(index >> bit) & 1 for bit in range(6)] for index in range(64)], dtype=torch.float32)
    outputs = torch.log_softmax((masks * x) @ w.T + b, dim=1)  # every sub-network, each unit kept with 1/2
    geometric = torch.softmax(outputs.mean(0), dim=0)
    torch.testing.assert_close(geometric, torch.softmax(w @ (x / 2) + b, dim=0))
    assert (outputs.exp().mean(0) - geometric).abs().max() > 0.001  # the arithmetic mean is another


def test_dropout_before_batch_norm_shifts_the_variance() -> None:
    inputs = torch.relu(torch.randn(4096, 8))

    def variance_in_evaluation(p: float) -> float:
        norm = nn.BatchNorm1d(8, momentum=None)
        for _ in range(20):
            norm(nn.functional.dropout(inputs, p))
        norm.eval()
        return float(norm(inputs).var(0).mean().detach())

    assert variance_in_evaluation(0.0) == pytest.approx(1.0, abs=0.01)
    assert variance_in_evaluation(0.5) < 0.6


def test_a_dropped_activation_is_rebuilt_from_its_neighbours() -> None:
    images = torch.tensor(load_digits().images[:500], dtype=torch.float32).unsqueeze(1)
    images = nn.functional.interpolate(images, scale_factor=4, mode="bilinear")  # 32 x 32
    with torch.no_grad():
        maps = torch.relu(nn.Conv2d(1, 8, 5, padding=2)(images))
    centre = maps[:, 0, 12:20:4, 12:20:4].flatten()
    around = torch.stack([maps[:, 0, 12 + i : 20 + i : 4, 12 + j : 20 + j : 4].flatten()
                          for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j], dim=1)  # fmt: skip
    by_neighbours = LinearRegression().fit(around[:1000], centre[:1000]).score(around[1000:], centre[1000:])
    far = torch.stack([maps[:, 0, 12 + i : 20 + i : 4, 12 + j : 20 + j : 4].flatten()
                       for i in (-8, 8) for j in (-8, 8)], dim=1)  # fmt: skip
    by_distant = LinearRegression().fit(far[:1000], centre[:1000]).score(far[1000:], centre[1000:])
    assert by_neighbours > 0.9
    assert by_distant < 0.6  # what is left where a whole block is dropped


def test_per_sample_stochastic_depth_computes_every_branch() -> None:
    block = CNBlock(8, layer_scale=1.0, stochastic_depth_prob=1.0).train()
    computed: list[int] = []
    block.block[0].register_forward_hook(lambda module, inputs, output: computed.append(len(output)))
    x = torch.randn(5, 8, 7, 7)
    torch.testing.assert_close(block(x), x)  # every branch is dropped
    assert computed == [5]  # and all were computed


def test_dropout_of_a_single_layer_lstm_does_nothing() -> None:
    with pytest.warns(UserWarning, match="num_layers greater than 1"):
        single = nn.LSTM(3, 4, num_layers=1, dropout=0.9)
    stacked = nn.LSTM(3, 4, num_layers=2, dropout=0.9)
    x = torch.randn(6, 2, 3)
    torch.testing.assert_close(single(x)[0], single(x)[0])
    assert (stacked(x)[0] - stacked(x)[0]).abs().max() > 0.01


def test_adams_l2_hardly_decays_weights_with_large_gradients_and_adamw_does() -> None:
    def left(kind: type[torch.optim.Optimizer]) -> torch.Tensor:
        weights = nn.Parameter(torch.ones(2, 500))
        optimizer = kind([weights], lr=1e-3, weight_decay=0.1)  # type: ignore[call-arg]
        scales = torch.tensor([[0.01], [100.0]])
        generator = torch.Generator().manual_seed(0)
        for _ in range(1000):
            weights.grad = scales * torch.randn(2, 500, generator=generator)  # no signal, only noise
            optimizer.step()
        return weights.detach().mean(1)

    small, large = left(torch.optim.AdamW)
    assert float(small) == pytest.approx(float(large), abs=0.03)
    small, large = left(torch.optim.Adam)
    assert large > 0.95
    assert small < 0.5


def test_torchs_adamw_shrinks_by_lr_times_decay_at_every_step() -> None:
    weights = nn.Parameter(torch.ones(3, dtype=torch.float64))
    optimizer = torch.optim.AdamW([weights], lr=0.1, weight_decay=0.5)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / 10)
    expected = 1.0
    for _ in range(10):
        weights.grad = torch.zeros(3, dtype=torch.float64)
        expected *= 1 - schedule.get_last_lr()[0] * 0.5
        optimizer.step()
        schedule.step()
    torch.testing.assert_close(weights.detach(), torch.full((3,), expected, dtype=torch.float64))
    assert expected > (1 - 0.1 * 0.5) ** 10 + 0.1  # with the rate annealed, far less decay than at its peak


def test_scaling_weights_before_batch_norm_changes_the_gradient_and_not_the_output() -> None:
    layer, norm = nn.Linear(5, 4, bias=False), nn.BatchNorm1d(4, eps=1e-12)
    x, target = torch.randn(64, 5), torch.randn(64, 4)

    def look() -> tuple[torch.Tensor, torch.Tensor]:
        layer.zero_grad()
        output = norm(layer(x))
        ((output - target) ** 2).mean().backward()
        assert layer.weight.grad is not None
        return output.detach(), layer.weight.grad.clone()

    output, gradient = look()
    with torch.no_grad():
        layer.weight *= 2
    again, halved = look()
    torch.testing.assert_close(again, output, atol=1e-5, rtol=0)
    torch.testing.assert_close(halved, gradient / 2, atol=1e-6, rtol=1e-3)


def test_lr_times_weight_decay_sets_the_equilibrium_of_normalized_weights() -> None:
    def turn(lr: float, decay: float) -> float:
        """Mean angle of a step in equilibrium, for weights whose scale does not matter."""
        generator = torch.Generator().manual_seed(0)
        weights = nn.Parameter(torch.randn(2000, generator=generator))
        optimizer = torch.optim.AdamW([weights], lr=lr, weight_decay=decay)
        angles = []
        for step in range(1500):
            before = weights.detach().clone()
            noise = torch.randn(2000, generator=generator)
            noise -= before * (noise @ before) / (before @ before)  # such gradients are orthogonal to the weights
            weights.grad = noise / before.norm()
            optimizer.step()
            if step >= 1200:
                angles.append(torch.acos(nn.functional.cosine_similarity(before, weights.detach(), dim=0)))
        return float(torch.stack(angles).mean())

    same = turn(0.01, 0.5), turn(0.02, 0.25)
    assert same[1] == pytest.approx(same[0], rel=0.1)
    assert turn(0.02, 1.0) > 1.6 * same[0]  # four times the product, twice the angle
