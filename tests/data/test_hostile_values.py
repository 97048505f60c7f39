"""Data that no training should be wasted on: an error or a note names what is wrong with it."""

import numpy as np
import pytest
import torch

from advisor.data import Dataset, inspect, load, split
from advisor.data.columns import Column
from advisor.data.preparation import standardize, standardize_targets
from advisor.data.table import table_dataset
from advisor.errors import AdvisorError
from advisor.experiments.spec import DataSpec, Design
from advisor.training.engine import train
from tests.training.run_plans import make_plan

HALVES = np.arange(60) % 2


def save(folder, **arrays):
    """Arrays under a name of their own, because the last data set loaded is kept."""
    name = f"d{len(list(folder.iterdir()))}.npz"
    np.savez(folder / name, **arrays)
    return DataSpec(arrays=name)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("shape", [(60,), (60, 2)])
def test_targets_that_are_not_finite_are_counted_and_placed(tmp_path, bad, shape):
    y = np.random.rand(*shape)
    y[[7, 41]] = bad
    with pytest.raises(AdvisorError, match=r"2 of 60 are NaN or infinite, such as those of examples 7, 41"):
        load(save(tmp_path, x=np.random.rand(60, 3), y=y), tmp_path)


@pytest.mark.parametrize("cell", ["nan", "NaN", "", "none"])
def test_a_target_that_a_table_leaves_out_is_named_with_its_line(tmp_path, cell):
    lines = [f"{n},{n % 2 if n != 7 else cell}" for n in range(30)]
    (tmp_path / "t.csv").write_text("\n".join(["a,y", *lines]))
    with pytest.raises(AdvisorError, match=r"target 'y' .* is missing in 1 of 30 rows, such as line 9"):
        load(DataSpec(table="t.csv", target="y"), tmp_path)


@pytest.mark.parametrize("first", [True, False])
def test_a_class_that_training_lacks_is_refused_by_name(tmp_path, first):
    x, y = np.random.rand(60, 3), HALVES.copy()
    y[45:] = 2 if first else y[45:]
    y[50] = 5
    spec = save(tmp_path, x_train=x[:45], y_train=y[:45], x_test=x[45:], y_test=y[45:])
    with pytest.raises(AdvisorError, match=r"No training example of class .*'5' is left"):
        split(load(spec, tmp_path), Design(), 0, None)


def test_a_class_that_only_training_has_is_noted(tmp_path):
    x, y = np.random.rand(80, 3), np.arange(80) % 2
    y[:20] = 7
    spec = save(tmp_path, x_train=x[:60], y_train=y[:60], x_test=x[60:], y_test=y[60:])
    assert "the test split holds no example of class '7'" in inspect(spec, tmp_path, Design())["card"]["notes"]


@pytest.mark.parametrize("y", [np.full(60, 3), np.full(60, True), np.full(60, "cat"), np.full(60, 0.5)])
def test_targets_that_are_all_the_same_are_refused(tmp_path, y):
    with pytest.raises(AdvisorError, match=r"a model needs two classes to learn|there is nothing to learn"):
        load(save(tmp_path, x=np.random.rand(60, 3), y=y), tmp_path)


def test_real_targets_that_are_all_the_same_in_training_alone_are_refused():
    dataset = Dataset(
        torch.rand(60, 2), torch.tensor([1.5] * 40 + [2.5] * 20), "real",
        given={"train": np.arange(40), "validation": np.arange(40, 50), "test": np.arange(50, 60)},
    )  # fmt: skip
    with pytest.raises(AdvisorError, match=r"All 40 training targets are 1\.5, so there is nothing to learn"):
        split(dataset, Design(), 0, None)


@pytest.mark.parametrize("shape", [(60, 3), (60, 3, 8, 8), (60, 12)])
def test_inputs_that_are_all_the_same_are_refused(tmp_path, shape):
    x = np.full(shape, 0.3, dtype=np.float32)
    with pytest.raises(AdvisorError, match=r"All 60 inputs of arrays 'd0.npz' are the same; there is nothing to learn"):
        load(save(tmp_path, x=x, y=HALVES), tmp_path)
    x[-1] += 1
    assert len(load(save(tmp_path, x=x, y=HALVES), tmp_path)) == 60


def test_constant_columns_of_arrays_and_of_a_function_are_noted_by_their_place(tmp_path):
    x = np.random.rand(60, 9).astype(np.float32)
    x[:, 2:8] = 0.1
    (tmp_path / "flat.py").write_text(
        "import numpy as np\ndef make():\n"
        "    x = np.random.rand(60, 4)\n    x[:, 3] = 5\n    return x, np.arange(60) % 2\n"
    )
    remark = "6 of 9 columns are constant and say nothing: 2, 3, 4, 5, 6 and 1 more (counted from 0)"
    assert remark in load(save(tmp_path, x=x, y=HALVES), tmp_path).notes
    entry = load(DataSpec(entry="flat:make"), tmp_path)
    assert "1 of 4 columns are constant and say nothing: 3 (counted from 0)" in entry.notes


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6, -3.3])
def test_a_column_that_is_constant_in_training_is_zero_also_where_it_is_not(value):
    inputs = torch.randn(1000, 2)
    inputs[:, 1] = value
    inputs[900:, 1] = 77.0
    scaled = standardize(inputs, np.arange(900))
    assert torch.equal(scaled[:, 1], torch.zeros(1000))
    assert scaled[:900, 0].mean().abs() < 1e-6


def test_a_target_that_is_constant_in_training_keeps_its_differences_elsewhere():
    targets = torch.full((1000,), 0.1)
    targets[900:] = 3.1
    scaled = standardize_targets(targets, np.arange(900))
    torch.testing.assert_close(scaled[900:], torch.full((100,), 3.0))


@pytest.mark.parametrize("as_number", [False, True])
def test_a_category_of_a_million_levels_is_refused_with_what_to_write(as_number):
    rows = 1_000_000
    columns = {
        "zip": Column("zip", list(range(rows)) if as_number else [f"z{n}" for n in range(rows)], typed=True),
        "y": Column("y", [n % 2 for n in range(rows)], typed=True),
    }
    data = DataSpec(table="t.csv", target="y", categories=("zip",))
    with pytest.raises(
        AdvisorError, match=r"'zip' .* holds 1000000 different words in 1000000 rows.*name it under drop"
    ):
        table_dataset(columns, data, "table 't.csv'")


def test_a_category_of_more_levels_than_any_embedding_should_have_is_refused_even_if_each_occurs_often():
    cells = [f"z{n % 10_001}" for n in range(30_003)]
    columns = {"zip": Column("zip", cells), "y": Column("y", [str(n % 2) for n in range(30_003)])}
    with pytest.raises(AdvisorError, match="holds 10001 different words in 30003 rows"):
        table_dataset(columns, DataSpec(table="t.csv", target="y"), "table 't.csv'")


@pytest.mark.parametrize(("outputs", "shape"), [(9, r"\(2, 9\)"), (11, r"\(2, 11\)")])
def test_a_model_whose_outputs_are_not_the_classes_is_refused_before_it_trains(tmp_path, outputs, shape):
    source = f"from torch import nn\ndef make(): return nn.Sequential(nn.Flatten(), nn.Linear(64, {outputs}))\n"
    (tmp_path / "wide.py").write_text(source)
    with pytest.raises(AdvisorError, match=rf"returned shape {shape} .* the data needs \(2, 10\)") as caught:
        train(make_plan(model={"entry": "wide:make"}), workspace=tmp_path)
    assert caught.value.exit_status == 2
