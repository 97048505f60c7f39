"""Batched image operations against torchvision, image by image, and their ranges against torchvision's tables."""

import math
import random

import pytest
import torch

from advisor.errors import AdvisorError
from advisor.techniques.core.augmentation_spaces import (
    AUG_MIX,
    AUG_MIX_ALL,
    RAND_AUGMENT,
    TRIVIAL_AUGMENT_WIDE,
    Scale,
    Space,
)
from advisor.techniques.core.image_ops import MATRICES, OPS, apply_ops, equalize, posterize, sample_affine

v2 = pytest.importorskip("torchvision.transforms.v2", reason="torchvision is not installed")

MAGNITUDES = {
    "identity": [0.0, 0.0],
    "shear_x": [-0.9, -0.31, -0.07, 0.0, 0.123, 0.52, 0.9],
    "shear_y": [0.87, -0.29, -0.1, 0.0, 0.11, 0.5, -1.0],
    "translate_x": [-4.9, -3.0, -0.5, 0.0, 1.0, 2.7, 40.0],
    "translate_y": [5.2, 3.0, 0.9, 0.0, -1.0, -2.7, -40.0],
    "rotate": [-135.0, -30.0, -90.0, -11.7, 0.0, 7.3, 45.5, 90.0, 180.0],
    "brightness": [-1.0, -0.31, 0.0, 0.123, 0.9],
    "color": [-0.9, -0.07, 0.0, 0.5, 0.99],
    "contrast": [-0.9, -0.31, -0.07, 0.0, 0.123, 0.9],
    "sharpness": [-1.0, -0.4, 0.0, 0.2, 0.99, 3.0],
    "posterize": [0.0, 1.0, 2.0, 4.0, 5.0, 7.9, 8.0],
    "solarize": [0.0, 0.1, 0.25, 0.5, 0.77, 1.0],
    "autocontrast": [0.0, 0.0, 0.0],
    "equalize": [0.0, 0.0, 0.0],
    "invert": [0.0, 0.0],
}
SIZES = [(7, 9), (32, 32), (28, 31)]
TORCHVISION_NAMES = {
    **{name: "".join(part.title() for part in name.split("_")) for name in OPS},
    "autocontrast": "AutoContrast",
}


def torchvisions(image: torch.Tensor, name: str, magnitude: float, interpolation: str = "nearest") -> torch.Tensor:
    """The same operation by the code behind torchvision's RandAugment. image: (C, H, W)."""
    transform = v2.RandAugment()
    mode = v2.InterpolationMode(interpolation)
    identifier = TORCHVISION_NAMES[name]
    return transform._apply_image_or_video_transform(image, identifier, magnitude, mode, {torch.Tensor: None})


