"""The files that decide what a command does, and copies of them."""

import subprocess
from pathlib import Path

import pytest

from advisor.experiments import tree


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    (folder / "data").mkdir(parents=True)
    (folder / "package" / "__pycache__").mkdir(parents=True)
    (folder / "data" / "big.bin").write_text("big")
    (folder / "train.py").write_text("old")
    (folder / "package" / "net.py").write_text("net")
    (folder / "package" / "__pycache__" / "net.pyc").write_text("net")
    return folder


def _git(workspace: Path) -> None:
    (workspace / ".gitignore").write_text("data/\n")
    subprocess.run(["git", "init", "-q"], cwd=workspace, check=True)
    subprocess.run(["git", "add", "train.py"], cwd=workspace, check=True)


def test_git_says_which_files_count_tracked_or_not(workspace: Path) -> None:
    assert sorted(tree.manifest(workspace, workspace / "home") or {}) == ["data/big.bin", "package/net.py", "train.py"]
    _git(workspace)
    assert sorted(tree.manifest(workspace, workspace / "home") or {}) == [".gitignore", "package/net.py", "train.py"]


def test_our_own_records_do_not_count(workspace: Path) -> None:
    (workspace / "home").mkdir()
    (workspace / "home" / "jobs.sqlite3").write_text("")
    assert "home/jobs.sqlite3" not in tree.names(workspace, workspace / "home")
    assert "home/jobs.sqlite3" in tree.names(workspace, workspace / "elsewhere")


def test_a_changed_and_a_missing_file_are_named(workspace: Path) -> None:
    files = tree.manifest(workspace, workspace / "home")
    assert files is not None
    assert tree.changed(files, workspace) == []
    (workspace / "train.py").write_text("other")
    (workspace / "package" / "net.py").unlink()
    assert sorted(tree.changed(files, workspace)) == ["package/net.py", "train.py"]
    assert tree.fingerprint(files) != tree.fingerprint(tree.manifest(workspace, workspace / "home") or {})


def test_a_copy_has_its_own_files_and_links_to_what_git_ignores(workspace: Path, tmp_path: Path) -> None:
    _git(workspace)
    copy = tmp_path / "copy"
    tree.copy_tree(
        tree.manifest(workspace, workspace / "home") or {},
        workspace,
        copy,
        {"train.py": "new", "package/extra.py": "more"},
    )
    assert (copy / "train.py").read_text() == "new"
    assert (copy / "package" / "extra.py").read_text() == "more"
    assert (copy / "data").is_symlink()
    assert (copy / "data" / "big.bin").read_text() == "big"
    assert not (copy / ".git").exists()
    assert (workspace / "train.py").read_text() == "old"


def test_too_much_to_read_is_unknown(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "MAX_BYTES", 5)
    assert tree.manifest(workspace, workspace / "home") is None
