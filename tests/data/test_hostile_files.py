"""Whatever the bytes, a file is read or refused with a message; nothing else is raised."""

import contextlib

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from advisor.data import load
from advisor.errors import AdvisorError
from advisor.experiments.spec import DataSpec

FILES = {
    "t.csv": {"table": "t.csv", "target": "y"},
    "t.tsv": {"text": "t.tsv", "target": "y", "text_column": "a"},
    "t.jsonl": {"table": "t.jsonl", "target": "y"},
    "t.npz": {"arrays": "t.npz"},
    "t.safetensors": {"arrays": "t.safetensors"},
    "c.txt": {"corpus": "c.txt", "context": 4, "vocabulary": "character"},
    "train-images-idx3-ubyte": {"torchvision": "MNIST", "root": "."},
}
CELL = st.sampled_from(["", "1", "-2.5", "nan", "inf", "1e999", "abc", '"', "True", "é", "\x00", "1_0", "9" * 400])


@pytest.mark.parametrize("name", list(FILES))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400))
@example(b"PK\x05\x06" + b"\0" * 18)
@example(b"\xff\xff\xff\xff\xff\xff\xff\x7f{}")
@example(bytes((0, 0, 8, 3)) + b"\xff" * 12)
def test_random_bytes_are_read_or_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    load(DataSpec(builtin="wine"), None)
    with contextlib.suppress(AdvisorError):
        load(DataSpec(**FILES[name]), tmp_path)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=40), st.sampled_from(["t.csv", "t.tsv"]))
def test_odd_cells_are_read_or_refused(tmp_path, rows, name):
    delimiter = "," if name == "t.csv" else "\t"
    lines = [delimiter.join(row) for row in [("a", "b", "y"), *rows]]
    (tmp_path / name).write_text("\n".join(lines))
    load(DataSpec(builtin="wine"), None)
    with contextlib.suppress(AdvisorError):
        dataset = load(DataSpec(table=name, target="y"), tmp_path)
        assert len(dataset.card.fingerprint) == 64
        assert bool(dataset.prepared(np.arange(len(dataset))).inputs.isfinite().all())


@pytest.mark.parametrize(
    "line",
    [
        '{"a": [1, 2], "y": 1}',
        '{"a": {"b": 1}, "y": 1}',
        '{"a": NaN, "y": 1}',
        "[" * 100_000,
        "3",
        '{"a": 1e999, "y": 0}',
    ],
)
def test_odd_json_lines_are_read_or_refused(tmp_path, line):
    (tmp_path / "t.jsonl").write_text(f'{line}\n{{"a": 2, "y": 0}}\n')
    with contextlib.suppress(AdvisorError):
        load(DataSpec(table="t.jsonl", target="y"), tmp_path)
