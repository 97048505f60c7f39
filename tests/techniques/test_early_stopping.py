"""When training stops, and that the best epoch's weights come back."""

import math

import pytest
from torch import nn

from advisor.techniques.core import Run
from advisor.techniques.early_stopping import EarlyStopping
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
