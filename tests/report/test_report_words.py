"""Numbers in the report's own words."""

import math

import pytest

from advisor.report import words


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0.0, "0"),
        (0.53912, "0.539"),
        (12.345, "12.3"),
        (123456.7, "123,457"),
        (1e-7, "1.00e-07"),
        (math.nan, "not finite"),
    ],
)
def test_numbers_show_three_digits_and_are_scientific_only_at_the_extremes(amount: float, text: str) -> None:
    assert words.number(amount) == text


def test_sizes_of_shares_are_points_and_others_are_plain() -> None:
    assert words.size(-0.005, "accuracy") == "0.5 points"
    assert words.size(0.02, "nll") == "0.02"


def test_probabilities_never_claim_certainty() -> None:
    assert [words.probability(p) for p in (0.0, 0.355, 1.0)] == ["< 1 %", "36 %", "> 99 %"]


def test_p_values_levels_and_positions_are_short() -> None:
    assert [words.p_value(p) for p in (None, 0.0001, 0.0123, 0.5)] == ["none", "< 0.001", "0.012", "0.50"]
    assert [words.level(x) for x in (0.95, 0.9875, 0.05)] == ["95 %", "98.8 %", "5 %"]
    assert [words.position(x) for x in (12.0, 3.25, 120_000.4)] == ["12", "3.2", "120,000"]
