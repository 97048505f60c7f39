"""Each corruption: what holds for all of them, and the maths of each against an independent reference."""

import numpy as np
import pytest
import scipy.fft
import scipy.ndimage
import torch
from sklearn.datasets import load_digits

from advisor.training.robustness import CORRUPTIONS, SEVERITIES
from advisor.training.robustness.table_faults import Columns
from advisor.training.robustness.typos import END, MISSPELLED

IMAGE = sorted(name for name, one in CORRUPTIONS.items() if one.form == "image")
TEXT = sorted(name for name, one in CORRUPTIONS.items() if one.form in ("words", "bytes"))
TABLE = sorted(name for name, one in CORRUPTIONS.items() if one.form in ("table", "numbers", "categories"))
COLUMNS = Columns(torch.tensor([0, 5, 0, 1]), torch.tensor([1.0, 0.0, 30.0, 0.0], dtype=torch.float64))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def smooth_images(count: int, channels: int, height: int, width: int) -> torch.Tensor:
    """Digits scaled up to any size, with other tones in each channel."""
    pixels = torch.from_numpy(load_digits().images[:count] / 16).float().unsqueeze(1)
    scaled = torch.nn.functional.interpolate(pixels, (height, width), mode="bilinear")
    return scaled * torch.linspace(1, 0.6, channels).view(1, -1, 1, 1)


def some_texts(letters: int = 0) -> torch.Tensor:
    """(400, 30) tokens from 10 on, END after texts of 0 to 30."""
    tokens = torch.arange(400 * 30).view(400, 30) % (letters or 10_000) + 10
    lengths = torch.randint(31, (400, 1), generator=seeded())
    return tokens.masked_fill(torch.arange(30) >= lengths, END)


def some_rows() -> torch.Tensor:
    """(2000, 4): numbers, words of 5, numbers in tens, words of 1; a few are missing."""
    rows = torch.randn(2000, 4, generator=seeded(1), dtype=torch.float64)
    rows[:, 1] = torch.randint(5, (2000,), generator=seeded(2)).double()
    rows[:, 2] = rows[:, 2] * 30 + 100
    rows[:, 3] = 0
    rows[::50] = float("nan")
    return rows


