"""Tables: formats, types, categories, missing values, and cells that cannot be meant."""

import json
import pathlib

import numpy as np
import pytest
import torch

from advisor.data import Dataset, Prepared, inspect, load, split
from advisor.errors import AdvisorError
from advisor.experiments.spec import DataSpec, Design
from tests.data.real import DATASETS, needs_real_data

TABULAR = DATASETS / "tabular"


def load_csv(folder: pathlib.Path, text: str, name: str = "t.csv", **fields: object) -> Dataset:
    (folder / name).write_text(text)
    load(DataSpec(builtin="wine"), None)  # the next load is not answered from memory
    return load(DataSpec(**{"table": name, "target": "y", **fields}), folder)


def rows(count: int = 40) -> list[list[str]]:
    return [
        [f"{n * 0.5}", "red" if n % 3 else "blue", "" if n % 10 == 9 else str(n % 7), f"c{n % 2}"] for n in range(count)
    ]


def as_text(table: list[list[str]], delimiter: str = ",", header: str = "size,colour,count,y") -> str:
    return "\n".join([header.replace(",", delimiter), *(delimiter.join(row) for row in table)]) + "\n"


def prepare(dataset: Dataset) -> tuple[Prepared, np.ndarray]:
    train = split(dataset, Design(), 0, None).train
    return dataset.prepared(train), train


