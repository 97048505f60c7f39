"""Runs paired by block, and how far arms are followed."""

import dataclasses
from collections.abc import Sequence

from advisor.experiments.evidence import RunResult
from advisor.experiments.pairing import Pairs, courses, pair
from advisor.experiments.sequential import Rule

RULE = Rule(alpha=0.05, horizon=8, minimum_effect=0.01)


def _run(arm: str, block: int, value: float, *, digest: str = "", failure: str = "") -> RunResult:
    return RunResult(
        run_id=f"{arm}{block}", arm=arm, block=block, seed=block, test={} if failure else {"nll": value},
        validation={}, train={}, kept_epoch=1, epochs_run=1, outcome_digest=digest or f"{arm}{block}", rows=(),
        failure=failure,
    )  # fmt: skip


def _runs(arm: str, values: Sequence[float], *, like: str = "") -> list[RunResult]:
    return [_run(arm, block, value, digest=f"{like}{block}" if like else "") for block, value in enumerate(values)]


def _pairs(values: Sequence[float], baseline: Sequence[float], *, same: bool = False) -> dict[str, Pairs]:
    runs = [*_runs("arm", values, like="baseline" if same else ""), *_runs("baseline", baseline)]
    return pair(runs, ["arm"])


def test_runs_are_paired_by_block_whatever_their_order() -> None:
    runs = [*_runs("arm", [1.0, 2.0, 4.0]), *_runs("baseline", [0.5, 1.0, 1.5])]
    found = pair(list(reversed(runs)), ["arm"])["arm"]
    assert found.differences("nll") == [0.5, 1.0, 2.5]
    assert found.first(2).differences("nll") == [0.5, 1.0]


def test_pairs_end_before_the_first_block_that_lacks_one_of_the_two() -> None:
    arm, baseline = _runs("arm", [1.0] * 5), _runs("baseline", [0.5] * 5)
    assert len(pair([*arm, *baseline[:2], *baseline[3:]], ["arm"])["arm"].arm) == 2
    assert pair(baseline, ["arm"])["arm"].arm == ()


def test_a_failed_run_has_no_difference_but_keeps_its_block() -> None:
    runs = [_run("arm", 0, 1.0), _run("arm", 1, 0.0, failure="it broke"), *_runs("baseline", [0.5, 0.5])]
    found = pair(runs, ["arm"])["arm"]
    assert found.differences("nll") == [0.5, None]
    assert [run.block for run, _ in found.finished] == [0]
    assert found.same() == [False, True]


def test_an_arm_that_equals_the_baseline_bit_for_bit_settles_unless_that_is_the_point() -> None:
    pairs = _pairs([0.3, 0.4, 0.2, 0.5, 0.1, 0.6, 0.3, 0.2], [0.3, 0.4, 0.2, 0.5, 0.1, 0.6, 0.3, 0.2], same=True)
    followed = courses(pairs, "nll", RULE, aa=False)["arm"]
    assert (followed.settled, followed.blocks) == ("identical", 5)
    assert courses(pairs, "nll", RULE, aa=True)["arm"].blocks == 8
    assert courses(pairs, "nll", RULE, aa=False, whole=False)["arm"].settled != "identical"


def test_where_no_arm_ends_early_all_blocks_count_whatever_settled_it() -> None:
    last = dataclasses.replace(RULE, early=False)
    baseline = [0.3, 0.4, 0.2, 0.5, 0.1, 0.6, 0.3, 0.2]
    same = courses(_pairs(baseline, baseline, same=True), "nll", last, aa=False)["arm"]
    assert (same.settled, same.blocks) == ("identical", 8)
    broken = [*baseline[:2], float("nan"), *baseline[3:]]
    assert courses(_pairs(broken, baseline), "nll", RULE, aa=False)["arm"].blocks == 3
    lost = courses(_pairs(broken, baseline), "nll", last, aa=False)["arm"]
    assert (lost.settled, lost.blocks) == ("not finite", 8)