def damaged(name: str, values: torch.Tensor, severity: int, seed: int = 0) -> torch.Tensor:
    one = CORRUPTIONS[name]
    told = {"columns": COLUMNS} if name in TABLE else {}
    return one.damage(values, one.setting(severity), seeded(seed), **told)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption_repeats_itself_and_leaves_its_input_and_its_form_as_they_are(name):
    values = {"image": smooth_images(3, 3, 12, 9), "words": some_texts(), "bytes": some_texts(100)}.get(
        CORRUPTIONS[name].form, some_rows()
    )
    before = values.clone()
    for severity in SEVERITIES:
        first = damaged(name, values, severity)
        assert (first.shape, first.dtype) == (values.shape, values.dtype)
        torch.testing.assert_close(first, damaged(name, values, severity), rtol=0, atol=0, equal_nan=True)
        assert not first.nan_to_num().equal(before.nan_to_num())
        torch.testing.assert_close(values, before, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption_says_what_it_is_and_what_its_settings_mean(name):
    one = CORRUPTIONS[name]
    assert one.name == name
    assert one.about.endswith(".")
    assert one.unit
    assert len(set(one.settings)) == len(SEVERITIES)


@pytest.mark.parametrize("name", IMAGE)
@pytest.mark.parametrize("shape", [(5, 1, 8, 8), (4, 3, 9, 13), (3, 3, 32, 32), (2, 1, 50, 20)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_damaged_images_stay_images_in_any_size(name, shape, dtype):
    images = smooth_images(*shape).to(dtype)
    for severity in SEVERITIES:
        found = damaged(name, images, severity)
        assert (found.shape, found.dtype) == (images.shape, images.dtype)
        assert found.min() >= 0
        assert found.max() <= 1


@pytest.mark.parametrize("name", IMAGE)
@pytest.mark.parametrize("shape", [(200, 1, 8, 8), (50, 3, 32, 32)])
def test_images_lie_further_from_the_clean_ones_with_each_severity(name, shape):
    images = smooth_images(*shape)
    distances = [(damaged(name, images, severity) - images).square().mean().item() for severity in SEVERITIES]
    assert distances[0] > 0
    assert distances == sorted(distances)
    assert len(set(distances)) == len(SEVERITIES)


@pytest.mark.parametrize("name", ["gaussian_blur", "motion_blur", "contrast", "pixelate"])
def test_what_averages_leaves_an_even_image_as_it_is(name):
    even = torch.full((2, 3, 11, 17), 0.3, dtype=torch.float64)
    torch.testing.assert_close(damaged(name, even, 5), even)


def test_noise_has_the_moments_that_its_setting_says():
    grey = torch.full((4, 1, 200, 200), 0.5, dtype=torch.float64)
    assert damaged("gaussian_noise", grey, 2).std().item() == pytest.approx(0.08, rel=0.02)
    shot = damaged("shot_noise", grey, 2)
    assert shot.mean().item() == pytest.approx(0.5, rel=0.01)
    assert shot.std().item() == pytest.approx((0.5 / 100) ** 0.5, rel=0.02)
    impulses = damaged("impulse_noise", grey, 5)
    assert (impulses == 0).double().mean().item() == pytest.approx(0.085, rel=0.05)
    assert (impulses == 1).double().mean().item() == pytest.approx(0.085, rel=0.05)
    assert ((impulses == 0) | (impulses == 1) | (impulses == 0.5)).all()


def test_a_blurred_image_is_that_of_scipy_and_the_same_blur_reaches_further_in_a_larger_image():
    images = torch.rand(2, 3, 32, 40, generator=seeded(), dtype=torch.float64)
    expected = scipy.ndimage.gaussian_filter(images.numpy(), (0, 0, 1.0, 1.0), mode="nearest", truncate=3.0)
    np.testing.assert_allclose(damaged("gaussian_blur", images, 3), expected, atol=1e-12)
    larger = torch.rand(1, 1, 128, 128, generator=seeded(), dtype=torch.float64)
    expected = scipy.ndimage.gaussian_filter(larger.numpy(), (0, 0, 2.0, 2.0), mode="nearest", truncate=3.0)
    np.testing.assert_allclose(damaged("gaussian_blur", larger, 3), expected, atol=1e-12)


def test_motion_spreads_a_point_along_a_line_of_its_own_for_each_image():
    points = torch.zeros(6, 1, 33, 33, dtype=torch.float64)
    points[:, :, 16, 16] = 1
    found = damaged("motion_blur", points, 5)[:, 0]
    torch.testing.assert_close(found.sum((1, 2)), torch.ones(6, dtype=torch.float64))
    place = torch.arange(33, dtype=torch.float64) - 16
    xx, yy = (found.sum(1) * place.square()).sum(1), (found.sum(2) * place.square()).sum(1)
    xy = torch.einsum("nyx,y,x->n", found, place, place)
    spread = torch.linalg.eigvalsh(torch.stack([torch.stack([xx, xy], 1), torch.stack([xy, yy], 1)], 2))
    assert (spread[:, 1] > 3).all()  # along a path of some 6.5 pixels; a point has 0
    assert (spread[:, 0] < 0.4).all()  # across it only what lies between pixels
    assert len({round(value, 6) for value in xx.tolist()}) == 6


def test_contrast_keeps_the_mean_and_a_share_of_the_spread_of_each_channel():
    images = smooth_images(3, 3, 10, 10).double()
    found = damaged("contrast", images, 4)
    torch.testing.assert_close(found.mean((2, 3)), images.mean((2, 3)))
    torch.testing.assert_close(found.std((2, 3)), 0.3 * images.std((2, 3)))


def test_half_the_pixels_are_the_means_of_blocks_of_two():
    images = torch.rand(2, 1, 8, 8, generator=seeded(), dtype=torch.float64)
    found = CORRUPTIONS["pixelate"].damage(images, 0.5, seeded())
    blocks = torch.nn.functional.avg_pool2d(images, 2)
    torch.testing.assert_close(found, blocks.repeat_interleave(2, 2).repeat_interleave(2, 3))


def test_compression_rounds_the_cosine_transform_of_blocks():
    images = torch.rand(2, 3, 16, 8, generator=seeded(), dtype=torch.float64)
    place = np.arange(8)
    steps = 0.12 * (1 + (place[:, None] + place) / 2)
    expected = images.numpy().copy()
    for top in (0, 8):
        waves = scipy.fft.dctn(expected[:, :, top : top + 8], axes=(2, 3), norm="ortho")
        expected[:, :, top : top + 8] = scipy.fft.idctn(np.round(waves / steps) * steps, axes=(2, 3), norm="ortho")
    np.testing.assert_allclose(damaged("compression", images, 2), expected.clip(0, 1), atol=1e-12)


@pytest.mark.parametrize("name", TEXT)
def test_a_text_ends_once_and_nothing_comes_after_its_end(name):
    for tokens in (some_texts(), torch.full((3, 5), END), torch.full((3, 1), 7)):
        for severity in SEVERITIES:
            ended = damaged(name, tokens, severity) == END
            assert (ended.cummax(1).values == ended).all()
            if not name.startswith("dropped"):
                assert (ended == (tokens == END)).all()


@pytest.mark.parametrize("name", TEXT)
@pytest.mark.parametrize("severity", [1, 5])
def test_of_the_tokens_that_are_there_the_share_of_the_setting_is_hit(name, severity):
    tokens = some_texts(100)
    found, present = damaged(name, tokens, severity), tokens != END
    if name.startswith("dropped"):
        share = 1 - (found != END).sum().item() / present.sum().item()
    else:
        share = ((found != tokens) & present).sum().item() / present.sum().item()
    expected = CORRUPTIONS[name].setting(severity) * (2 if name.startswith("swapped") else 1)
    assert share == pytest.approx(expected, rel=0.25)


def test_swapped_words_are_the_same_words_next_to_each_other():
    tokens = some_texts()
    found = damaged("swapped_words", tokens, 5)
    assert found.sort(1).values.equal(tokens.sort(1).values)
    assert (found - tokens).abs().max() == 1  # neighbours differ by one here
    assert not found.equal(tokens)


def test_dropped_words_leave_the_others_in_their_order():
    tokens = some_texts()
    for before, after in zip(tokens.tolist(), damaged("dropped_words", tokens, 5).tolist(), strict=True):
        kept = [token for token in after if token != END]
        assert kept == [token for token in before if token in set(kept) and token != END]


def test_typing_errors_make_words_unknown_and_characters_small_letters():
    tokens = some_texts()
    found = damaged("misspelled_words", tokens, 5)
    assert set(found[found != tokens].tolist()) == {MISSPELLED}
    found = damaged("replaced_characters", tokens, 5)
    letters = found[found != tokens]
    assert letters.min() >= ord("a")
    assert letters.max() <= ord("z")


@pytest.mark.parametrize("name", TABLE)
def test_a_table_keeps_its_gaps_and_its_words(name):
    rows = some_rows()
    for severity in SEVERITIES:
        found = damaged(name, rows, severity)
        assert found[rows.isnan()].isnan().all()
        words = found[:, 1][~found[:, 1].isnan()]
        assert set(words.tolist()) == {0.0, 1.0, 2.0, 3.0, 4.0}
        assert found[:, 3].nan_to_num().eq(0).all()


def test_cells_go_missing_in_the_share_of_the_setting_in_every_column():
    rows = some_rows().nan_to_num()
    shares = damaged("missing_values", rows, 3).isnan().double().mean(0)
    torch.testing.assert_close(shares, torch.full((4,), 0.2, dtype=torch.float64), rtol=0.15, atol=0)


def test_noise_on_numbers_is_measured_in_the_columns_own_deviations_and_spares_words():
    rows = some_rows().nan_to_num()
    change = damaged("number_noise", rows, 4) - rows
    assert change[:, 0].std().item() == pytest.approx(0.7, rel=0.05)
    assert change[:, 2].std().item() == pytest.approx(0.7 * 30, rel=0.05)
    assert not change[:, [1, 3]].any()


def test_a_replaced_word_is_another_one_of_its_column_all_alike_likely():
    rows = torch.zeros(20_000, 4, dtype=torch.float64)
    found = damaged("replaced_categories", rows, 5)
    assert not found[:, [0, 2, 3]].any()
    counts = torch.bincount(found[:, 1].long(), minlength=5) / len(rows)
    torch.testing.assert_close(counts, torch.tensor([0.5, 0.125, 0.125, 0.125, 0.125]), rtol=0.06, atol=0)
