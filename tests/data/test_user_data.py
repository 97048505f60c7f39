"""The user's data function: what it may return, and what is said where it returns something else."""

import pathlib

import numpy as np
import pytest
import torch

from advisor.data import load
from advisor.errors import AdvisorError
from advisor.experiments.spec import DataSpec


def load_source(folder: pathlib.Path, source: str, entry: str = "mine:make", **arguments: object):
    (folder / "mine.py").write_text("import numpy as np\nimport torch\n" + source)
    return load(DataSpec(entry=entry, arguments=arguments), folder)


def test_a_pair_of_arrays_becomes_classes_with_their_labels(tmp_path):
    dataset = load_source(tmp_path, "def make(n): return np.eye(n, 3), np.arange(n) % 2 + 5", n=8)
    assert (dataset.kind, dataset.labels, dataset.targets.tolist()) == ("class", ("5", "6"), [0, 1] * 4)
    assert dataset.inputs.dtype == torch.float32
    assert dataset.given is None


def test_float_targets_are_real_and_a_single_column_is_a_vector(tmp_path):
    dataset = load_source(tmp_path, "def make(): return torch.eye(8, 3), torch.rand(8, 1)")
    assert (dataset.kind, dataset.classes, tuple(dataset.targets.shape)) == ("real", None, (8,))


def test_strings_are_classes_and_wide_integers_stay_integers(tmp_path):
    dataset = load_source(tmp_path, "def make(): return np.arange(24).reshape(8, 3), ['cat', 'dog'] * 4")
    assert (dataset.labels, dataset.inputs.dtype) == (("cat", "dog"), torch.int64)


def test_given_splits_and_map_style_datasets_are_read(tmp_path):
    source = """
class Pairs(torch.utils.data.Dataset):
    def __len__(self): return 6
    def __getitem__(self, i): return torch.full((2,), float(i)), i % 2
def make(): return {"train": (np.zeros((4, 2)), np.array([0, 1, 0, 1])), "test": Pairs()}
"""
    dataset = load_source(tmp_path, source)
    assert dataset.given is not None
    np.testing.assert_array_equal(dataset.given["test"], np.arange(4, 10))
    np.testing.assert_array_equal(dataset.inputs[4:, 0].numpy(), np.arange(6))


def test_the_same_function_gives_the_same_fingerprint_whatever_was_drawn_before(tmp_path):
    source = "def make(): return np.random.rand(8, 2) + torch.rand(8, 2).numpy(), np.arange(8) % 2"
    first = load_source(tmp_path, source).fingerprint
    torch.rand(5), np.random.rand(5)
    load(DataSpec(builtin="wine"), None)  # the next load is not answered from memory
    assert load_source(tmp_path, source).fingerprint == first


def test_what_the_function_prints_stays_off_stdout(tmp_path, capsys):
    load_source(tmp_path, "def make():\n    print('loading')\n    return np.eye(8, 2), np.arange(8) % 2")
    assert capsys.readouterr() == ("", "loading\n")


