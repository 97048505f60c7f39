"""The fingerprint of the user's code: what changes it and what does not."""

from pathlib import Path

from advisor.experiments.code import code_fingerprint
from advisor.experiments.spec import Spec, parse_spec

SPEC = {
    "data": {"entry": "mine.data:make"},
    "model": {"name": "mlp"},
    "arms": {"a": {"lr": 0.1}},
}


def _workspace(tmp_path: Path) -> tuple[Spec, Path]:
    package = tmp_path / "mine"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "data.py").write_text("import json\nfrom . import helper\nfrom other import thing\n")
    (package / "helper.py").write_text("x = 1\n")
    (tmp_path / "other.py").write_text("thing = 1\n")
    (tmp_path / "unused.py").write_text("y = 1\n")
    return parse_spec(SPEC), tmp_path


def test_it_changes_with_the_entry_module_and_with_what_that_imports(tmp_path: Path) -> None:
    spec, workspace = _workspace(tmp_path)
    before = code_fingerprint(spec, workspace)
    assert before is not None
    (workspace / "unused.py").write_text("y = 2\n")
    assert code_fingerprint(spec, workspace) == before
    for name in ("mine/data.py", "mine/helper.py", "other.py", "mine/__init__.py"):
        path = workspace / name
        original = path.read_text()
        path.write_text(original + "z = 3\n")
        assert code_fingerprint(spec, workspace) != before, name
        path.write_text(original)
    assert code_fingerprint(spec, workspace) == before


def test_it_is_unknown_where_an_import_is_computed_or_the_entry_is_elsewhere(tmp_path: Path) -> None:
    spec, workspace = _workspace(tmp_path)
    (workspace / "mine" / "helper.py").write_text("import importlib\nimportlib.import_module('o' + 'ther')\n")
    assert code_fingerprint(spec, workspace) is None
    (workspace / "mine" / "helper.py").write_text("def broken(:\n")
    assert code_fingerprint(spec, workspace) is None
    assert code_fingerprint(parse_spec({**SPEC, "data": {"entry": "elsewhere:make"}}), workspace) is None