def test_numbers_are_standardized_gaps_filled_and_words_become_columns(tmp_path):
    dataset = load_csv(tmp_path, as_text(rows()))
    prepared, train = prepare(dataset)
    assert prepared.facts.columns == ("size", "count", "colour = blue", "colour = red", "count is missing")
    assert (prepared.facts.kind, prepared.facts.categories, prepared.outputs) == ("table", (), 2)
    values = prepared.inputs.numpy()
    np.testing.assert_allclose(values[train, :2].mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(values[train, :2].std(0), 1, rtol=1e-5)
    np.testing.assert_array_equal(np.flatnonzero(values[:, 4]), np.arange(9, 40, 10))
    np.testing.assert_array_equal(values[:, 3], [float(n % 3 > 0) for n in range(40)])
    present = [int(row[2]) for n, row in enumerate(rows()) if row[2] and n in set(train.tolist())]
    three, four = (next(values[n, 1] for n in range(40) if rows()[n][2] == count) for count in "34")
    assert values[9, 1] == pytest.approx(three + (np.median(present) - 3) * (four - three), abs=1e-6)
    assert any("4 values are missing, in 'count'" in note for note in dataset.notes)


def test_csv_tsv_semicolons_and_json_lines_give_the_same_table(tmp_path):
    table = rows()
    prints = [load_csv(tmp_path, as_text(table)).fingerprint]
    prints.append(load_csv(tmp_path, as_text(table, ";")).fingerprint)
    prints.append(load_csv(tmp_path, as_text(table, "\t"), "t.tsv").fingerprint)
    prints.append(load_csv(tmp_path, "\ufeff" + as_text(table).replace("\n", "\r\n")).fingerprint)
    lines = [{"size": float(s), "colour": c, "count": int(k) if k else None, "y": y} for s, c, k, y in table]
    prints.append(load_csv(tmp_path, "\n".join(map(json.dumps, lines)), "t.jsonl").fingerprint)
    assert len(set(prints)) == 1


def test_parquet_gives_the_same_table_as_csv(tmp_path):
    pyarrow = pytest.importorskip("pyarrow", reason="Parquet needs pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = rows()
    first = load_csv(tmp_path, as_text(table)).fingerprint
    columns = {
        "size": [float(row[0]) for row in table],
        "colour": pyarrow.array([row[1] for row in table]).dictionary_encode(),
        "count": [int(row[2]) if row[2] else None for row in table],
        "y": [row[3] for row in table],
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "t.parquet")
    assert load(DataSpec(table="t.parquet", target="y"), tmp_path).fingerprint == first


def test_many_levels_become_codes_at_the_end_with_rare_and_unseen_ones_as_zero(tmp_path):
    cities = [f"city{n % 80:02d}" for n in range(400)] + [f"rare{n}" for n in range(20)]
    text = "size,city,y\n" + "".join(f"{n % 13},{city},{n % 2}\n" for n, city in enumerate(cities))
    dataset = load_csv(tmp_path, text)
    prepared, train = prepare(dataset)
    (cardinality,) = prepared.facts.categories
    codes = prepared.inputs[:, -1]
    assert prepared.facts.columns[-1] == "city"
    assert torch.equal(codes, codes.round())
    assert (int(codes.min()), int(codes.max())) == (0, cardinality - 1)
    counts = {city: sum(cities[n] == city for n in train.tolist()) for city in cities}
    for n, city in enumerate(cities):
        assert (codes[n] == 0) == (counts[city] <= 1)


def test_a_level_that_training_lacks_is_zero_everywhere(tmp_path):
    table = rows()
    dataset = load_csv(tmp_path, as_text(table))
    train = np.asarray([n for n in range(40) if table[n][1] == "red"])
    prepared = dataset.prepared(train)
    assert "colour = blue" not in prepared.facts.columns
    assert prepared.inputs[0, prepared.facts.columns.index("colour = red")] == 0


def test_numbers_that_are_names_become_categories_and_dropped_columns_are_gone(tmp_path):
    prepared, _ = prepare(load_csv(tmp_path, as_text(rows()), categories=["count"], drop=["size"]))
    assert [name for name in prepared.facts.columns if name.startswith("count")][-1] == "count = (missing)"
    assert "size" not in prepared.facts.columns


def test_real_targets_are_in_units_of_their_deviation(tmp_path):
    text = "a,y\n" + "".join(f"{n},{1000.5 + 100 * n}\n" for n in range(50))
    dataset = load_csv(tmp_path, text)
    prepared, train = prepare(dataset)
    assert dataset.kind == prepared.kind == "real"
    assert prepared.targets[torch.from_numpy(train)].mean().item() == pytest.approx(0, abs=1e-6)
    assert any("units of the target's deviation" in note for note in dataset.notes)


def test_the_task_overrules_the_guess_and_many_whole_numbers_are_a_quantity(tmp_path):
    text = "a,y\n" + "".join(f"{n},{n % 5}\n" for n in range(300))
    assert load_csv(tmp_path, text).kind == "class"
    assert load_csv(tmp_path, text, task="real").kind == "real"
    assert load_csv(tmp_path, "a,y\n" + "".join(f"{n},{n}\n" for n in range(300))).kind == "real"


def test_several_targets_of_zero_and_one_are_labels(tmp_path):
    text = "a,y,z\n" + "".join(f"{n},{n % 2},{n % 3 // 2}\n" for n in range(30))
    dataset = load_csv(tmp_path, text, target=["y", "z"])
    assert (dataset.kind, dataset.labels, dataset.outputs) == ("multilabel", ("y", "z"), 2)
    assert dataset.card.class_counts == {"y": 15, "z": 10}


def test_constant_columns_are_left_out_and_named(tmp_path):
    text = "a,b,c,y\n" + "".join(f"{n},7,x,{n % 2}\n" for n in range(30))
    dataset = load_csv(tmp_path, text)
    assert "2 constant columns were left out: 'b', 'c'" in dataset.notes
    with pytest.raises(AdvisorError, match=r"All features of table 't.csv' are constant: 'b', 'c'"):
        load_csv(tmp_path, text, drop=["a"])


GOOD = "".join(f"{n},{n % 2}\n" for n in range(30))


@pytest.mark.parametrize(
    ("text", "fields", "message"),
    [
        ("a,y\n" + GOOD, {"target": "z"}, "Unknown column of table 't.csv' 'z'; known, nearest first: a, y"),
        ("a,y\n" + GOOD, {"drop": ["b"]}, "Unknown column of table 't.csv' 'b'"),
        ("a,y\n" + GOOD + "3,\n4,NA\n", {}, "target 'y' .* is missing in 2 of 32 rows, such as line 32, 33"),
        ("a,y\n" + GOOD + "abc,1\n", {}, "'a' holds numbers but for 1 of 31 cells, such as 'abc' in line 32"),
        ("a,y\n" + GOOD + "inf,1\n", {}, "'a' holds 1 values that are infinite or beyond 1e.100, such as in line 32"),
        ("a,y\n" + GOOD + "1,2,3\n", {}, "3 cells in row 32 but 2 in its header"),
        ("a,a,y\n1,2,3\n", {}, "has two columns 'a'"),
        ("a,,y\n1,2,3\n", {}, "Column 2 of 't.csv' has no name"),
        ("a,y\n", {}, "holds no rows"),
        ("y\n" + "1\n0\n" * 9, {}, "has no column beside its target"),
        ("a,y\n" + "".join(f"{n},5\n" for n in range(30)), {}, "are 5; a model needs two classes"),
        ("a,y\n" + "".join(f"{n},k{n}\n" for n in range(30)), {}, "30 different string targets for 30 examples"),
        (
            "a,y\n" + "".join(f"id{n},{n % 2}\n" for n in range(90)),
            {},
            "'a' .* 90 different words .* name it under drop",
        ),
        ('a,y\n"open,1\n', {}, "no CSV that can be read"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused_with_the_cells(tmp_path, text, fields, message):
    with pytest.raises(AdvisorError, match=message):
        load_csv(tmp_path, text, **fields)


def test_another_encoding_is_said_with_the_byte(tmp_path):
    (tmp_path / "t.csv").write_bytes("a,y\ncaf\xe9,1\n".encode("latin1"))
    with pytest.raises(AdvisorError, match="not UTF-8: byte 7 is 0xe9"):
        load(DataSpec(table="t.csv", target="y"), tmp_path)


def test_an_unknown_ending_names_the_known_ones(tmp_path):
    with pytest.raises(AdvisorError, match=r"ends in '.xlsx'; give one of .csv"):
        load_csv(tmp_path, "x", "t.xlsx")


@needs_real_data
@pytest.mark.parametrize("path", sorted(TABULAR.glob("*.csv")), ids=lambda path: path.stem)
def test_real_tables_have_the_size_that_their_description_says(path):
    described = json.loads((TABULAR / "META.json").read_text())[path.stem]
    named = described["categorical"]
    data = DataSpec(table=str(path), target="target", categories=named)
    told = inspect(data, None, Design())
    assert (sum(told["sizes"].values()), told["classes"]) == (described["rows"], described["classes"])
    prepared, _ = prepare(load(data, None))
    numbers = len([name for name in prepared.facts.columns if " = " not in name])
    constant = sum("constant" in note for note in told["card"]["notes"])
    assert numbers + len(named) + constant == described["features"]
    assert bool(prepared.inputs.isfinite().all())
