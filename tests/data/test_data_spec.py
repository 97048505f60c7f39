"""How a person names data: one source, what belongs to it, and paths that stay inside."""

import pathlib

import pytest

from advisor.data import load
from advisor.errors import AdvisorError
from advisor.experiments.spec import DataSpec


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "give exactly one of builtin, entry, folder.*got none"),
        ({"builtin": "wine", "folder": "x"}, "got builtin, folder"),
        ({"builtin": "wines"}, "Unknown built-in data set 'wines'; known, nearest first: wine"),
        ({"table": "a.csv"}, "table 'a.csv' also needs target"),
        ({"torchvision": "MNIST"}, "also needs root"),
        ({"folder": "a", "target": "y"}, "target belongs to table or text or huggingface, not to folder"),
        ({"builtin": "wine", "image_size": 32}, "image_size belongs to folder"),
        ({"corpus": "a.txt", "vocabulary": "word"}, "vocabulary 'word' does not fit corpus; use byte or character"),
        ({"corpus": "a.txt", "split": {"by": "random"}}, "always cut by position"),
        ({"table": "a.csv", "target": "y", "split": {"by": "group"}}, "split by group needs column"),
        ({"folder": "a", "split": {"by": "time", "column": "t"}}, "split by time works for"),
        ({"table": "a.csv", "target": "y", "split": {"by": "random", "column": "t"}}, "takes no column"),
        ({"entry": "no function"}, "is not of the form module:function"),
    ],
)
def test_a_data_spec_that_cannot_be_meant_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        DataSpec(**fields)


def test_the_paths_are_those_that_loading_reads():
    assert DataSpec(builtin="wine").paths() == DataSpec(entry="a:b").paths() == ()
    assert DataSpec(arrays=("x.npy", "y.npy")).paths() == (pathlib.PurePath("x.npy"), pathlib.PurePath("y.npy"))
    assert DataSpec(torchvision="MNIST", root="r").paths() == (pathlib.PurePath("r"),)
    assert DataSpec(table="t.csv", target="y").paths() == (pathlib.PurePath("t.csv"),)


def test_a_relative_path_out_of_the_workspace_is_refused_also_through_a_link(tmp_path):
    (tmp_path / "outside.csv").write_text("a,y\n1,2\n")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.csv").symlink_to(tmp_path / "outside.csv")
    for path in ("../outside.csv", "link.csv"):
        with pytest.raises(AdvisorError, match="leads out of the workspace"):
            load(DataSpec(table=path, target="y"), inside)


def test_a_missing_file_names_its_neighbours(tmp_path):
    (tmp_path / "churn.csv").write_text("a,y\n1,2\n")
    with pytest.raises(AdvisorError, match=r"no file or folder 'chum.csv'.*nearest first: churn.csv"):
        load(DataSpec(table="chum.csv", target="y"), tmp_path)
