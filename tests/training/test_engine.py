"""One training from plan to result: repeatable to the bit, honest where it fails."""

import math
import pathlib

import numpy as np
import pytest
import torch

from advisor.errors import AdvisorError
from advisor.experiments.evidence import RunResult
from advisor.training.engine import train
from advisor.training.loop import batch_spans
from advisor.training.optimizers import learning_rate_factor
from tests.training.run_plans import SMALL_CNN, make_plan

REAL = {
    "data": {"entry": "mine:make"},
    "metric": "rmse",
    "model": {"name": "mlp", "arguments": {"width": 16}},
}

LINEAR = """
def make():
    x = np.random.randn(120, 4)
    return x, x @ np.array([1.0, -2.0, 0.5, 0.0]) + 3.0
"""


def write(folder: pathlib.Path, source: str) -> pathlib.Path:
    (folder / "mine.py").write_text("import numpy as np\nimport torch\nfrom torch import nn\n" + source)
    return folder


def test_a_plan_gives_the_same_bits_whatever_ran_before_and_in_any_order():
    first, second = make_plan(model=SMALL_CNN), make_plan({"dropout": {}, "mixup": {}}, data={"builtin": "wine"})
    forwards = [train(first), train(second)]
    torch.rand(7), np.random.rand(7)
    torch.manual_seed(99)
    assert [train(second), train(first)] == forwards[::-1]


def test_another_block_seed_gives_another_training_on_the_same_split():
    one, two = train(make_plan(block_seed=1)), train(make_plan(block_seed=2))
    assert one.outcome_digest != two.outcome_digest


def test_a_training_learns_and_the_result_survives_json():
    result = train(make_plan(epochs=30, lr=0.01, data={"builtin": "digits", "train_size": 200}))
    assert result.test["accuracy"] > 0.8
    assert [row.epoch for row in result.rows] == list(range(30))
    assert result.rows[-1].train_eval_loss < result.rows[0].train_eval_loss
    assert (result.kept_epoch, result.epochs_run) == (29, 30)
    assert RunResult.model_validate_json(result.model_dump_json()) == result


def test_the_row_of_the_last_epoch_is_the_result_on_validation():
    result = train(make_plan())
    assert result.rows[-1].validation_metric == result.validation["accuracy"]
    assert result.rows[-1].validation_loss == result.validation["nll"]
    assert result.rows[-1].train_eval_loss == result.train["nll"]


