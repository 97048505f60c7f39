"""When training stops, and that the best epoch's weights come back."""

import math

import pytest
from torch import nn

from advisor.errors import AdvisorError
from advisor.techniques.core import Run
from advisor.techniques.early_stopping import EarlyStopping, may_descend_again
from advisor.training.engine import train
from tests.techniques.runs import make_run
from tests.training.run_plans import make_plan


def play(technique: EarlyStopping, key: str, values: list[float], direction: str = "max") -> tuple[Run, int]:
    """Feed the values epoch by epoch; the single weight is the epoch's number. Returns the run and the epochs done."""
    model = nn.Linear(1, 1, bias=False)
    run = make_run(model, epochs=len(values), direction=direction)
    for epoch, value in enumerate(values):
        run.epoch = run.kept_epoch = epoch
        nn.init.constant_(model.weight, epoch)
        run.history.append({key: value})
        technique.epoch_end(run)
        if run.stop:
            break
    technique.fit_after(run)
    return run, len(run.history)


@pytest.mark.parametrize(("patience", "epochs"), [(0, 3), (1, 4), (3, 6)])
def test_training_stops_when_more_bad_epochs_in_a_row_than_tolerated(patience, epochs):
    run, done = play(EarlyStopping(patience_epochs=patience), "validation_loss", [3.0, 2.0, 2.5, 2.5, 2.5, 2.5, 2.5])
    assert done == epochs
    assert (run.kept_epoch, run.model.weight.item()) == (1, 1.0)


def test_patience_starts_again_after_an_improvement():
    run, done = play(EarlyStopping(patience_epochs=1), "validation_loss", [3.0, 3.1, 2.0, 2.1, 2.2, 1.0])
    assert (done, run.kept_epoch) == (5, 2)


def test_the_best_weights_come_back_where_the_training_reaches_its_end():
    run, done = play(EarlyStopping(patience_epochs=50), "validation_loss", [3.0, 1.0, 2.0])
    assert (done, run.kept_epoch, run.model.weight.item()) == (3, 1, 1.0)


def test_the_metric_is_monitored_in_its_own_direction():
    values = [0.5, 0.9, 0.7]
    technique = EarlyStopping(patience_epochs=5, monitor="metric")
    assert play(technique, "validation_metric", values, "max")[0].kept_epoch == 1
    assert play(technique, "validation_metric", values, "min")[0].kept_epoch == 0


def test_an_improvement_below_min_delta_does_not_count():
    run, _ = play(EarlyStopping(patience_epochs=5, min_delta=0.1), "validation_loss", [1.0, 0.95, 0.85])
    assert run.kept_epoch == 2
    run, _ = play(EarlyStopping(patience_epochs=5, min_delta=0.2), "validation_loss", [1.0, 0.95, 0.85])
    assert run.kept_epoch == 0


def test_nan_is_a_bad_epoch_and_without_a_good_one_the_last_weights_stay():
    run, done = play(EarlyStopping(patience_epochs=1), "validation_loss", [math.nan, math.nan, math.nan])
    assert (done, run.kept_epoch, run.model.weight.item()) == (2, 1, 1.0)


def test_the_kept_weights_are_those_of_a_training_that_ended_at_the_best_epoch():
    quick = {"lr": 0.03, "data": {"builtin": "digits", "train_size": 40}}
    stopped = train(make_plan({"early_stopping": {"patience_epochs": 2}}, epochs=30, **quick))
    losses = [row.validation_loss for row in stopped.rows]
    assert stopped.kept_epoch == losses.index(min(losses))
    assert stopped.epochs_run == stopped.kept_epoch + 4
    cut = train(make_plan(epochs=stopped.kept_epoch + 1, **quick))
    assert cut.outcome_digest == stopped.outcome_digest
    assert cut.test == stopped.test


def play_rows(technique: EarlyStopping, rows: list[tuple[float, float]]) -> tuple[Run, int]:
    """Feed (train_eval_loss, validation_loss) epoch by epoch. Returns the run and the epochs done."""
    run = make_run(nn.Linear(1, 1), epochs=len(rows))
    for epoch, (train_loss, validation_loss) in enumerate(rows):
        run.epoch = run.kept_epoch = epoch
        run.history.append({"train_eval_loss": train_loss, "validation_loss": validation_loss})
        technique.epoch_end(run)
        if run.stop:
            break
    technique.fit_after(run)
    return run, len(run.history)


def test_an_epoch_wise_second_descent_is_cut_off_unless_it_waits_for_interpolation():
    train_losses = [2.0 * 0.85**epoch for epoch in range(40)]
    peak = 18  # where the train loss reaches a twentieth of its first value
    first, rise, fall = (
        [1 - epoch / 30 for epoch in range(4)],
        [0.9 + (epoch - 3) / 50 for epoch in range(4, peak + 1)],
        [1.2 - (epoch - peak) / 20 for epoch in range(peak + 1, 40)],
    )
    validation = first + rise + fall
    rows = list(zip(train_losses, validation, strict=True))
    assert min(validation) < validation[3]
    impatient, done = play_rows(EarlyStopping(patience_epochs=5), rows)
    assert (done, impatient.kept_epoch) == (10, 3)
    waiting, done = play_rows(EarlyStopping(patience_epochs=12, wait_for_interpolation=True), rows)
    assert (done, waiting.kept_epoch) == (40, 39)


def test_patience_counts_from_the_epoch_at_which_the_training_data_is_fitted():
    rows = [(1.0, 1.0), (0.5, 2.0), (0.2, 2.0), (0.1, 2.0), (0.04, 2.0), (0.02, 2.0), (0.01, 2.0), (0.01, 2.0)]
    run, done = play_rows(EarlyStopping(patience_epochs=2, wait_for_interpolation=True), rows)
    assert (done, run.kept_epoch) == (7, 0)


def test_a_train_loss_that_stalls_ends_the_waiting():
    rows = [(1.0, 1.0), (0.6, 2.0), *[(0.5, 2.0)] * 20]
    run, done = play_rows(EarlyStopping(patience_epochs=2, wait_for_interpolation=True), rows)
    assert (done, run.kept_epoch) == (8, 0)


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([1.0], True),
        ([1.0, 0.9, 0.8, 0.7], True),
        ([1.0, 0.05], False),
        ([1.0, 0.9, 0.89, 0.89], False),
        ([0.0], False),
        ([1.0, math.nan], False),
        ([math.inf, 1.0], False),
    ],
)
def test_when_a_second_descent_may_follow(losses: list[float], expected: bool):
    assert may_descend_again(losses, 1) is expected


def test_a_row_without_the_value_that_is_needed_is_refused_with_its_name():
    run = make_run(nn.Linear(1, 1))
    run.history.append({"epoch": 0.0, "train_loss": 1.0})
    with pytest.raises(AdvisorError, match=r"needs 'validation_loss', but .*epoch, train_loss; .*validation_loss=\.\."):
        EarlyStopping().epoch_end(run)
    with pytest.raises(AdvisorError, match="needs 'validation_metric'"):
        EarlyStopping(monitor="metric").epoch_end(run)
    run.history[-1]["validation_loss"] = 1.0
    with pytest.raises(AdvisorError, match=r"session\.epoch_end\(train_eval_loss=\.\.\.\)"):
        EarlyStopping(wait_for_interpolation=True).epoch_end(run)
    EarlyStopping().epoch_end(run)