def batch(name: str, channels: int, size: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(len(name) + channels)
    magnitudes = torch.tensor(MAGNITUDES[name])
    images = torch.rand(len(magnitudes), channels, *size, generator=generator)
    return images.mul_(0.8).add_(0.1), magnitudes


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", OPS)
def test_each_image_becomes_torchvisions_for_its_own_magnitude(name: str, channels: int, size: tuple[int, int]) -> None:
    images, magnitudes = batch(name, channels, size)
    before = images.clone()
    expected = [torchvisions(image, name, value) for image, value in zip(images, magnitudes.tolist(), strict=True)]
    torch.testing.assert_close(OPS[name](images, magnitudes), torch.stack(expected), rtol=0, atol=1e-6)
    torch.testing.assert_close(images, before, rtol=0, atol=0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", MATRICES)
def test_bilinear_sampling_is_torchvisions(name: str, size: tuple[int, int]) -> None:
    images, magnitudes = batch(name, 3, size)
    ours = apply_ops(images, [name] * len(images), magnitudes, interpolation="bilinear")
    for image, value, our in zip(images, magnitudes.tolist(), ours, strict=True):
        torch.testing.assert_close(our, torchvisions(image, name, value, "bilinear"), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", OPS)
def test_double_precision_is_kept(name: str) -> None:
    """Bilinear, because places half-way between two pixels fall to either by the last bit."""
    images, magnitudes = batch(name, 3, (7, 9))
    images, magnitudes = images.double(), magnitudes.double()
    ours = apply_ops(images, [name] * len(images), magnitudes, interpolation="bilinear")
    for image, value, our in zip(images, magnitudes.tolist(), ours, strict=True):
        torch.testing.assert_close(our, torchvisions(image, name, value, "bilinear"), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("dtype", "coarse"), [(torch.float16, 2e-3), (torch.bfloat16, 2e-2)])
@pytest.mark.parametrize("name", OPS)
def test_half_precision_gives_what_single_precision_gives(name: str, dtype: torch.dtype, coarse: float) -> None:
    images, magnitudes = batch(name, 3, (7, 9))
    images = images.mul(256).floor().div(256)  # the same in every type
    magnitudes = magnitudes.bfloat16().float()
    ours = OPS[name](images.to(dtype), magnitudes)
    assert ours.dtype == dtype
    torch.testing.assert_close(ours.float(), OPS[name](images, magnitudes), rtol=0, atol=coarse)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_with_few_values_are_equalized_and_stretched_as_torchvision_does(channels: int) -> None:
    ramp = torch.linspace(0, 1, 63).view(1, 7, 9).expand(channels, 7, 9)
    flat = torch.full((channels, 7, 9), 0.4)
    dots = torch.zeros(channels, 7, 9)
    dots[:, 2, 3] = 1.0
    images = torch.stack([ramp, flat, dots, torch.zeros_like(flat), torch.ones_like(flat), (ramp > 0.5).float()])
    images = images.repeat_interleave(6, 2).repeat_interleave(6, 3)
    nothing = torch.zeros(len(images))
    for name in ("autocontrast", "equalize"):
        expected = torch.stack([torchvisions(image, name, 0.0) for image in images])
        torch.testing.assert_close(OPS[name](images, nothing), expected, rtol=0, atol=1e-6)


def test_a_mixed_batch_is_each_image_by_its_own_operation() -> None:
    choose = random.Random(0)
    names = [*OPS, *choose.choices(list(OPS), k=40)]
    choose.shuffle(names)
    magnitudes = torch.tensor([choose.choice(MAGNITUDES[name]) for name in names])
    images = torch.rand(len(names), 3, 13, 12, generator=torch.Generator().manual_seed(0))
    before = images.clone()
    ours = apply_ops(images, names, magnitudes)
    for image, name, value, our in zip(images, names, magnitudes.tolist(), ours, strict=True):
        torch.testing.assert_close(our, torchvisions(image, name, value), rtol=0, atol=1e-6)
    torch.testing.assert_close(images, before, rtol=0, atol=0)

    last = images.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(apply_ops(last, names, magnitudes), ours, rtol=0, atol=1e-6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(apply_ops(images, names, magnitudes), ours, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", OPS)
def test_channels_last_images_give_the_same(name: str) -> None:
    images, magnitudes = batch(name, 3, (7, 9))
    last = images.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(OPS[name](last, magnitudes), OPS[name](images, magnitudes), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in OPS if name not in ("color", "contrast")])
def test_images_of_other_numbers_of_channels_are_treated_channel_by_channel(name: str) -> None:
    images, magnitudes = batch(name, 5, (7, 9))
    channel_wise = [OPS[name](images[:, one : one + 1], magnitudes) for one in range(5)]
    torch.testing.assert_close(OPS[name](images, magnitudes), torch.cat(channel_wise, 1), rtol=0, atol=1e-6)


def test_images_too_small_to_be_smoothed_stay_as_they_are() -> None:
    images = torch.rand(2, 3, 2, 5)
    torch.testing.assert_close(OPS["sharpness"](images, torch.tensor([0.5, -0.5])), images, rtol=0, atol=0)


@pytest.mark.parametrize("name", OPS)
def test_no_operation_waits_for_the_device(name: str) -> None:
    """A fake tensor has no values: whatever asks for one raises."""
    from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

    images, magnitudes = batch(name, 3, (7, 9))
    with FakeTensorMode() as mode:
        fakes = mode.from_tensor(images), mode.from_tensor(magnitudes)
        results = [OPS[name](*fakes), apply_ops(fakes[0], ["invert", *[name] * (len(images) - 1)], fakes[1])]
        RAND_AUGMENT["rotate"].magnitudes(7, 9, bins=17)
        RAND_AUGMENT["posterize"].magnitudes(7, 9, bins=17)
    for result in results:
        assert isinstance(result, FakeTensor)
        assert result.shape == images.shape


@pytest.mark.parametrize("name", [name for name in OPS if name not in ("posterize", "equalize")])
def test_gradients_reach_the_images(name: str) -> None:
    images, magnitudes = batch(name, 3, (5, 6))
    leaf = images.double().requires_grad_()
    result = apply_ops(leaf, [name] * len(images), magnitudes, interpolation="bilinear")
    (gradient,) = torch.autograd.grad(result.square().sum(), leaf)
    assert gradient.isfinite().all()
    assert gradient.abs().sum() > 0


def test_a_batch_without_images_and_one_left_alone() -> None:
    none = torch.rand(0, 3, 4, 4)
    assert apply_ops(none, [], torch.zeros(0)).shape == none.shape
    images = torch.rand(2, 3, 4, 4)
    assert apply_ops(images, ["identity"] * 2, torch.zeros(2)) is images


def test_not_a_number_stays_within_bounds() -> None:
    images = torch.full((1, 3, 4, 4), math.nan)
    assert equalize(images, torch.zeros(1)).isfinite().all()
    assert posterize(images, torch.tensor([4.0])).isnan().all()


@pytest.mark.parametrize("images", [torch.rand(3, 4, 4), torch.zeros(2, 3, 4, 4, dtype=torch.uint8)])
def test_what_is_no_batch_of_float_images_is_refused(images: torch.Tensor) -> None:
    zeros = torch.zeros(len(images))
    calls = [lambda op=op: op(images, zeros) for op in OPS.values()]
    calls += [lambda: apply_ops(images, ["invert"] * len(images), zeros), lambda: sample_affine(images, zeros)]
    for call in calls:
        with pytest.raises(AdvisorError, match=r"\(N, channels, height, width\) of floats but got .*; convert"):
            call()


def test_unknown_operations_and_numbers_of_channels_are_refused() -> None:
    images = torch.rand(1, 4, 5, 5)
    with pytest.raises(AdvisorError, match="Unknown image operation 'sheer_x'; known, nearest first: shear_x"):
        apply_ops(images, ["sheer_x"], torch.zeros(1))
    for name in ("color", "contrast"):
        with pytest.raises(AdvisorError, match="1 or 3 channels but got 4; leave"):
            apply_ops(images, [name], torch.zeros(1))


@pytest.mark.parametrize("bins", [2, 10, 31, 64])
@pytest.mark.parametrize(
    ("space", "table"),
    [
        (RAND_AUGMENT, v2.RandAugment._AUGMENTATION_SPACE),
        (TRIVIAL_AUGMENT_WIDE, v2.TrivialAugmentWide._AUGMENTATION_SPACE),
        (AUG_MIX, v2.AugMix._PARTIAL_AUGMENTATION_SPACE),
        (AUG_MIX_ALL, v2.AugMix._AUGMENTATION_SPACE),
    ],
)
def test_the_ranges_are_torchvisions(space: Space, table: dict[str, object], bins: int) -> None:
    assert [TORCHVISION_NAMES[name] for name in space] == list(table)
    assert set(space) <= set(OPS)
    # torch's own last bit differs where the processor does not fuse multiply and add
    exact = torch.backends.cpu.get_cpu_capability() == "AVX2"
    for name, scale in space.items():
        of_torchvision, signed = table[TORCHVISION_NAMES[name]]
        assert scale.signed == signed
        for height, width in [(32, 32), (7, 9), (224, 331), (28, 97)]:
            theirs = of_torchvision(bins, height, width)
            expected = torch.zeros(bins) if theirs is None else theirs.float()
            ours = torch.tensor(scale.magnitudes(height, width, bins))
            torch.testing.assert_close(ours, expected, rtol=0 if exact else 3e-7, atol=0)


@pytest.mark.parametrize("space", [RAND_AUGMENT, TRIVIAL_AUGMENT_WIDE])
@pytest.mark.parametrize("size", SIZES)
def test_every_bin_samples_the_pixels_that_torchvision_samples(space: Space, size: tuple[int, int]) -> None:
    """Bins put many places exactly half-way between two pixels, where the last bit of a sum decides."""
    image = torch.rand(1, *size, generator=torch.Generator().manual_seed(1))
    for name in MATRICES:
        values = [sign * value for value in space[name].magnitudes(*size) for sign in (1.0, -1.0)]
        ours = OPS[name](image.expand(len(values), -1, -1, -1), torch.tensor(values))
        expected = torch.stack([torchvisions(image, name, value) for value in values])
        assert (ours != expected).double().mean() <= 1e-3, name


def test_a_scale_without_a_range_is_zero_in_every_bin() -> None:
    assert Scale().magnitudes(32, 32, 5) == (0.0,) * 5
