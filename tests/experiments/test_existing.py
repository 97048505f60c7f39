"""Runs that already exist: which value of a run counts, which runs belong together, and what makes them unfair."""

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from advisor.errors import AdvisorError
from advisor.experiments.existing import compare_runs
from advisor.experiments.existing.model import RunComparison
from advisor.experiments.existing.words import describe_comparison

A = (0.902, 0.897, 0.905, 0.899, 0.903)
B = (0.921, 0.918, 0.927, 0.919, 0.920)


def _rise(end: float, epochs: int = 8, bump: float = 0.0) -> list[float]:
    """Accuracies that rise to `end`; the one before the last is better by `bump`."""
    values = [end - 0.37 * math.exp(-epoch) * (epoch < epochs - 1) for epoch in range(epochs)]
    values[-2] = end + bump if bump else values[-2]
    return values


def _keras(path: Path, accuracy: Sequence[float], **columns: Sequence[float]) -> None:
    """A log as Keras' CSVLogger writes it; `columns` come on top of the validation accuracy."""
    losses = {"loss": [1 / (epoch + 1) + accuracy[-1] for epoch in range(len(accuracy))]}
    table = {"epoch": range(len(accuracy)), "val_accuracy": accuracy, **losses, **columns}
    rows = [",".join(map(str, row)) for row in zip(*table.values(), strict=True)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([",".join(table), *rows]) + "\n")


def _trainer_state(path: Path, accuracy: Sequence[float], max_steps: int | None = None) -> None:
    """A log as a Hugging Face Trainer writes it: training losses twice an evaluation."""
    history: list[dict[str, float]] = []
    for epoch, value in enumerate(accuracy, 1):
        history += [{"loss": 3 / (epoch - 0.5), "epoch": epoch - 0.5, "step": 100 * epoch - 50}]
        history += [{"loss": 3 / epoch, "epoch": epoch, "step": 100 * epoch}]
        history += [{"eval_accuracy": value, "eval_loss": 1 - value, "epoch": epoch, "step": 100 * epoch}]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"log_history": history, "max_steps": max_steps or 100 * len(accuracy)}))


