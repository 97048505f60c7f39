"""The exhibits of experiments: what their pictures and tables show, and that no experiment breaks them."""

import itertools
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import AdvisorError
from advisor.experiments.evidence import Evidence
from advisor.report import words
from advisor.report.ablation_plot import deciding
from advisor.report.axis import by_ratio, spaced, value_limits
from advisor.report.corruptions import corruption_table
from advisor.report.descent_plot import measured
from advisor.report.exhibit import Exhibit
from advisor.report.findings import exhibit_of
from advisor.report.picture import COLOURS
from advisor.report.plots import effects_picture, findings_picture
from advisor.report.power_plot import training_seconds
from advisor.words import interval, value
from tests.report import examples, experiments

EVERY = experiments.of_every_kind()
EXTREMES = experiments.extremes()
UNDRAWN = {"one_look", "diverged"}  # nothing to draw: one look is no way, and what diverged is not judged
SCREEN = 800  # CSS pixels that a picture may be high at its full width
FULL_WIDTH = 576


def _exhibit(evidence: Evidence) -> Exhibit:
    found = exhibit_of(evidence)
    assert found is not None
    return found


def _svg(evidence: Evidence) -> str:
    return findings_picture(evidence, format="svg")


def _said(svg: str) -> str:
    """All text of a picture, in order; fails where the picture is not well-formed XML."""
    return " ".join("".join(element.itertext()) for element in ElementTree.fromstring(svg).iter() if element.text)


def _height(svg: str) -> float:
    """In CSS pixels, at the full width."""
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert found is not None
    return float(found[2]) / float(found[1]) * FULL_WIDTH


@pytest.mark.parametrize("name", [*EVERY, *(name for name in EXTREMES if name not in UNDRAWN)])
def test_every_picture_fits_on_a_screen_names_itself_follows_the_theme_and_repeats(name: str) -> None:
    evidence = {**EVERY, **EXTREMES}[name]
    svg = _svg(evidence)
    assert svg == _svg(evidence)
    assert _height(svg) <= SCREEN
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    titles = [element for element in root.iter() if element.tag.endswith("title")]
    assert [element.get("id") for element in titles] == [root.get("aria-labelledby")]
    assert len(titles[0].text or "") > 40
    for role, colour in COLOURS.items():
        svg = svg.replace(f"var(--{role}, {colour})", "")
    assert not re.findall(r"#[0-9a-f]{6}\b", svg)


@pytest.mark.parametrize("name", [*EVERY, *(name for name in EXTREMES if name not in UNDRAWN)])
def test_every_exhibit_has_a_caption_and_a_whole_table(name: str) -> None:
    found = _exhibit({**EVERY, **EXTREMES}[name])
    assert found.caption.endswith(".")
    assert found.table.rows
    assert len(found.table.columns) == len(found.table.numbers)
    assert {len(row) for row in found.table.rows} == {len(found.table.columns)}


def test_where_there_is_nothing_to_draw_the_picture_is_refused_with_the_next_step() -> None:
    for name in UNDRAWN:
        assert exhibit_of(EXTREMES[name]) is None
    with pytest.raises(AdvisorError, match=r"kind verify has no findings to draw.*arms' effects"):
        _svg(EXTREMES["one_look"])


def test_a_picture_of_findings_is_a_png_too() -> None:
    assert findings_picture(EVERY["sweep"], format="png").startswith(b"\x89PNG\r\n\x1a\n")


def test_the_way_has_a_panel_for_each_arm_that_was_looked_at_and_says_why_it_ended() -> None:
    evidence = EVERY["verify"]
    said = _said(_svg(evidence))
    looked = [arm for arm in evidence.results.arms if arm.looks]
    assert {arm.settled for arm in evidence.results.arms} >= {"effect", "equivalent", "identical", "not finite"}
    assert len(looked) < len(evidence.results.arms)
    for arm in evidence.results.arms:
        assert (arm.name in said) == bool(arm.looks)
    assert "equivalent" in said
    assert "below 0.5 points, too small to matter" in said


