"""`regadvisor compare` as a user calls it: lines on stdout, JSON alone with --json, status 2 for a wrong request."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from advisor.experiments.existing.model import RunComparison
from tests.readme import ROOT, examples, run


def call(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "advisor.cli", "compare", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three runs of A as JSON Lines, three of B as CSV."""
    for seed in range(3):
        for side in "ab":
            (tmp_path / side).mkdir(exist_ok=True)
        values = [0.5 + 0.04 * epoch + 0.003 * seed for epoch in range(6)]
        lines = [json.dumps({"epoch": epoch, "val/acc": value}) for epoch, value in enumerate(values)]
        (tmp_path / "a" / f"seed{seed}.jsonl").write_text("\n".join(lines))
        rows = [f"{epoch},{value + 0.02 + 0.001 * seed**2}\n" for epoch, value in enumerate(values)]
        (tmp_path / "b" / f"seed{seed}.csv").write_text("epoch,val_acc\n" + "".join(rows))
    return tmp_path


def test_a_person_reads_the_verdict_first_then_both_sides(runs: Path) -> None:
    done = call("a", "b", cwd=runs)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Better: validation accuracy +2.17 points (95 % interval +1.")
    assert lines[0].endswith("3 pairs by seed).")
    assert lines[1] == "A: 3 runs in a, mean 70.30 % (sd 0.30): 70.00, 70.30, 70.60"
    assert lines[2].startswith("B: 3 runs in b, ")
    assert "'val/acc' of A and 'val_acc' of B" in lines[3]
    assert "Bouthillier et al. (2021)" in lines[4]
    assert lines[5].startswith("to find the observed 2.17 points with power 0.8: ")


def test_json_is_all_that_stdout_holds_and_its_schema_is_the_models(runs: Path) -> None:
    done = call("a", "b", "--minimum-effect", "0.05", "--json", cwd=runs)
    assert done.returncode == 0, done.stderr
    comparison = RunComparison.model_validate_json(done.stdout)
    assert (comparison.schema_version, comparison.verdict, comparison.minimum_effect) == (1, "equivalent", 0.05)
    assert set(json.loads(done.stdout)) <= set(RunComparison.model_json_schema()["properties"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a", "nowhere"], ["'nowhere'", "does not exist"]),
        (["a", "empty"], ["'empty'", "none of its 0 files"]),
        (["a", "a"], ["Every run of A", "nothing to compare"]),
        (["a", "b", "--metric", "val_los"], ["'val_los'", "A has val/acc", "B has val_acc"]),
        (["a", "b", "--minimum-effect", "-1"], ["minimum_effect", "-1"]),
    ],
)
def test_a_wrong_request_is_one_message_and_status_2(runs: Path, arguments: list[str], words: list[str]) -> None:
    (runs / "empty").mkdir()
    done = call(*arguments, cwd=runs)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: ")
    assert all(word in done.stderr for word in words), done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_the_page_on_comparing_shows_what_its_commands_print() -> None:
    shown = examples((ROOT / "docs" / "comparing.md").read_text(encoding="utf-8"))
    assert [command.split()[1] for command, _ in shown] == ["compare"] * 3
    for command, output in shown:
        assert run(command) == output, command
