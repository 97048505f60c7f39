"""The number of blocks that a budget allows."""

import pytest

from advisor.errors import AdvisorError
from advisor.experiments.budget import blocks_within


def test_blocks_fill_the_budget_up_to_the_maximum() -> None:
    first = [2.0, 2.0, 2.0, 2.0]  # 4 s of wall time a block on two workers
    assert blocks_within(24, first_block=first, elapsed=8, workers=2, max_blocks=50) == 5
    assert blocks_within(24, first_block=first, elapsed=8, workers=2, max_blocks=3) == 3


def test_too_small_a_budget_says_what_would_do() -> None:
    with pytest.raises(AdvisorError, match=r"too small for two blocks.*budget: 15s") as caught:
        blocks_within(10, first_block=[4.0, 4.0], elapsed=8, workers=2, max_blocks=8)
    assert caught.value.exit_status == 2