def _lines(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def _by_seed(folder: Path, ends: Sequence[float]) -> None:
    for seed, end in enumerate(ends):
        _keras(folder / f"seed_{seed}" / "history.csv", _rise(end))


def _said(comparison: RunComparison, words: str) -> list[str]:
    return [warning for warning in comparison.warnings if words in warning]


def test_runs_of_equal_seeds_are_compared_as_scipys_paired_t_test_does(tmp_path: Path) -> None:
    _by_seed(tmp_path / "a", A)
    for seed, end in enumerate(B):
        _trainer_state(tmp_path / "b" / f"mixup-s{seed}" / "trainer_state.json", _rise(end))
    found = compare_runs(tmp_path / "a", tmp_path / "b")
    reference = stats.ttest_rel(B, A)
    assert (found.pairing, found.method, found.verdict) == ("seed", "paired t", "better")
    assert found.interval == pytest.approx(tuple(reference.confidence_interval(0.95)))
    assert found.p_value == pytest.approx(reference.pvalue)
    assert (found.a.series, found.b.series) == ("val_accuracy", "eval_accuracy")
    assert found.correlation == pytest.approx(np.corrcoef(A, B)[0, 1])
    assert found.share_better == 1.0


def test_runs_without_a_common_seed_are_compared_as_scipys_welch_test_does(tmp_path: Path) -> None:
    for number, end in enumerate(A[:3]):
        _keras(tmp_path / "a" / f"first{number}.csv", _rise(end))
    for number, end in enumerate(B):
        rows = [{"epoch": epoch, "val": {"accuracy": value}} for epoch, value in enumerate(_rise(end))]
        _lines(tmp_path / "b" / f"second{number}.jsonl", rows)
    found = compare_runs(tmp_path / "a", tmp_path / "b")
    reference = stats.ttest_ind(B, A[:3], equal_var=False)
    assert (found.pairing, found.method) == ("none", "Welch t")
    assert found.interval == pytest.approx(tuple(reference.confidence_interval(0.95)))
    assert found.p_value == pytest.approx(reference.pvalue)
    assert _said(found, "3 runs against 5")


def test_the_same_name_below_both_folders_makes_a_pair_too(tmp_path: Path) -> None:
    for side, ends in (("a", A), ("b", B)):
        for fold, end in zip("uvwxy", ends, strict=True):
            _keras(tmp_path / side / fold / "log.csv", _rise(end))
    found = compare_runs(tmp_path / "a", tmp_path / "b")
    assert found.pairing == "name"
    assert found.pairs[0] == ("u/log.csv", "u/log.csv")
    assert compare_runs(tmp_path / "a", tmp_path / "b", unpaired=True).method == "Welch t"


def test_a_seed_that_the_log_states_counts_and_one_that_occurs_twice_pairs_nothing(tmp_path: Path) -> None:
    for side, ends, seeds in (("a", A, (3, 1, 2, 5, 4)), ("b", B, (1, 2, 3, 4, 5)), ("c", B, (1, 1, 2, 3, 4))):
        for number, (end, seed) in enumerate(zip(ends, seeds, strict=True)):
            rows = [{"config": {"seed": seed}}]
            rows += [{"epoch": epoch, "val_accuracy": value} for epoch, value in enumerate(_rise(end))]  # type: ignore[dict-item]
            _lines(tmp_path / side / f"{side}{number}.jsonl", rows)
    found = compare_runs(tmp_path / "a", tmp_path / "b")
    assert found.pairs[0] == ("a0.jsonl", "b2.jsonl")
    twice = compare_runs(tmp_path / "a", tmp_path / "c")
    assert twice.pairing == "none"
    assert any("several runs of B have seed 1" in note for note in twice.notes)


def test_a_run_without_a_partner_stays_out_of_the_difference_and_is_told(tmp_path: Path) -> None:
    _by_seed(tmp_path / "a", A)
    _by_seed(tmp_path / "b", B[:3])
    found = compare_runs(tmp_path / "a", tmp_path / "b")
    assert found.difference == pytest.approx(np.subtract(B[:3], A[:3]).mean())
    assert any("left out of the difference: 2" in note for note in found.notes)
    assert found.a.n == 5


def test_validation_selects_the_epoch_of_the_test_value(tmp_path: Path) -> None:
    validation, test = [0.5, 0.8, 0.9, 0.7], [0.41, 0.71, 0.81, 0.95]
    for side in "ab":
        for seed in range(3):
            moved = [value + 0.001 * seed + (0.02 if side == "b" else 0.0) for value in test]
            _keras(tmp_path / side / f"seed{seed}.csv", validation, test_accuracy=moved)
    found = compare_runs(tmp_path / "a", tmp_path / "b")
    assert (found.split, found.selected_by) == ("test", "validation accuracy")
    assert [run.value for run in found.a.runs] == pytest.approx([0.81, 0.811, 0.812])
    assert {run.rule for run in found.a.runs} == {"selected"}
    assert {run.at for run in found.a.runs} == {2.0}
    assert not _said(found, "flatter")


def test_without_a_test_series_the_last_epoch_counts_and_the_flattery_of_the_best_is_told(tmp_path: Path) -> None:
    for side, ends, bump in (("a", A, 0.004), ("b", B, 0.011)):
        for seed, end in enumerate(ends):
            _keras(tmp_path / side / f"seed{seed}.csv", _rise(end, bump=bump))
    found = compare_runs(tmp_path / "a", tmp_path / "b")
    assert [run.value for run in found.a.runs] == pytest.approx(A)
    assert (found.a.best_gain, found.b.best_gain) == (pytest.approx(0.004), pytest.approx(0.011))
    assert _said(found, "cannot both select")[0].endswith("flatter A by 0.40 points and B by 1.10 points on average")


def test_a_test_series_without_validation_counts_at_its_end_too(tmp_path: Path) -> None:
    for side, ends, bump in (("a", A, 0.004), ("b", B, 0.011)):
        for seed, end in enumerate(ends):
            rows = [{"epoch": epoch, "test_acc": value} for epoch, value in enumerate(_rise(end, bump=bump))]
            _lines(tmp_path / side / f"seed{seed}.jsonl", rows)
    found = compare_runs(tmp_path / "a", tmp_path / "b")
    assert (found.split, {run.rule for run in found.b.runs}) == ("test", {"last"})
    assert _said(found, "no validation series could select an epoch")[0].endswith("B by 1.10 points on average")


def test_folds_are_told_from_seeds(tmp_path: Path) -> None:
    for side, ends in (("a", A), ("b", B)):
        for fold, end in enumerate(ends):
            _keras(tmp_path / side / f"fold_{fold}.csv", _rise(end))
    found = compare_runs(tmp_path / "a", tmp_path / "b")
    assert found.pairing == "name"
    assert _said(found, "folds share training examples")


def test_one_run_each_decides_nothing(tmp_path: Path) -> None:
    _by_seed(tmp_path / "a", A[:1])
    _by_seed(tmp_path / "b", B[:1])
    found = compare_runs(tmp_path / "a", tmp_path / "b")
    assert (found.verdict, found.interval, found.chance_better, found.plans) == ("undecided", None, None, ())
    assert found.difference == pytest.approx(B[0] - A[0])
    assert "one run each decides nothing" in found.sentence


def test_one_run_against_several_borrows_their_spread_and_says_so(tmp_path: Path) -> None:
    _by_seed(tmp_path / "a", A)
    _by_seed(tmp_path / "b", B[:1])
    found = compare_runs(tmp_path / "a", tmp_path / "b")
    reference = stats.ttest_ind(B[:1], A, equal_var=True)
    assert found.method == "pooled t"
    assert found.interval == pytest.approx(tuple(reference.confidence_interval(0.95)))
    assert "assuming that both sides scatter as A's runs do" in found.sentence


def test_lower_is_better_for_a_loss(tmp_path: Path) -> None:
    for side, losses in (("a", (0.50, 0.52, 0.51)), ("b", (0.40, 0.43, 0.41))):
        for seed, loss in enumerate(losses):
            _keras(tmp_path / side / f"s{seed}.csv", _rise(0.9), val_loss=[loss + 1 - epoch / 7 for epoch in range(8)])
    found = compare_runs(tmp_path / "a", tmp_path / "b", metric="val_loss")
    assert (found.metric, found.direction, found.verdict) == ("loss", "min", "better")
    assert found.difference is not None
    assert found.difference < 0
    assert (found.chance_better or 0) > 0.9
    assert compare_runs(tmp_path / "b", tmp_path / "a", metric="val_loss").verdict == "worse"


def test_a_difference_inside_the_minimum_effect_is_equivalent(tmp_path: Path) -> None:
    _by_seed(tmp_path / "a", A)
    _by_seed(tmp_path / "b", [value + 0.001 + 0.0002 * seed for seed, value in enumerate(A)])
    found = compare_runs(tmp_path / "a", tmp_path / "b", minimum_effect=0.005)
    assert found.verdict == "equivalent"
    assert "minimum effect of 0.50 points" in found.sentence
    assert [plan.basis for plan in found.plans] == ["observed", "minimum"]
    assert compare_runs(tmp_path / "a", tmp_path / "b").verdict == "better"


def test_per_cent_and_fractions_are_brought_together_and_told(tmp_path: Path) -> None:
    _by_seed(tmp_path / "a", A)
    for seed, end in enumerate(B):
        _keras(tmp_path / "b" / f"seed_{seed}" / "history.csv", [100 * value for value in _rise(end)])
    found = compare_runs(tmp_path / "a", tmp_path / "b")
    assert found.difference == pytest.approx(np.subtract(B, A).mean())
    assert _said(found, "5 logs in per cent and 5 as a fraction")
    both = compare_runs(tmp_path / "b", tmp_path / "b" / ".." / "a")
    assert both.difference == pytest.approx(np.subtract(A, B).mean())


def test_per_cent_on_both_sides_stays_per_cent(tmp_path: Path) -> None:
    for side, ends in (("a", A), ("b", B)):
        for seed, end in enumerate(ends):
            _keras(tmp_path / side / f"seed_{seed}.csv", [100 * value for value in _rise(end)])
    found = compare_runs(tmp_path / "a", tmp_path / "b")
    mean = 100 * np.subtract(B, A).mean()
    assert found.difference == pytest.approx(mean)
    assert f"+{mean:.2f} points" in found.sentence
    assert not _said(found, "per cent")


def test_checkpoints_of_one_training_are_one_run(tmp_path: Path) -> None:
    for side, ends in (("a", A[:3]), ("b", B[:3])):
        for seed, end in enumerate(ends):
            run = tmp_path / side / f"seed{seed}"
            values = _rise(end)
            for epochs in (4, 8):
                _trainer_state(run / f"checkpoint-{100 * epochs}" / "trainer_state.json", values[:epochs], 800)
    found = compare_runs(tmp_path / "a", tmp_path / "b")
    assert (found.a.n, found.b.n) == (3, 3)
    assert [run.value for run in found.b.runs] == pytest.approx(B[:3])
    assert len(found.a.repeated) == 3
    assert _said(found, "3 logs of A repeat another one's values")


def test_each_row_of_a_table_of_results_is_a_run(tmp_path: Path) -> None:
    for side, ends in (("a", A), ("b", B)):
        rows = "".join(f"{seed},{end}\n" for seed, end in enumerate(ends))
        (tmp_path / f"{side}.csv").write_text(f"seed,test_accuracy\n{rows}")
    found = compare_runs(tmp_path / "a.csv", tmp_path / "b.csv")
    assert found.interval == pytest.approx(tuple(stats.ttest_rel(B, A).confidence_interval(0.95)))
    assert {run.rule for run in found.b.runs} == {"only"}
    (tmp_path / "c.csv").write_text("test_accuracy\n" + "".join(f"{end}\n" for end in B))
    unmarked = compare_runs(tmp_path / "a.csv", tmp_path / "c.csv")
    assert any("add a column 'seed'" in note for note in unmarked.notes)


def test_one_file_may_hold_all_runs_of_a_side(tmp_path: Path) -> None:
    for side, ends in (("a", A), ("b", B)):
        rows = [f"{seed},{epoch},{value}\n" for seed, end in enumerate(ends) for epoch, value in enumerate(_rise(end))]
        (tmp_path / f"{side}.csv").write_text("seed,epoch,val_accuracy\n" + "".join(rows))
    found = compare_runs(tmp_path / "a.csv", tmp_path / "b.csv")
    assert (found.pairing, len(found.pairs)) == ("seed", 5)
    assert found.difference == pytest.approx(np.subtract(B, A).mean())


def test_a_side_that_lost_more_runs_is_not_called_better_by_the_rest(tmp_path: Path) -> None:
    _by_seed(tmp_path / "a", A)
    _by_seed(tmp_path / "b", B[:3])
    for seed in (3, 4):
        values = [*_rise(B[seed])[:4], *[math.nan] * 4]
        _keras(tmp_path / "b" / f"seed_{seed}" / "history.csv", values)
    found = compare_runs(tmp_path / "a", tmp_path / "b")
    assert found.interval is not None
    assert found.interval[0] > 0
    assert found.verdict == "undecided"
    assert "0 of A's 5 runs and 2 of B's 5 ended without a value" in found.sentence
    assert _said(found, "2 of 5 runs of B ended with a loss or metric that is no finite number")
    assert (found.b.n, found.share_better) == (3, pytest.approx(0.6))
    _by_seed(tmp_path / "c", [value - 0.06 for value in A])
    assert compare_runs(tmp_path / "b", tmp_path / "c").verdict == "undecided", "its rivals may be the lucky ones"
    assert compare_runs(tmp_path / "c", tmp_path / "b").verdict == "undecided"
    _by_seed(tmp_path / "d", [value + 0.06 for value in A])
    assert compare_runs(tmp_path / "b", tmp_path / "d").verdict == "better", "the loss of runs speaks for it, too"


def test_a_verdict_that_hangs_on_runs_that_were_cut_off_is_withheld(tmp_path: Path) -> None:
    close = [value + 0.0005 * (-1) ** seed for seed, value in enumerate(A)]
    _by_seed(tmp_path / "a", A)
    _by_seed(tmp_path / "b", close)
    steady = compare_runs(tmp_path / "a", tmp_path / "b", minimum_effect=0.005)
    assert steady.verdict == "equivalent"
    _keras(tmp_path / "b" / "seed_4" / "history.csv", _rise(close[4])[:3])
    found = compare_runs(tmp_path / "a", tmp_path / "b", minimum_effect=0.005)
    assert [run.state for run in found.b.runs] == ["finished"] * 4 + ["cut off"]
    assert found.b.runs[4].value == pytest.approx(_rise(close[4])[2])
    assert found.verdict == "undecided"
    assert _said(found, "1 of 5 runs of B ended early")


def test_one_trainer_that_stopped_before_its_plan_was_cut_off(tmp_path: Path) -> None:
    for side, ends in (("a", A[:3]), ("b", B[:3])):
        for seed, end in enumerate(ends):
            planned = 2000 if (side, seed) == ("b", 1) else 800
            _trainer_state(tmp_path / side / f"s{seed}" / "trainer_state.json", _rise(end), planned)
    found = compare_runs(tmp_path / "a", tmp_path / "b")
    assert {run.state for run in found.a.runs} == {"finished"}
    assert [run.state for run in found.b.runs] == ["finished", "cut off", "finished"]


def test_trainers_that_all_stopped_before_their_plan_followed_a_rule(tmp_path: Path) -> None:
    for side, ends in (("a", A), ("b", B)):
        for seed, end in enumerate(ends):
            values = _rise(end, epochs=8 + seed)
            _trainer_state(tmp_path / side / f"s{seed}" / "trainer_state.json", values, 4000)
    found = compare_runs(tmp_path / "a", tmp_path / "b")
    assert {run.state for run in (*found.a.runs, *found.b.runs)} == {"finished"}
    assert _said(found, "5 of 5 runs of B ended before the step that they had planned")
    assert found.verdict == "better"


def test_unequal_budgets_and_evaluations_are_told(tmp_path: Path) -> None:
    for seed in range(3):
        _keras(tmp_path / "a" / f"seed{seed}.csv", _rise(A[seed]))
        rows = [{"epoch": 2 * epoch, "val_accuracy": value} for epoch, value in enumerate(_rise(B[seed], 20))]
        _lines(tmp_path / "b" / f"seed{seed}.jsonl", rows)
    found = compare_runs(tmp_path / "a", tmp_path / "b")
    assert _said(found, "unequal budgets: A ends at epoch 7, B at epoch 38")
    assert _said(found, "A is evaluated every 1 epoch, B every 2 epochs")


def test_epochs_against_steps_cannot_be_weighed(tmp_path: Path) -> None:
    for seed in range(3):
        _keras(tmp_path / "a" / f"seed{seed}.csv", _rise(A[seed]))
        _trainer_state(tmp_path / "b" / f"seed{seed}" / "trainer_state.json", _rise(B[seed]))
    assert _said(compare_runs(tmp_path / "a", tmp_path / "b"), "A counts by epoch, B by step")


def test_few_test_examples_are_noticed(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for side in "ab":
        for seed in range(3):
            _keras(tmp_path / side / f"seed{seed}.csv", [k / 40 for k in random.integers(20, 40, 8)])
    found = compare_runs(tmp_path / "a", tmp_path / "b")
    mean = (found.a.mean + found.b.mean) / 2  # type: ignore[operator]
    drawn = f"{100 * np.sqrt(mean * (1 - mean) / 40):.2f} points (standard error;"
    assert "one example is 2.50 points" in _said(found, "multiples of 1/40")[0]
    assert drawn in _said(found, "multiples of 1/40")[0]
    _by_seed(tmp_path / "c", [0.91234567, 0.9187654, 0.9154321])
    assert not _said(compare_runs(tmp_path / "a", tmp_path / "c"), "multiples of")


def test_the_same_run_on_both_sides_is_found_by_file_and_by_content(tmp_path: Path) -> None:
    _by_seed(tmp_path / "a", A)
    _by_seed(tmp_path / "b", B)
    shutil.copy(tmp_path / "a" / "seed_1" / "history.csv", tmp_path / "b" / "seed_1" / "history.csv")
    found = compare_runs(tmp_path / "a", tmp_path / "b")
    assert _said(found, "1 run of A is also in B, value for value (seed_1/history.csv)")
    with pytest.raises(AdvisorError, match=r"Every run of A .* is a run of B too"):
        compare_runs(tmp_path / "a", tmp_path)
    with pytest.raises(AdvisorError, match=r"Every run of A"):
        compare_runs(tmp_path / "a" / "seed_0", tmp_path / "a" / "seed_0" / "history.csv")


def test_copies_of_all_runs_leave_no_spread_and_are_told(tmp_path: Path) -> None:
    _by_seed(tmp_path / "a", A)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    found = compare_runs(tmp_path / "a", tmp_path / "b", minimum_effect=0.01)
    assert (found.verdict, found.interval) == ("undecided", None)
    assert "no spread to judge by" in found.sentence
    assert _said(found, "5 runs of A are also in B")


def test_logs_without_the_metric_are_counted(tmp_path: Path) -> None:
    _by_seed(tmp_path / "a", A)
    _by_seed(tmp_path / "b", B[:4])
    (tmp_path / "b" / "seed_4").mkdir()
    (tmp_path / "b" / "seed_4" / "history.csv").write_text("epoch,loss\n0,0.7\n1,0.6\n")
    found = compare_runs(tmp_path / "a", tmp_path / "b")
    assert found.b.lacking == ("seed_4/history.csv",)
    assert _said(found, "1 log of B has no such metric and was left out (seed_4/history.csv)")


def test_a_metric_that_few_runs_have_does_not_lead(tmp_path: Path) -> None:
    for side, ends in (("a", A), ("b", B)):
        for seed, end in enumerate(ends):
            extra = {"test_accuracy": _rise(0.8)} if seed == 0 else {}
            _keras(tmp_path / side / f"seed{seed}.csv", _rise(end), **extra)
    found = compare_runs(tmp_path / "a", tmp_path / "b")
    assert found.split == "validation"
    assert "test accuracy" in found.also


def test_what_cannot_be_compared_says_what_there_is(tmp_path: Path) -> None:
    _by_seed(tmp_path / "a", A[:1])
    (tmp_path / "b.csv").write_text("epoch,train_loss\n0,0.7\n1,0.6\n")
    with pytest.raises(AdvisorError, match=r"share no test or validation metric; A has .*val_accuracy.*B has train_"):
        compare_runs(tmp_path / "a", tmp_path / "b.csv")
    with pytest.raises(AdvisorError, match=r"B has no metric 'val_accuracy'; .*B has train_loss"):
        compare_runs(tmp_path / "a", tmp_path / "b.csv", metric="val_accuracy")
    with pytest.raises(AdvisorError, match=r"A and B have no metric 'f1'"):
        compare_runs(tmp_path / "a", tmp_path / "b.csv", metric="f1")
    assert _said(compare_runs(tmp_path / "a", tmp_path / "b.csv", metric="loss"), "says nothing about generalization")
    with pytest.raises(AdvisorError, match="does not exist"):
        compare_runs(tmp_path / "a", tmp_path / "nowhere")
    with pytest.raises(AdvisorError, match="minimum_effect must be"):
        compare_runs(tmp_path / "a", tmp_path / "b.csv", minimum_effect=math.nan)


def test_no_finite_value_is_said_of_the_side_that_has_none(tmp_path: Path) -> None:
    _by_seed(tmp_path / "a", A)
    for seed in range(5):
        _keras(tmp_path / "b" / f"seed_{seed}" / "history.csv", [*_rise(B[seed])[:7], math.nan])
    found = compare_runs(tmp_path / "a", tmp_path / "b")
    assert found.sentence == "Undecided: no run of B has a finite validation accuracy."
    assert (found.difference, found.b.mean, found.share_better) == (None, None, 0.0)


def test_the_result_survives_json_and_is_the_same_again(tmp_path: Path) -> None:
    _by_seed(tmp_path / "a", A)
    _by_seed(tmp_path / "b", B)
    found = compare_runs(tmp_path / "a", tmp_path / "b", minimum_effect=0.01)
    assert RunComparison.model_validate_json(found.model_dump_json()) == found
    assert compare_runs(tmp_path / "a", tmp_path / "b", minimum_effect=0.01).id == found.id
    lines = describe_comparison(found)
    assert lines[0] == found.sentence
    assert len(lines) <= 12
