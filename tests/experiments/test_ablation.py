"""Ablations: the arms they need, the paired intervals against scipy, Holm's adjustment, verdicts and shares."""

import itertools
import re
from typing import Any

import numpy as np
import pytest
from scipy import stats

from advisor.errors import AdvisorError
from advisor.experiments.ablation import (
    Ablation,
    StepVerdict,
    ablation_arms,
    arm_name,
    assess_ablation,
    contrasts,
)


def measured(
    steps: list[str], gain: dict[frozenset[str], float], *, blocks: int = 6, noise: float = 0.002
) -> dict[str, list[float]]:
    """Accuracies of the arms of both orders: a block's own level, the gain of the steps that are on, and noise."""
    random = np.random.default_rng(11)
    level = random.normal(0.8, 0.03, blocks)
    arms = {"baseline": [], **ablation_arms(steps)}
    return {name: (level + gain[frozenset(on)] + random.normal(0, noise, blocks)).tolist() for name, on in arms.items()}


def every(steps: list[str], value: object) -> dict[frozenset[str], float]:
    subsets = [frozenset(on) for size in range(len(steps) + 1) for on in itertools.combinations(steps, size)]
    return {on: value(on) for on in subsets}  # type: ignore[operator]


def verdicts(ablation: Ablation) -> dict[str, StepVerdict]:
    return {step.step: step.verdict for step in ablation.steps}


def test_one_at_a_time_and_leave_one_out_name_each_combination_once() -> None:
    assert ablation_arms(["a", "b"]) == {"recipe": ["a", "b"], "a": ["a"], "b": ["b"]}
    arms = ablation_arms(["a", "b", "c", "d"])
    assert list(arms) == ["recipe", "a", "b", "c", "d", "recipe-d", "recipe-c", "recipe-b", "recipe-a"]
    assert arms["recipe-b"] == ["a", "c", "d"]
    assert all(re.fullmatch(r"[A-Za-z0-9_.+-]{1,64}", name) for name in arms)


def test_the_orders_of_three_steps_are_their_full_factorial() -> None:
    steps = ["a", "b", "c"]
    assert ablation_arms(steps) == ablation_arms(steps, ["factorial"])
    assert len(ablation_arms(["a", "b", "c", "d"], ["factorial"])) == 15
    assert list(ablation_arms(["a"], ["factorial"])) == ["recipe"]


def test_each_order_alone_gives_its_arms_and_the_recipe() -> None:
    assert list(ablation_arms(list("abcd"), ["one-at-a-time"])) == ["recipe", "a", "b", "c", "d"]
    assert set(ablation_arms(list("abcd"), ["leave-one-out"])) == {"recipe", *(f"recipe-{s}" for s in "abcd")}


def test_a_name_that_would_be_too_long_becomes_a_pattern() -> None:
    steps = [f"a_rather_long_technique_{n}" for n in range(6)]
    name = arm_name(steps[:4], steps)
    assert name == "on_111100"


def test_intervals_and_p_values_agree_with_scipy_and_holm() -> None:
    random = np.random.default_rng(1)
    rows = {name: random.normal(mean, 1, 8) for name, mean in (("a", 3.0), ("b", 1.0), ("c", 0.1))}
    found = contrasts(rows, alpha=0.05, scale=1.0)
    raw = {name: stats.ttest_1samp(row, 0).pvalue for name, row in rows.items()}
    assert raw["a"] < raw["b"] < raw["c"]
    assert found["a"].p_value == pytest.approx(3 * raw["a"])
    assert found["b"].p_value == pytest.approx(max(3 * raw["a"], 2 * raw["b"]))
    assert found["c"].p_value == pytest.approx(max(min(1, 2 * raw["b"]), raw["c"]))
    low, high = stats.ttest_1samp(rows["a"], 0).confidence_interval(1 - 0.05 / 3)
    assert found["a"].interval == pytest.approx((low, high))
    assert found["a"].simultaneous == pytest.approx((low, high))


def test_the_interval_excludes_zero_exactly_where_the_adjusted_p_value_is_small() -> None:
    random = np.random.default_rng(2)
    seen = set()
    for _ in range(200):
        rows = {str(j): random.normal(random.choice([0.0, 1.0]), 1, 6) for j in range(5)}
        for contrast in contrasts(rows, alpha=0.1, scale=1.0).values():
            assert contrast.p_value is not None
            assert contrast.decided == (contrast.p_value <= 0.1)
            seen.add(contrast.decided)
    assert seen == {True, False}


