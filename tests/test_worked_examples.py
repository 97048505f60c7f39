"""The worked examples in docs/ say what is true: their files and commands run as they stand, from data to evidence.

In a page `<!-- file: NAME -->` stands before a block that is a file, and `<!-- run -->` before commands with what they
print. Every section (`## ...`) with commands is an example of its own, run in a folder of its own.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

from advisor.experiments.command_spec import CommandSpec
from advisor.jobs import service
from advisor.report.build import job_report
from advisor.report.html import render
from tests.data.real import DATASETS

DOCS = Path(__file__).resolve().parents[1] / "docs"
FILE = re.compile(r"<!-- file: (?P<name>\S+) -->\n```\w+\n(?P<content>.*?)```\n", re.DOTALL)
RUN = re.compile(r"<!-- run -->\n```console\n(?P<lines>.*?)```\n", re.DOTALL)
# What a page calls the user's own, and where it is taken from.
DATA = {
    "flowers": DATASETS / "flowers_tiny",
    "australian.csv": DATASETS / "tabular" / "australian.csv",
    "plays.txt": DATASETS / "text" / "tinyshakespeare.txt",
}


class Example(NamedTuple):
    """One section of a page: its files by name, its commands, and the lines that it shows as their output."""

    page: str
    title: str
    data: tuple[str, ...]
    files: dict[str, str]
    commands: tuple[str, ...]
    shown: tuple[str, ...]


def _examples() -> list[Example]:
    found = []
    for page in sorted(DOCS.glob("*.md")):
        for section in page.read_text(encoding="utf-8").split("\n## ")[1:]:
            lines = [line for block in RUN.finditer(section) for line in block["lines"].splitlines()]
            if lines:
                found.append(
                    Example(
                        page=page.name,
                        title=section.partition("\n")[0],
                        data=tuple(name for name in DATA if name in section),
                        files={block["name"]: block["content"] for block in FILE.finditer(section)},
                        commands=tuple(line.removeprefix("$ ") for line in lines if line.startswith("$ ")),
                        shown=tuple(line for line in lines if not line.startswith("$ ")),
                    )
                )
    return found


EXAMPLES = _examples()


def _run(example: Example, folder: Path) -> list[str]:
    """What the example's commands print, run in a fresh folder with its data and files."""
    folder.mkdir()
    for name in example.data:
        copy = shutil.copytree if DATA[name].is_dir() else shutil.copyfile
        copy(DATA[name], folder / name)
    for name, content in example.files.items():
        (folder / name).write_text(content, encoding="utf-8")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    printed = []
    for command in example.commands:
        started = re.sub(r"^regadvisor\b", f"'{sys.executable}' -m advisor.cli", command)
        done = subprocess.run(
            started, shell=True, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        printed += done.stdout.splitlines()
    return printed


def _subjects(lines: Iterable[str]) -> list[str]:
    """What each line of output is about, without numbers: "baseline: test nll", "dropout:". Notes on an arm are left
    out: whether there are any depends on the numbers."""
    found = []
    for line in lines:
        head, colon, rest = line.partition(":")
        if head != "  note":
            found.append(re.sub(r"\S*\d.*", "", head + colon + (rest if head == "baseline" else "")))
    return found


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("example", EXAMPLES, ids=[f"{example.page}: {example.title}" for example in EXAMPLES])
def test_an_example_goes_from_the_users_files_to_evidence_by_one_command(example: Example, tmp_path: Path) -> None:
    absent = [name for name in example.data if not DATA[name].exists()]
    if absent:
        pytest.skip(f"the real data is not at {DATASETS}")
    assert len([command for command in example.commands if command.startswith("regadvisor verify ")]) == 1
    printed = _run(example, tmp_path / "work")
    assert _subjects(printed) == _subjects(example.shown)
    job_id = printed[-1].removeprefix("Report: regadvisor report ")
    evidence = service.find_evidence(job_id)
    assert [run.failure for run in evidence.results.runs if run.failure] == []
    for arm in evidence.results.arms:
        assert arm.comparison.n == evidence.results.blocks or arm.settled
        assert arm.comparison.interval is not None
        assert any(arm.comparison.differences), "the change reached the training"
    if isinstance(evidence.spec, CommandSpec):
        assert evidence.results.notes == (), "the script obeys its seed"
    report = job_report(job_id)
    assert "None" not in report.title
    assert "<html" in render(report)


def test_every_worked_example_is_found() -> None:
    assert [example.page for example in EXAMPLES] == [
        "image_folder.md", "own_script.md", "own_script.md", "table.md", "text.md", "text.md",
    ]  # fmt: skip