def test_a_module_of_the_same_name_in_another_workspace_is_the_one_that_counts(tmp_path):
    for name, rows in (("one", 8), ("two", 10)):
        (tmp_path / name).mkdir()
        made = load_source(tmp_path / name, f"def make(): return np.eye({rows}, 2), np.arange({rows}) % 2")
        assert len(made.inputs) == rows


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("mined:make", "no module 'mined' in the workspace .* nearest first: mine"),
        ("mine.sub:make", "no module 'mine.sub'"),
        ("mine:maker", "'mine' has no 'maker'.*nearest first: make, other"),
        ("mine:number", "'mine:number' is a int, not a function"),
    ],
)
def test_a_missing_entry_is_a_wrong_request_with_the_nearest_names(tmp_path, entry, message):
    with pytest.raises(AdvisorError, match=message) as caught:
        load_source(tmp_path, "number = 3\ndef other(): pass\ndef make(): pass\n", entry)
    assert caught.value.exit_status == 2


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def make():\n    return {}['x']\n", r"entry 'mine:make' raised KeyError: 'x' \(.*mine\.py:4\)"),
        ("def make():\n    raise SystemExit(3)\n", r"raised SystemExit: 3 \(.*mine\.py:4\)"),
        ("import nowhere_to_be_found\n", r"raised ModuleNotFoundError: .*\(.*mine\.py:3\)"),
        ("def make(:\n", r"raised SyntaxError: .*\(.*mine\.py:3\)"),
        ("def make():\n    return np.load('absent.npy')\n", r"raised FileNotFoundError.*\(.*mine\.py:4\)"),
    ],
)
def test_an_entry_that_raises_is_failed_work_with_the_users_line(tmp_path, source, message):
    with pytest.raises(AdvisorError, match=message) as caught:
        load_source(tmp_path, source)
    assert caught.value.exit_status == 1


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ("None", r"returned a NoneType as its result; return \(x, y\)"),
        ("(1, 2, 3)", "returned a tuple of length 3"),
        ("{'test': 1}", "a dict without 'train'"),
        ("{'train': 1, 'val': 2}", "Unknown split 'val'"),
        ("(np.ones((8, 2)), np.ones(7))", "8 inputs but 7 targets"),
        ("(np.ones((0, 2)), np.ones(0))", "gave no examples"),
        ("(np.ones(8), np.ones(8))", r"have shape \(8,\)"),
        ("(np.full((8, 2), np.nan), np.ones(8))", "16 values that are not finite"),
        ("(np.ones((8, 2)), np.full(8, np.inf))", "not all finite"),
        ("(np.ones((8, 2)), np.zeros(8, dtype=int))", "a model needs two classes"),
        ("(np.ones((50, 2)), np.arange(50))", "50 different integer targets for 50 examples"),
        ("(np.ones((8, 2)), np.ones((8, 3), dtype=int))", r"targets .* shape \(8, 3\)"),
        (
            "{'train': (np.ones((8, 2)), np.arange(8) % 2), 'test': (np.ones((8, 3)), np.arange(8) % 2)}",
            r"'test' .* differs from 'train': inputs \(3,\)",
        ),
    ],
)
def test_a_wrong_result_is_a_wrong_request(tmp_path, result, message):
    with pytest.raises(AdvisorError, match=message) as caught:
        load_source(tmp_path, f"def make(): return {result}")
    assert caught.value.exit_status == 2


def test_arguments_that_the_function_does_not_take_are_named(tmp_path):
    with pytest.raises(AdvisorError, match=r"unexpected keyword argument 'm'; its signature is \(n\)"):
        load_source(tmp_path, "def make(n): return n", n=1, m=2)


def test_loaders_and_iterable_datasets_are_read_once(tmp_path):
    source = """
class Stream(torch.utils.data.IterableDataset):
    def __iter__(self): return ((torch.full((2,), float(i)), i % 2) for i in range(6))
def make():
    pairs = torch.utils.data.TensorDataset(torch.arange(20.0).reshape(10, 2), torch.arange(10) % 2)
    return {"train": torch.utils.data.DataLoader(pairs, batch_size=4, shuffle=True), "test": Stream()}
"""
    dataset = load_source(tmp_path, source)
    assert dataset.given is not None
    assert sorted(dataset.inputs[:10, 0].tolist()) == [float(n) for n in range(0, 20, 2)]
    np.testing.assert_array_equal(dataset.inputs[10:, 0].numpy(), np.arange(6))
    load(DataSpec(builtin="wine"), None)
    assert load_source(tmp_path, source).fingerprint == dataset.fingerprint


def test_columns_of_zeros_and_ones_are_labels_and_integers_for_integers_are_tokens(tmp_path):
    labels = load_source(tmp_path, "def make(): return np.eye(8, 2), np.eye(8, 3, dtype=int)")
    assert (labels.kind, labels.outputs) == ("multilabel", 3)
    (tmp_path / "ids.py").write_text(
        "import numpy as np\ndef make(): return np.arange(24).reshape(4, 6), 1 + np.arange(24).reshape(4, 6)"
    )
    tokens = load(DataSpec(entry="ids:make"), tmp_path)
    assert (tokens.kind, tokens.prepared(np.arange(2)).facts.vocabulary) == ("token", 25)


def test_groups_that_are_asked_for_must_come_with_the_data(tmp_path):
    (tmp_path / "pair.py").write_text("import numpy as np\ndef make(): return np.ones((8, 2)), np.arange(8) % 2")
    with pytest.raises(AdvisorError, match=r"return \(x, y, z\), z the group of each example"):
        load(DataSpec(entry="pair:make", split={"by": "group"}), tmp_path)
