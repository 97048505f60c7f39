"""Factorial designs: resolution, aliases, illegal combinations, and estimates against a regression with blocks."""

import itertools
import re

import numpy as np
import pytest

from advisor.errors import AdvisorError
from advisor.experiments.factorial import Factorial, FactorialDesign, assess_factorial, factorial_design

LETTERS = "abcdefghij"


def levels(design: FactorialDesign) -> np.ndarray:
    return np.where(np.array(design.rows), 1.0, -1.0)


def measured(design: FactorialDesign, gain: object, *, blocks: int = 6, noise: float = 0.01) -> dict[str, list[float]]:
    random = np.random.default_rng(7)
    level = random.normal(0, 3, blocks)
    return {
        name: (level + gain(frozenset(on)) + random.normal(0, noise, blocks)).tolist()  # type: ignore[operator]
        for name, on in design.arms.items()
    }


@pytest.mark.parametrize(
    ("k", "max_runs", "kind", "runs", "resolution"),
    [
        (1, 2, "full", 2, None),
        (2, 4, "full", 4, None),
        (3, 8, "full", 8, None),
        (3, 7, "fraction", 4, 3),
        (4, 64, "full", 16, None),
        (4, 15, "fraction", 8, 4),
        (5, 64, "fraction", 16, 5),
        (5, 15, "fraction", 8, 3),
        (6, 32, "fraction", 32, 6),
        (6, 31, "fraction", 16, 4),
        (7, 64, "fraction", 64, 7),
        (7, 8, "fraction", 8, 3),
        (8, 64, "fraction", 64, 5),
        (8, 16, "fraction", 16, 4),
        (8, 15, "plackett_burman", 12, 3),
        (9, 63, "fraction", 32, 4),
        (10, 128, "fraction", 128, 5),
        (10, 31, "plackett_burman", 12, 3),
    ],
)
def test_the_smallest_design_of_the_best_affordable_resolution_is_chosen(
    k: int, max_runs: int, kind: str, runs: int, resolution: int | None
) -> None:
    design = factorial_design(LETTERS[:k], max_runs)
    assert (design.kind, len(design.rows), design.resolution) == (kind, runs, resolution)
    assert not any(design.rows[0])
    assert len(set(design.rows)) == runs
    assert next(iter(design.arms)) == "baseline"
    assert all(re.fullmatch(r"[A-Za-z0-9_.+-]{1,64}", name) for name in design.arms)


@pytest.mark.parametrize(("k", "max_runs"), [(3, 4), (5, 16), (7, 8), (7, 64), (8, 16), (9, 12), (10, 128)])
def test_main_effects_are_orthogonal_and_balanced(k: int, max_runs: int) -> None:
    design = factorial_design(LETTERS[:k], max_runs)
    x = levels(design)
    assert x.T @ x == pytest.approx(len(x) * np.eye(k))
    assert x.sum(axis=0) == pytest.approx(np.zeros(k))
    assert design.efficiency == pytest.approx(1.0)


@pytest.mark.parametrize(("k", "max_runs"), [(5, 16), (6, 32), (8, 64), (4, 16), (10, 128)])
def test_from_resolution_five_on_no_effect_leaks_into_another(k: int, max_runs: int) -> None:
    design = factorial_design(LETTERS[:k], max_runs)
    assert len(design.terms) == k + k * (k - 1) // 2
    assert not any(term.aliases for term in design.terms)
    assert "all pairs" in design.sentence


def test_resolution_four_clears_main_effects_and_names_the_pairs_that_stay_together() -> None:
    design = factorial_design("abcdef", 16)
    x = levels(design)
    terms = {term.name: term for term in design.terms}
    assert not any(terms[step].aliases for step in "abcdef")
    together = 0
    for first, second in itertools.combinations(itertools.combinations(range(6), 2), 2):
        same = abs((x[:, first[0]] * x[:, first[1]]) @ (x[:, second[0]] * x[:, second[1]])) > 15
        names = [f"{'abcdef'[i]}:{'abcdef'[j]}" for i, j in (first, second)]
        listed = [{term.name, *term.aliases} for term in design.terms]
        assert same == any(set(names) <= group for group in listed)
        together += same
    assert together > 0
    assert "told only together" in design.sentence