def test_the_table_of_looks_has_each_look_with_its_bound() -> None:
    evidence = EVERY["verify"]
    rows = _exhibit(evidence).table.rows
    assert len(rows) == sum(len(arm.looks) for arm in evidence.results.arms)
    first = evidence.results.arms[0].looks[0]
    assert rows[0][:2] == ("mixup", str(first.n))
    assert rows[0][3] == interval(first.low, first.high, "accuracy")
    assert rows[0][5] == words.number(first.bound, 2)


def test_of_sixteen_arms_twelve_get_a_panel_the_open_ones_among_them() -> None:
    evidence = EXTREMES["sixteen_arms"]
    found = _exhibit(evidence)
    assert "4 arms are in the table alone" in found.caption
    said = _said(str(found.picture("svg")))
    open_ones = [arm.name for arm in evidence.results.arms if arm.verdict == "undecided"]
    assert open_ones
    assert all(name[:8] in said for name in open_ones)
    assert len({row[0] for row in found.table.rows}) == 16


def test_a_step_is_drawn_with_the_interval_that_its_sentence_states() -> None:
    found = EVERY["ablate"].results.findings
    assert found is not None
    assert found.ablation is not None
    for step in found.ablation.steps:
        for contrast in (step.alone, step.missed):
            bounds, level = deciding(contrast, found.ablation.minimum_effect)
            assert bounds is not None
            assert f"({100 * level:.4g} % interval {interval(*bounds, 'accuracy')})" in step.sentence


def test_an_ablation_shows_the_recipe_and_both_bars_of_each_step() -> None:
    evidence = EVERY["ablate"]
    said = _said(_svg(evidence))
    for part in ("whole recipe", "mixup", "dropout", "harmful", "● alone", "◆ missed when left out", "better →"):
        assert part in said
    table = _exhibit(evidence).table
    assert [row[0] for row in table.rows] == ["whole recipe", *experiments.STEPS]
    dropout = next(row for row in table.rows if row[0] == "dropout")
    assert dropout[-1] == "harmful"
    assert dropout[1].startswith("-")


def test_a_factorial_of_many_pairs_draws_the_main_effects_and_tables_all() -> None:
    evidence = EXTREMES["factorial_of_eight"]
    found = evidence.results.findings
    assert found is not None
    assert found.factorial is not None
    exhibit = _exhibit(evidence)
    said = _said(str(exhibit.picture("svg")))
    assert all(f"{index}_a_step" in said for index in range(8))
    assert len(exhibit.table.rows) == 1 + len(found.factorial.main) + len(found.factorial.pairs)


def test_without_spread_a_step_has_no_interval() -> None:
    table = _exhibit(EXTREMES["ablation_without_spread"]).table
    assert all("(no spread)" in row[2] for row in table.rows)


def test_a_sweep_marks_the_value_to_use_and_shades_those_as_good() -> None:
    evidence = EVERY["sweep"]
    found = evidence.results.findings
    assert found is not None
    assert found.dose_response is not None
    best = found.dose_response
    assert f"○ use {best.recommended:g}" in _said(_svg(evidence))
    shaded = re.findall(r"fill: var\(--band, #[0-9a-f]{6}\)", _svg(evidence))
    assert len(shaded) == len(best.plateau)
    marks = {row[0]: row[-1] for row in _exhibit(evidence).table.rows}
    assert marks[f"{best.recommended:g}"] == "recommended"
    assert {name for name, mark in marks.items() if mark != "no"} == {f"{strength:g}" for strength in best.plateau}


def test_values_that_would_flatten_the_others_leave_the_picture_with_their_number() -> None:
    said = _said(_svg(EVERY["far_sweep"]))
    assert "▲ outside the picture" in said
    assert "+1.7" in said
    assert "▲ outside the picture" not in _said(_svg(EVERY["sweep"]))


def test_the_baseline_of_a_sweep_is_named_with_its_own_value() -> None:
    assert _exhibit(EVERY["far_sweep"]).table.rows[0][0] == "baseline (0.005)"
    assert _exhibit(EVERY["sweep"]).table.rows[0][0] == "baseline"