def test_a_family_of_nulls_is_rejected_no_more_often_than_stated() -> None:
    random = np.random.default_rng(5)
    repeats = 300
    wrong = 0
    for _ in range(repeats):
        found = contrasts({str(j): random.normal(0, 1, 5) for j in range(4)}, alpha=0.1, scale=1.0)
        wrong += any(contrast.decided for contrast in found.values())
    assert wrong / repeats <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / repeats)


def test_resampled_splits_widen_the_intervals() -> None:
    rows = {"a": np.random.default_rng(3).normal(1, 1, 6)}
    plain = contrasts(rows, alpha=0.05, scale=1.0)["a"].interval
    wide = contrasts(rows, alpha=0.05, scale=1.0, test_train_ratio=1 / 3)["a"].interval
    assert plain is not None
    assert wide is not None
    assert (wide[1] - wide[0]) / (plain[1] - plain[0]) == pytest.approx(np.sqrt((1 / 6 + 1 / 3) / (1 / 6)))


def test_a_step_that_brings_the_gain_carries_and_one_that_brings_nothing_is_redundant() -> None:
    steps = ["mixup", "weight_decay"]
    values = measured(steps, every(steps, lambda on: 0.03 * ("mixup" in on)))
    found = assess_ablation(steps, values, metric="accuracy", direction="max", minimum_effect=0.01)
    assert verdicts(found) == {"mixup": "carries", "weight_decay": "redundant"}
    assert found.interplay == "additive"
    assert found.steps[0].share_alone == pytest.approx(1.0, abs=0.15)
    assert found.sentence.startswith("Of the recipe's accuracy +")
    assert "mixup alone brings +" in found.sentence
    assert "weight_decay is redundant with it" in found.sentence


def test_steps_that_do_the_same_work_are_each_redundant_and_the_sum_exceeds_the_whole() -> None:
    steps = ["mixup", "cutmix"]
    values = measured(steps, every(steps, lambda on: 0.03 * bool(on)))
    found = assess_ablation(steps, values, metric="accuracy", direction="max", minimum_effect=0.01)
    assert verdicts(found) == {"mixup": "redundant", "cutmix": "redundant"}
    assert found.interplay == "redundancy"
    assert found.synergy is not None
    assert found.synergy.mean == pytest.approx(-0.03, abs=0.005)
    assert "the other steps do its work" in found.steps[0].sentence


def test_steps_that_help_only_together_carry_and_show_synergy() -> None:
    steps = ["a", "b", "c"]
    values = measured(steps, every(steps, lambda on: 0.04 * ({"a", "b"} <= on)))
    found = assess_ablation(steps, values, metric="accuracy", direction="max", minimum_effect=0.01)
    assert verdicts(found) == {"a": "carries", "b": "carries", "c": "redundant"}
    assert found.interplay == "synergy"
    assert "no step is shown to help alone" in found.sentence


def test_a_step_that_the_recipe_is_better_without_is_harmful() -> None:
    steps = ["a", "b", "c", "d"]
    values = measured(steps, every(steps, lambda on: 0.05 * ("a" in on) - 0.02 * ("d" in on)))
    found = assess_ablation(steps, values, metric="accuracy", direction="max", minimum_effect=0.005)
    assert verdicts(found)["a"] == "carries"
    assert verdicts(found)["d"] == "harmful"
    assert "d is harmful" in found.sentence
    assert found.steps[0].shapley is None
    assert any("16 combinations" in note for note in found.notes)


def test_of_a_loss_the_same_data_with_the_sign_turned_gets_the_same_verdicts() -> None:
    steps = ["a", "b", "c"]
    values = measured(steps, every(steps, lambda on: 0.05 * ("a" in on) - 0.02 * ("c" in on)), noise=0.001)
    turned = {name: [-value for value in row] for name, row in values.items()}
    up = assess_ablation(steps, values, metric="nll", direction="max", minimum_effect=0.005)
    down = assess_ablation(steps, turned, metric="nll", direction="min", minimum_effect=0.005)
    assert verdicts(up) == verdicts(down) == {"a": "carries", "b": "redundant", "c": "harmful"}
    assert down.gain.mean == pytest.approx(-up.gain.mean)
    assert down.steps[0].share_alone == pytest.approx(up.steps[0].share_alone)


