"""The pictures: what they show, and that no input breaks them."""

import itertools
import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.curves import Curves, Series
from advisor.errors import AdvisorError
from advisor.report.curve_plot import smooth, thin
from advisor.report.picture import COLOURS, DARK, apart, clean
from advisor.report.plots import curves_picture, effect_by_epoch_picture, effects_picture
from tests.report import examples

PNG_START = b"\x89PNG\r\n\x1a\n"


def _words(svg: str) -> str:
    """All text of a picture, in order; fails where the picture is not well-formed XML."""
    return " ".join("".join(element.itertext()) for element in ElementTree.fromstring(svg).iter() if element.text)


def _curves_svg(curves: Curves) -> str:
    return curves_picture(curves, examples.overfitting_diagnosis(curves), format="svg")


def test_the_curve_names_its_lines_the_onset_and_the_best_point() -> None:
    said = _words(_curves_svg(examples.overfitting_curves()))
    for part in ("train", "validation", "overfitting from epoch 28 (25 to 34)", "best validation value", "loss"):
        assert part in said


def test_the_forest_plot_names_each_arm_with_its_verdict_and_which_way_is_better() -> None:
    evidence = examples.usual_evidence()
    said = _words(effects_picture(evidence, format="svg"))
    for arm in evidence.results.arms:
        assert arm.name in said
        assert f"points, {arm.verdict}" in said
    assert "← worse" in said
    assert "better →" in said
    assert "below 0.5 points, too small to matter" in said


def test_less_is_better_turns_the_direction_words_round() -> None:
    arm = examples.arm_evidence("mixup", [-0.1, -0.12, -0.2], "helps", metric="nll")
    said = _words(effects_picture(examples.evidence_of([arm], blocks=3, metric="nll"), format="svg"))
    assert "← better" in said
    assert "-0.14, helps" in said


def test_the_forest_plot_has_one_dot_for_each_block() -> None:
    arm = examples.arm_evidence("mixup", [0.01, 0.02, 0.03, 0.05, 0.04], "helps")
    svg = effects_picture(examples.evidence_of([arm], blocks=5), format="svg")
    dots = [use for use in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}use")
            if "fill: var(--helps" in use.get("style", "") and "opacity: 0.55" in use.get("style", "")]  # fmt: skip
    assert len(dots) == 5


def test_every_picture_is_a_png_too() -> None:
    curves, evidence = examples.overfitting_curves(), examples.usual_evidence()
    assert curves_picture(curves, examples.overfitting_diagnosis(curves), format="png").startswith(PNG_START)
    assert effects_picture(evidence, format="png").startswith(PNG_START)
    assert effect_by_epoch_picture(evidence, format="png").startswith(PNG_START)


def test_the_same_input_gives_the_same_bytes() -> None:
    evidence = examples.usual_evidence()
    assert effects_picture(evidence, format="svg") == effects_picture(evidence, format="svg")
    assert effects_picture(evidence, format="png") == effects_picture(evidence, format="png")


def test_pictures_of_one_page_share_no_id_and_refer_to_nothing_outside() -> None:
    evidence = examples.usual_evidence()
    pictures = [_curves_svg(examples.overfitting_curves()), effects_picture(evidence, format="svg"),
                effect_by_epoch_picture(evidence, format="svg")]  # fmt: skip
    seen: set[str] = set()
    for svg in pictures:
        elements = list(ElementTree.fromstring(svg).iter())
        ids = {element.get("id") or element.get("{http://www.w3.org/XML/1998/namespace}id") for element in elements}
        own = {name for name in ids if name}
        assert not own & seen
        seen |= own
        targets = [element.get("href") for element in elements if element.get("href")]
        assert targets
        assert all(target is not None and target[1:] in own for target in targets)
        assert "http" not in svg.replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert "<style" not in svg


def test_every_colour_of_a_picture_follows_the_page() -> None:
    for svg in (_curves_svg(examples.overfitting_curves()), effects_picture(examples.usual_evidence(), format="svg")):
        assert "var(--paper, #ffffff)" in svg
        for role, colour in COLOURS.items():
            svg = svg.replace(f"var(--{role}, {colour})", "")
        assert "#000000" not in svg
        assert not [colour for colour in COLOURS.values() if colour in svg]
    assert len(set(COLOURS.values())) == len(COLOURS)
    assert DARK.keys() == COLOURS.keys()