def test_bias_and_variance_are_lines_over_sizes_and_bars_of_one() -> None:
    several, one = _said(_svg(EVERY["bias_variance"])), _said(_svg(EXTREMES["one_size"]))
    assert "○ lowest risk at width" in several
    assert "lowest risk" not in one
    for part in ("risk", "bias", "variance", "in nats"):
        assert part in several
        assert part in one
    assert [row[0] for row in _exhibit(EVERY["bias_variance"]).table.rows] == ["8", "32", "64", "128"]


@pytest.mark.parametrize("name", ["descent", "descent_epochs", "descent_train_size", "descent_nll"])
def test_the_test_values_by_size_are_those_that_were_judged(name: str) -> None:
    evidence = {**EVERY, **EXTREMES}[name]
    found = evidence.results.findings
    assert found is not None
    assert found.double_descent is not None
    test, train = measured(evidence, found.double_descent)
    assert test.values.shape == train.values.shape == (len(found.double_descent.sizes), found.double_descent.blocks)
    assert test.means().tolist() == pytest.approx(found.double_descent.means, rel=1e-12)
    fitted = (train.values <= found.double_descent.interpolation.threshold).any(axis=0).sum()
    assert fitted == found.double_descent.interpolation.blocks_fitted


def test_a_peak_its_place_and_the_users_size_are_marked() -> None:
    said = _said(_svg(EVERY["descent"]))
    for part in ("peak at width 16", "training data fitted from width 16", "▲ yours: width 64", "test error (%)"):
        assert part in said
    assert "peak at" not in _said(_svg(EVERY["descent_epochs"]))
    marks = {row[0]: row[-1] for row in _exhibit(EVERY["descent"]).table.rows}
    assert marks["16"] == "peak, fitted"
    assert "yours" in marks["64"]


def test_a_missing_run_leaves_a_gap_and_no_number() -> None:
    evidence = EVERY["descent"]
    runs = tuple(run for run in evidence.results.runs if run.arm != "width-8")
    found = evidence.results.findings
    assert found is not None
    assert found.double_descent is not None
    without = evidence.model_copy(update={"results": evidence.results.model_copy(update={"runs": runs})})
    test, _ = measured(without, found.double_descent)
    assert np.isnan(test.means()[found.double_descent.sizes.index(8)])
    assert "not finite" in next(row for row in _exhibit(without).table.rows if row[0] == "8")[1]
    assert "test error (%)" in _said(_svg(without))


def test_the_learning_curve_says_what_more_data_brings_and_what_the_arm_is_worth() -> None:
    evidence = EVERY["data_size"]
    found = evidence.results.findings
    assert found is not None
    assert found.data_size is not None
    assert found.data_size.worth is not None
    said = _said(_svg(evidence))
    assert f"mixup is worth {found.data_size.worth.factor:.2g} ×" in said
    for part in found.data_size.more:
        assert f"with {part.factor:g} × the data: {value(part.value, 'accuracy')}" in said
    kinds = [(row[0], row[1]) for row in _exhibit(evidence).table.rows]
    assert kinds[-2:] == [("1,978", "expected"), ("3,956", "expected")]
    assert len(kinds) == len(found.data_size.baseline.sizes) + 2


def test_without_an_arm_the_learning_curve_stands_alone() -> None:
    exhibit = _exhibit(EXTREMES["data_size_alone"])
    assert "worth" not in _said(str(exhibit.picture("svg")))
    assert len(exhibit.table.columns) == 3


def test_an_arm_out_of_the_baselines_reach_has_no_line_to_it() -> None:
    exhibit = _exhibit(EXTREMES["worth_much"])
    assert "dotted line runs" not in exhibit.caption
    assert "more than 16 ×" in _said(str(exhibit.picture("svg")))


def test_power_is_tabled_with_the_time_of_its_blocks() -> None:
    evidence = EVERY["power"]
    rows = _exhibit(evidence).table.rows
    twenty = next(row for row in rows if row[:2] == ("arm0", "20"))
    assert twenty[-1] == "50 s"  # 20 blocks of two runs of 1.25 s
    assert training_seconds(evidence.cost, "arm0", 20) == pytest.approx(50)
    assert training_seconds(evidence.cost, "unknown", 20) is None
    said = _said(_svg(evidence))
    assert "arm0" in said
    assert "power to find a change of 0.5 points" in said