def test_the_averages_over_orders_sum_to_the_gain_in_every_block() -> None:
    steps = ["a", "b", "c"]
    values = measured(steps, every(steps, lambda on: len(on) ** 2 * 0.01))
    found = assess_ablation(steps, values, metric="accuracy", direction="max")
    averages = [step.shapley.values for step in found.steps if step.shapley]
    assert len(averages) == 3
    assert np.sum(averages, axis=0) == pytest.approx(np.array(found.gain.values))


def test_no_share_of_a_gain_that_is_not_shown() -> None:
    steps = ["a", "b"]
    values = measured(steps, every(steps, lambda on: 0.0), noise=0.01)
    found = assess_ablation(steps, values, metric="accuracy", direction="max")
    assert all(step.share_alone is None and step.verdict == "undecided" for step in found.steps)
    assert "nothing to divide" in found.sentence
    assert any(note.startswith("no shares") for note in found.notes)


def test_a_recipe_of_one_step_is_its_step() -> None:
    values = {"baseline": [0.80, 0.82, 0.79], "recipe": [0.85, 0.872, 0.839]}
    found = assess_ablation(["mixup"], values, metric="accuracy", direction="max")
    assert verdicts(found) == {"mixup": "carries"}
    assert found.synergy is None
    assert found.steps[0].share_missed == pytest.approx(1.0)


def test_equal_differences_in_all_blocks_leave_nothing_to_judge_by() -> None:
    values = {"baseline": [0.5, 0.6, 0.7], "recipe": [0.6, 0.7, 0.8], "a": [0.6, 0.7, 0.8], "b": [0.5, 0.6, 0.7]}
    found = assess_ablation(["a", "b"], values, metric="accuracy", direction="max", minimum_effect=0.01)
    assert verdicts(found) == {"a": "undecided", "b": "undecided"}
    assert found.gain.interval is None
    assert found.gain.p_value is None
    assert "no spread to judge by" in found.steps[0].sentence


def test_the_result_survives_json() -> None:
    steps = ["a", "b"]
    found = assess_ablation(steps, measured(steps, every(steps, len)), metric="accuracy", direction="max")
    assert Ablation.model_validate_json(found.model_dump_json()) == found
    assert len(found.id) == 16


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"baseline": [1.0, 2.0], "recipe": [1.0, 2.0], "a": [1.0, 2.0]}, "No values for arm 'b'"),
        ({"baseline": [1.0], "recipe": [1.0], "a": [1.0], "b": [1.0]}, "at least 2 blocks but got 1"),
        ({"baseline": [1.0, 2.0], "recipe": [1.0, 2.0], "a": [1.0, 2.0], "b": [1.0]}, "'b' has 1 blocks"),
        (
            {"baseline": [1.0, 2.0], "recipe": [1.0, float("nan")], "a": [1.0, 2.0], "b": [1.0, 3.0]},
            "'recipe' in block 1 is nan",
        ),
        ({"baseline": [1.0, 2.0], "recipe": [1.0, 2.0], "a": [1.0, 2.0], "bee": [1.0, 2.0]}, "Unknown arm 'bee'"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_its_value(values: dict[str, list[float]], message: str) -> None:
    with pytest.raises(AdvisorError, match=message):
        assess_ablation(["a", "b"], values, metric="accuracy", direction="max")


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([], "steps is empty"),
        (["a", "a"], "named 2 times"),
        (["recipe"], "not allowed"),
        (["a+b"], "not allowed"),
        (list("abcdef"), "needs 64 arms"),
    ],
)
def test_steps_that_name_no_ablation_are_refused(steps: list[str], message: str) -> None:
    with pytest.raises(AdvisorError, match=message):
        ablation_arms(steps, ["factorial"])


@pytest.mark.parametrize("wrong", [{"alpha": 0.7}, {"minimum_effect": -1.0}, {"direction": "up"}])
def test_levels_that_mean_nothing_are_refused(wrong: dict[str, Any]) -> None:
    values = {"baseline": [1.0, 2.0], "recipe": [1.0, 2.5]}
    with pytest.raises(AdvisorError):
        assess_ablation(["a"], values, **({"metric": "nll", "direction": "max"} | wrong))