def test_names_that_look_like_markup_or_mathematics_stay_text() -> None:
    report = examples.hostile_report()
    assert report.curves is not None
    assert report.diagnosis is not None
    assert report.evidence is not None
    for svg in (
        curves_picture(report.curves, report.diagnosis, format="svg"),
        effects_picture(report.evidence, format="svg"),
        effect_by_epoch_picture(report.evidence, format="svg"),
    ):
        assert "<script" not in svg
        assert "<script>aler" in _words(svg)  # long names are cut


@settings(max_examples=12, deadline=None)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=40), st.integers(0, 2**31))
def test_any_series_of_floats_can_be_drawn(values: list[float], seed: int) -> None:
    other = np.random.default_rng(seed).permutation(values).tolist()
    curves = Curves.from_losses(values, other)
    diagnosis = examples.overfitting_diagnosis(examples.overfitting_curves()).model_copy(
        update={"validation_series": "validation_loss"}
    )
    broken = sum(not math.isfinite(value) for value in values + other)
    said = _words(curves_picture(curves, diagnosis, format="svg"))
    assert (f"× {broken} value" in said) == (broken > 0)


def test_steps_beside_epochs_get_a_panel_each() -> None:
    curves = examples.overfitting_curves()
    train = curves.series[0].model_copy(update={"unit": "step"})
    said = _words(_curves_svg(curves.model_copy(update={"series": (train, curves.series[1])})))
    assert " step " in said
    assert " epoch " in said


def test_a_run_without_train_or_validation_values_is_refused_with_the_next_step() -> None:
    series = Series(name="lr", split="other", metric="lr", direction="min", role="schedule", x=[0, 1], y=[0.1, 0.1])
    curves = Curves(source="a.csv", name="run 1", series=(series,))
    with pytest.raises(AdvisorError, match=r"'run 1' has no series .*--train or --validation"):
        curves_picture(curves, examples.overfitting_diagnosis(examples.overfitting_curves()), format="svg")


def test_thirty_two_arms_of_a_hundred_blocks_fit_and_what_is_not_finite_is_said() -> None:
    evidence = examples.extreme_report().evidence
    assert evidence is not None
    said = _words(effects_picture(evidence, format="svg"))
    assert all(f"arm-{index:02d}." in said for index in range(32))
    assert "1 not finite" in said
    assert "grey: 26 more arms" in _words(effect_by_epoch_picture(evidence, format="svg"))


def test_an_arm_without_a_mean_or_effects_by_epoch_is_still_drawn() -> None:
    arm = examples.arm_evidence("lost", [math.nan, math.inf], "undecided").model_copy(update={"effect_by_epoch": ()})
    evidence = examples.evidence_of([arm], blocks=2)
    assert "2 not finite" in _words(effects_picture(evidence, format="svg"))
    assert "lost" not in _words(effect_by_epoch_picture(evidence, format="svg")).split()


def test_smoothing_keeps_the_length_and_a_constant_and_ignores_one_spike() -> None:
    flat = np.ones(120)
    spiked = flat.copy()
    spiked[60] = 50.0
    assert smooth(flat).tolist() == flat.tolist()
    assert smooth(spiked).tolist() == flat.tolist()
    assert all(len(smooth(np.arange(n, dtype=np.float64))) == n for n in range(40))


def test_thinning_keeps_the_ends_and_the_extremes() -> None:
    y = np.random.default_rng(0).normal(size=50_000)
    y[12_345], y[40_000] = 99.0, -99.0
    kept_x, kept_y = thin(np.arange(50_000.0), y)
    assert len(kept_x) <= 600
    assert {0.0, 12_345.0, 40_000.0, 49_999.0} <= set(kept_x.tolist())
    assert (kept_y.max(), kept_y.min()) == (99.0, -99.0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_labels_are_parted_inside_the_axes(positions: list[float]) -> None:
    placed = apart(positions, 0.08, 0.0, 1.0)
    ordered = sorted(placed)
    assert all(b - a >= 0.08 - 1e-9 for a, b in itertools.pairwise(ordered))
    assert ordered[0] >= -1e-9
    assert ordered[-1] <= 1 + 1e-9


def test_text_from_a_file_becomes_one_short_printable_line() -> None:
    assert clean("a\x00b\n\u202ec\ud800d") == "a b c d"
    assert clean("x" * 50, 10) == "x" * 9 + "…"
