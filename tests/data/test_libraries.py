"""Libraries that only some files need: each reader names the one it lacks and the command that brings it."""

import importlib.metadata
import pathlib
import re
import sys

import pytest

from advisor.data import load
from advisor.data.libraries import EXTRA
from advisor.data.paths import locate
from advisor.errors import AdvisorError
from advisor.experiments.spec import DataSpec
from advisor.models.weights import read_weights

READERS = {
    "t.parquet": ("pyarrow", {"table": "t.parquet", "target": "y"}),
    "saved": ("pyarrow", {"huggingface": "saved"}),
    "pictures": ("pillow", {"folder": "pictures"}),
    "t.safetensors": ("safetensors", {"arrays": "t.safetensors"}),
    "w.safetensors": ("safetensors", None),
}


def read_without(library, name, fields, folder, monkeypatch):
    """What is raised where the library cannot be imported."""
    if name in ("saved", "pictures"):
        (folder / name / "cat").mkdir(parents=True)
        (folder / name / "cat" / "1.png").write_bytes(b"\x89PNG")
    else:
        (folder / name).write_bytes(b"PAR1")
    module = {"pillow": "PIL.Image"}.get(library, library)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(AdvisorError) as caught:
        read_weights(locate(name, folder)) if fields is None else load(DataSpec(**fields), folder)
    return str(caught.value)


@pytest.mark.parametrize("name", list(READERS))
def test_a_missing_library_is_named_with_the_extra_that_brings_it(tmp_path, monkeypatch, name):
    library, fields = READERS[name]
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: None)
    text = read_without(library, name, fields, tmp_path, monkeypatch)
    assert f"needs {library}; install it with: pip install 'regularization-advisor[{EXTRA}]'" in text


@pytest.mark.parametrize("name", list(READERS))
def test_where_we_are_not_installed_the_command_is_for_the_interpreter_that_reads(tmp_path, monkeypatch, name):
    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    library, fields = READERS[name]
    monkeypatch.setattr(importlib.metadata, "distribution", absent)
    text = read_without(library, name, fields, tmp_path, monkeypatch)
    assert text.endswith(f"needs {library}; install it with: {sys.executable} -m pip install {library}")


def test_the_extra_brings_each_library_that_a_message_names():
    text = (pathlib.Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    line = re.search(rf"^{EXTRA} = \[(.*)\]$", text, re.MULTILINE)
    assert line is not None
    assert set(re.findall(r'"([a-z]+)>=', line.group(1))) == {library for library, _ in READERS.values()}