def test_where_nothing_was_timed_power_has_no_column_of_times() -> None:
    evidence = EVERY["power"]
    untimed = evidence.model_copy(update={"cost": evidence.cost.model_copy(update={"seconds_per_run": {}})})
    exhibit = _exhibit(untimed)
    assert len(exhibit.table.columns) == len(_exhibit(evidence).table.columns) - 1
    assert "train for about" not in exhibit.caption


def test_a_recipe_shows_its_decisions_and_the_confirmed_gain() -> None:
    said = _said(_svg(EVERY["recipe"]))
    for part in ("mixup", "kept", "left out: hurts", "all kept, on new blocks", "+1.5 points"):
        assert part in said
    rows = _exhibit(EVERY["recipe"]).table.rows
    assert next(row for row in rows if row[0] == "weight_decay")[-1] == "not tested"
    assert rows[-1][0] == "optimism"
    assert "all kept, on" not in _said(_svg(EXTREMES["nothing_kept"]))


def test_corruptions_are_averaged_over_severities_and_the_worst_is_beside() -> None:
    evidence = EVERY["verify"]
    table = corruption_table(evidence)
    assert table is not None
    assert [row[0] for row in table.rows] == ["none", "gaussian noise", "blur", "contrast", "dropped pixels",
                                              "mean of all"]  # fmt: skip
    runs = [run for run in evidence.results.runs if run.arm == "mixup"]
    by_severity = [float(np.mean([run.corruptions[f"blur/{severity}"] for run in runs])) for severity in range(1, 6)]
    column = table.columns.index("mixup")
    stated = f"{value(float(np.mean(by_severity)), 'accuracy')} ({value(min(by_severity), 'accuracy')})"
    assert table.rows[2][column] == stated
    assert corruption_table(EVERY["sweep"]) is None


def test_of_errors_the_largest_is_the_worst_and_what_is_not_finite_is_said() -> None:
    evidence = examples.usual_evidence()
    runs = tuple(
        run.model_copy(update={"test": {"rmse": 1.0}, "corruptions": {"missing/1": 1.0, "missing/2": 3.0,
                                                                     "wrong/1": float("nan")}})
        for run in evidence.results.runs
    )  # fmt: skip
    table = corruption_table(
        evidence.model_copy(update={"results": evidence.results.model_copy(update={"runs": runs})})
    )
    assert table is not None
    assert table.rows[0][1] == "not measured"
    assert table.rows[1][1] == "2 (3)"
    assert table.rows[2][1] == "not finite (not finite)"


def test_sixteen_arms_make_a_forest_plot_of_about_a_screen() -> None:
    assert _height(effects_picture(EXTREMES["sixteen_arms"], format="svg")) <= 1.15 * SCREEN


@given(st.lists(st.tuples(st.floats(0, 4), st.floats(0.1, 0.6)), min_size=1, max_size=20))
def test_labels_that_are_kept_do_not_touch_and_the_outer_ones_come_first(labels: list[tuple[float, float]]) -> None:
    places, widths = [place for place, _ in labels], [width for _, width in labels]
    kept = spaced(places, widths)
    assert places.index(min(places)) in kept
    for a, b in itertools.combinations(kept, 2):
        assert abs(places[a] - places[b]) >= (widths[a] + widths[b]) / 2


@given(st.lists(st.floats(-1e6, 1e6), max_size=12), st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=12))
def test_an_axis_holds_all_inner_values(outer: list[float], inner: list[float]) -> None:
    low, high = value_limits(np.array(outer), np.array(inner))
    assert low < min(inner)
    assert high > max(inner)


def test_sizes_that_span_much_are_drawn_by_ratios() -> None:
    assert by_ratio([8, 64])
    assert not by_ratio([8, 16])
    assert not by_ratio([0, 64])
