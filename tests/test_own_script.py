"""docs/own_script.md says what is true: its script and spec run as they stand."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from advisor.experiments.evidence import Evidence

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "own_script.md").read_text(encoding="utf-8")


def _block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.usefixtures("home")
def test_the_example_goes_from_the_users_file_to_evidence_by_one_command(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(_block("python"))
    (tmp_path / "spec.yaml").write_text(_block("yaml"))
    command = _block("console").strip().removeprefix("$ ").split()
    assert command[0] == "regadvisor"
    done = subprocess.run(
        [sys.executable, "-m", "advisor.cli", *command[1:], "--json"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    evidence = Evidence.model_validate(json.loads(done.stdout))
    arm = evidence.arm("decay")
    assert arm.comparison.n == 4
    assert evidence.results.baseline_mean is not None
    assert evidence.results.baseline_mean > 0.85
    assert [run.failure for run in evidence.results.runs if run.failure] == []
    assert evidence.results.notes == (), "it obeys its seed"
    assert any(row.validation_loss is not None for row in evidence.results.runs[0].rows)