def test_resolution_three_says_which_pairs_leak_into_a_main_effect() -> None:
    design = factorial_design("abc", 4)
    assert [set(term.aliases) for term in design.terms] == [{"b:c"}, {"a:c"}, {"a:b"}]
    assert all(abs(weight) == 1 for term in design.terms for weight in term.aliases.values())
    assert "no two steps act on each other" in design.sentence


def test_plackett_and_burmans_runs_spread_each_pair_over_the_other_main_effects() -> None:
    design = factorial_design(LETTERS[:9], 12)
    first = design.terms[0]
    assert len(first.aliases) == 28  # pairs of the other eight
    assert [abs(weight) for weight in first.aliases.values()] == pytest.approx([1 / 3] * 28, abs=1e-5)


def test_generators_describe_the_runs() -> None:
    design = factorial_design("abcde", 16)
    assert len(design.generators) == 1
    added, base = design.generators[0].removesuffix(" (mod 2)").split(" = ")
    assert added == "e"
    for row in design.rows:
        on = dict(zip("abcde", row, strict=True))
        assert on["e"] == (sum(on[step] for step in base.split(" + ")) % 2 == 1)


def exclusive(on: frozenset[str]) -> bool:
    return not {"a", "b"} <= on


def test_illegal_combinations_give_way_to_a_d_optimal_choice_of_legal_ones() -> None:
    design = factorial_design("abcde", 16, legal=exclusive)
    assert design.kind == "d_optimal"
    assert len(set(design.rows)) == len(design.rows) == 16
    assert all(exclusive(frozenset(on)) for on in design.arms.values())
    assert not any(design.rows[0])
    names = [term.name for term in design.terms]
    assert "a:b" not in names
    assert len(names) == 5 + 9
    assert not any(term.aliases for term in design.terms)
    assert any("not allowed" in note for note in design.notes)
    assert design == factorial_design("abcde", 16, legal=exclusive)


def test_the_d_optimal_choice_beats_random_ones() -> None:
    design = factorial_design("abcde", 8, legal=exclusive)
    model = np.column_stack([np.ones(8), levels(design)])
    allowed = [row for row in itertools.product((-1.0, 1.0), repeat=5) if row[0] + row[1] < 2]
    random = np.random.default_rng(0)
    others = [
        np.linalg.det((m := np.column_stack([np.ones(8), np.array(allowed)[random.permutation(24)[:8]]])).T @ m)
        for _ in range(300)
    ]
    assert np.linalg.det(model.T @ model) >= max(others)


def test_a_predicate_that_the_regular_runs_satisfy_changes_nothing() -> None:
    plain = factorial_design("abc", 4)
    legal = [frozenset(on) for on in plain.arms.values()]
    assert factorial_design("abc", 4, legal=lambda on: on in legal or on == frozenset("abc")).rows == plain.rows


def test_effects_agree_with_a_regression_that_has_an_intercept_for_every_block() -> None:
    design = factorial_design("abcd", 16)
    values = measured(design, lambda on: 2.0 * ("a" in on) - ("b" in on) + 3.0 * ({"a", "c"} <= on), noise=0.5)
    found = assess_factorial(design, values, metric="nll", direction="max")
    x = levels(design)
    pairs = list(itertools.combinations(range(4), 2))
    columns = np.column_stack([x, *(x[:, i] * x[:, j] for i, j in pairs)])
    blocks = len(values["baseline"])
    stacked = np.column_stack([np.kron(np.eye(blocks), np.ones((16, 1))), np.tile(columns, (blocks, 1))])
    y = np.concatenate([[values[name][block] for name in design.arms] for block in range(blocks)])
    reference = 2 * np.linalg.lstsq(stacked, y, rcond=None)[0][blocks:]
    assert [effect.contrast.mean for effect in (*found.main, *found.pairs)] == pytest.approx(reference.tolist())