def test_progress_is_told_after_each_epoch():
    told: list[tuple[int, int]] = []
    train(make_plan(epochs=3), on_epoch=lambda done, planned: told.append((done, planned)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_what_the_progress_callback_raises_ends_the_training_and_passes_through():
    def cancel(done: int, planned: int) -> None:
        raise KeyError("cancelled")

    with pytest.raises(KeyError, match="cancelled"):
        train(make_plan(epochs=3), on_epoch=cancel)


def test_divergence_ends_the_training_and_is_recorded_as_it_is(tmp_path):
    plan = make_plan(optimizer="sgd", lr=100.0, epochs=50, **REAL)
    result = train(plan, workspace=write(tmp_path, LINEAR))
    assert result.epochs_run < 50
    assert not math.isfinite(result.rows[-1].train_loss)
    assert all(math.isnan(value) for value in result.test.values())
    assert math.isnan(RunResult.model_validate_json(result.model_dump_json()).test["rmse"])


def test_early_stopping_brings_a_diverged_training_back_to_its_best_epoch(tmp_path):
    patient = {"early_stopping": {"patience_epochs": 50}}
    plan = make_plan(patient, optimizer="sgd", lr=100.0, epochs=50, batch_size=200, **REAL)
    result = train(plan, workspace=write(tmp_path, LINEAR))
    assert not math.isfinite(result.rows[-1].train_loss)
    assert result.kept_epoch < result.epochs_run - 1
    assert all(math.isfinite(value) for value in result.test.values())


def test_real_targets_are_fitted_by_squared_error(tmp_path):
    result = train(make_plan(epochs=60, lr=0.02, **REAL), workspace=write(tmp_path, LINEAR))
    assert result.test["r2"] > 0.9
    assert result.rows[-1].validation_loss == pytest.approx(result.validation["rmse"] ** 2, rel=1e-6)


def test_the_users_own_dropout_repeats_and_its_prints_stay_off_stdout(tmp_path, capsys):
    source = """
class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Dropout(0.5), nn.Linear(16, classes))
        self.shift = nn.Parameter(torch.tensor(np.random.rand(1), dtype=torch.float32))
    def forward(self, x):
        print("forward")
        return self.body(x) + self.shift * np.random.rand()
"""
    plan = make_plan(model={"entry": "mine:Net"})
    workspace = write(tmp_path, source)
    first = train(plan, workspace=workspace)
    np.random.rand(3), torch.rand(3)
    assert train(plan, workspace=workspace) == first
    assert capsys.readouterr().out == ""


def test_a_model_that_raises_in_training_is_failed_work_with_the_users_line(tmp_path):
    source = """
class Net(nn.Linear):
    def __init__(self): super().__init__(64, 10)
    def forward(self, x):
        if self.training: raise ValueError("no training today")
        return super().forward(x.flatten(1))
"""
    with pytest.raises(AdvisorError, match=r"raised ValueError: no training today \(.*mine\.py:8\)") as caught:
        train(make_plan(model={"entry": "mine:Net"}), workspace=write(tmp_path, source))
    assert caught.value.exit_status == 1


def test_running_out_of_memory_is_said_as_such(tmp_path):
    source = """
class Net(nn.Linear):
    def __init__(self): super().__init__(64, 10)
    def forward(self, x):
        if self.training: torch.empty(2**50)
        return super().forward(x.flatten(1))
"""
    with pytest.raises(AdvisorError, match="Memory ran out while training arm 'arm' with batch_size 16") as caught:
        train(make_plan(model={"entry": "mine:Net"}), workspace=write(tmp_path, source))
    assert caught.value.exit_status == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metric": "rmse"}, "Metric 'rmse' does not fit class targets; use one of accuracy"),
        ({"device": "nowhere"}, "Device 'nowhere' cannot be used"),
        ({"dtype": "int8"}, "dtype 'int8' is not supported; use one of float32, float64"),
        ({"batch_size": 1, "model": SMALL_CNN}, "batch_size 1 leaves no batch"),
    ],
)
def test_a_request_that_cannot_be_trained_is_refused(changes, message):
    with pytest.raises(AdvisorError, match=message) as caught:
        train(make_plan(**changes))
    assert caught.value.exit_status == 2


def test_integer_columns_of_a_table_are_numbers_to_a_named_model(tmp_path):
    source = "def make():\n    x = np.arange(400).reshape(100, 4)\n    return x, x[:, 0].astype(float)\n"
    result = train(make_plan(**REAL), workspace=write(tmp_path, source))
    assert result.epochs_run == 2


def test_double_precision_trains_too():
    assert train(make_plan(dtype="float64")).outcome_digest != train(make_plan()).outcome_digest


def test_the_last_batch_is_kept_unless_it_is_single_under_batch_normalization():
    assert batch_spans(10, 4, drop_single=True) == [(0, 4), (4, 8), (8, 10)]
    assert batch_spans(9, 4, drop_single=False) == [(0, 4), (4, 8), (8, 9)]
    assert batch_spans(9, 4, drop_single=True) == [(0, 4), (4, 8)]


def test_the_cosine_schedule_agrees_with_torch():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20)
    for step in range(20):
        assert 0.5 * learning_rate_factor("cosine", step, 20) == pytest.approx(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    assert learning_rate_factor("constant", 7, 20) == 1.0


def test_a_training_leaves_the_settings_of_torch_as_they_were():
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    train(make_plan(threads=1))
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before


def test_accumulated_batches_make_the_step_of_one_large_batch():
    whole = train(make_plan(batch_size=20, data={"builtin": "wine"}))
    parts = train(make_plan(batch_size=5, accumulate=4, data={"builtin": "wine"}))
    assert parts.rows[-1].validation_loss == pytest.approx(whole.rows[-1].validation_loss, rel=1e-4)
    assert len(parts.rows) == len(whole.rows)


def test_a_clipped_gradient_changes_the_training_and_a_wide_limit_does_not():
    plain = train(make_plan(optimizer="sgd"))
    assert train(make_plan(optimizer="sgd", clip_norm=1e9)).rows == plain.rows
    assert train(make_plan(optimizer="sgd", clip_norm=1e-3)).rows != plain.rows


def test_half_precision_trains_close_to_single_and_keeps_single_weights():
    single, half = train(make_plan(epochs=5)), train(make_plan(epochs=5, precision="bfloat16"))
    assert half.outcome_digest != single.outcome_digest
    assert half.rows[-1].validation_loss == pytest.approx(single.rows[-1].validation_loss, rel=0.05)