@pytest.mark.parametrize(("k", "max_runs"), [(3, 8), (5, 16), (6, 16)])
def test_main_effects_sum_to_the_recipes_gain_and_pairs_are_found(k: int, max_runs: int) -> None:
    design = factorial_design(LETTERS[:k], max_runs)
    values = measured(design, lambda on: 1.0 * ("a" in on) - 0.5 * ("b" in on) + 0.8 * ({"a", "c"} <= on))
    found = assess_factorial(design, values, metric="nll", direction="max", minimum_effect=0.1)
    assert found.gain is not None
    assert found.gain.mean == pytest.approx(1.0 - 0.5 + 0.8, abs=0.03)
    assert [effect.contrast.mean for effect in found.main[:3]] == pytest.approx([1.4, -0.5, 0.4], abs=0.03)
    assert [effect.verdict for effect in found.main[:3]] == ["carries", "harmful", "carries"]
    assert {effect.verdict for effect in found.main[3:]} <= {"negligible"}
    assert sum(effect.share or 0 for effect in found.main) == pytest.approx(1.0)
    acting = [effect for effect in found.pairs if effect.verdict == "synergy"]
    assert [{"a:c"} <= {effect.term.name, *effect.term.aliases} for effect in acting] == [True]
    assert acting[0].contrast.mean == pytest.approx(0.4, abs=0.03)
    assert "carried by: a (+1.4" in found.sentence


def test_effects_are_recovered_from_a_d_optimal_choice() -> None:
    design = factorial_design("abcde", 16, legal=exclusive)
    values = measured(design, lambda on: 1.0 * ("a" in on) + 0.5 * ("d" in on))
    found = assess_factorial(design, values, metric="nll", direction="max", minimum_effect=0.1)
    means = {effect.term.name: effect.contrast.mean for effect in found.main}
    assert means == pytest.approx({"a": 1.0, "b": 0.0, "c": 0.0, "d": 0.5, "e": 0.0}, abs=0.05)
    assert found.gain is None
    assert all(effect.share is None for effect in found.main)


def test_of_a_loss_a_drop_carries_the_gain() -> None:
    design = factorial_design("ab", 4)
    values = measured(design, lambda on: -1.0 * ("a" in on) + 0.5 * ("b" in on) * ("a" in on))
    found = assess_factorial(design, values, metric="nll", direction="min")
    assert [effect.verdict for effect in found.main] == ["carries", "harmful"]
    assert [effect.verdict for effect in found.pairs] == ["redundancy"]


def test_blocks_that_do_not_differ_leave_effects_undecided() -> None:
    design = factorial_design("ab", 4)
    values = {name: [0.1 + 0.3 * len(on), 0.2 + 0.3 * len(on)] for name, on in design.arms.items()}
    found = assess_factorial(design, values, metric="nll", direction="max")
    assert {effect.verdict for effect in (*found.main, *found.pairs)} == {"undecided"}
    assert found.main[0].contrast.interval is None
    assert Factorial.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(
    ("steps", "max_runs", "message"),
    [
        ("abc", 3, "too few for 3 steps; allow 4"),
        (LETTERS[:9], 11, "too few for 9 steps; allow 12"),
        (LETTERS + "k", 64, "11 steps are more than 10"),
        ("", 4, "steps is empty"),
    ],
)
def test_what_no_design_fits_is_refused(steps: str, max_runs: int, message: str) -> None:
    with pytest.raises(AdvisorError, match=message):
        factorial_design(list(steps), max_runs)


def test_a_predicate_that_hides_a_steps_effect_is_refused() -> None:
    with pytest.raises(AdvisorError, match="step 'b' apart"):
        factorial_design("abc", 8, legal=lambda on: ("a" in on) == ("b" in on))
    with pytest.raises(AdvisorError, match="baseline"):
        factorial_design("abc", 8, legal=lambda on: "a" in on)


def test_runs_that_the_design_does_not_have_or_lacks_are_refused() -> None:
    design = factorial_design("ab", 4)
    values = measured(design, len)
    with pytest.raises(AdvisorError, match="Unknown arm 'c'"):
        assess_factorial(design, values | {"c": [0.0] * 6}, metric="nll", direction="max")
    del values["recipe"]
    with pytest.raises(AdvisorError, match="No values for arm 'recipe'"):
        assess_factorial(design, values, metric="nll", direction="max")


def test_main_effects_that_pairs_leak_into_are_noted_with_their_weights() -> None:
    design = factorial_design("abc", 4)
    found = assess_factorial(design, measured(design, len), metric="nll", direction="max")
    assert design.sentence in found.notes
    assert "in it -1 of b:c" in found.main[0].sentence
