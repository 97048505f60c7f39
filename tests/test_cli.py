"""The command line: results on stdout, errors in one message on stderr, the exit status, and no traceback ever."""

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

GOOD = "epoch,train_loss,val_loss\n" + "".join(f"{i},{1 / (i + 1)},{0.5 + 0.01 * (i - 6) ** 2}\n" for i in range(25))
SPEC = """
data: {builtin: wine}
model: {name: mlp, arguments: {width: 8}}
baseline: {lr: 0.01, epochs: 2}
arms: {slow: {lr: 0.001}}
design: {max_blocks: 2}
"""

pytestmark = pytest.mark.usefixtures("home")


def call(
    *arguments: str | Path, cwd: Path | None = None, limit: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    """A run of the command line, whatever its outcome."""
    command = [sys.executable, "-m", "advisor.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, preexec_fn=limit)


def _write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing.csv", None, ["missing.csv", "does not exist"]),
        ("empty.csv", "", ["empty.csv", "empty"]),
        ("binary.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4, ["binary.csv", "binary"]),
        ("header.csv", "epoch,train_loss,val_loss\n", ["header.csv", "row"]),
        ("prose.csv", "This is not a log.\nNothing to see.\n", ["prose.csv"]),
    ],
)
def test_a_log_that_cannot_be_read_is_named_with_what_is_wrong(
    tmp_path: Path, name: str, content: str | bytes | None, words: list[str]
) -> None:
    path = tmp_path / name if content is None else _write(tmp_path, name, content)
    done = call("diagnose", path)
    assert done.returncode == 2
    assert all(word in done.stderr for word in words), done.stderr
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("epoch,val_loss\n" + "".join(f"{i},{0.5 + 0.01 * (i - 6) ** 2}\n" for i in range(25)), ["'val_loss'"]),
        ("epoch,train_loss,val_loss\n" + "".join(f"{i},nan,nan\n" for i in range(9)), ["non_finite"]),
        ("epoch,train_loss,val_loss\n0,1.0,1.1\n", ["too_few_points"]),
        (
            "epoch,train_loss,val_loss\n" + "".join(f"{i},{1 / (i + 1)},\n" for i in range(9)) + "9,0.1,0.5\n",
            ["train_loss"],
        ),
    ],
)
def test_a_poor_log_gets_an_honest_diagnosis(tmp_path: Path, content: str, words: list[str]) -> None:
    done = call("diagnose", _write(tmp_path, "log.csv", content))
    assert done.returncode == 0, done.stderr
    assert all(word in done.stdout for word in words), done.stdout


def test_json_is_all_that_stdout_holds(tmp_path: Path) -> None:
    done = call("diagnose", _write(tmp_path, "log.csv", GOOD), "--json")
    diagnosis = json.loads(done.stdout)
    assert diagnosis["findings"][0]["kind"] == "overfitting"
    assert diagnosis["schema_version"] == 1


def test_an_unknown_series_offers_the_nearest(tmp_path: Path) -> None:
    done = call("diagnose", _write(tmp_path, "log.csv", GOOD), "--train", "train_lss")
    assert done.returncode == 2
    assert "'train_lss'" in done.stderr
    assert "nearest first: train_loss" in done.stderr


def test_a_full_disk_leaves_the_old_picture_and_says_so(tmp_path: Path) -> None:
    log, picture = _write(tmp_path, "log.csv", GOOD), _write(tmp_path, "out.svg", "the old one")

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    done = call("diagnose", log, "--plot", picture, limit=small_files)
    assert done.returncode == 1
    assert "Cannot write" in done.stderr
    assert "free some space" in done.stderr
    assert picture.read_text() == "the old one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.csv", "out.svg"]


def test_a_full_disk_under_the_database_says_so(tmp_path: Path) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))

    done = call("verify", _write(tmp_path, "spec.yaml", SPEC), limit=small_files)
    assert done.returncode == 1
    assert "REGADVISOR_HOME" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("change", "words", "status"),
    [
        ("colour: red", ["unknown key 'colour'"], 2),
        ("metric: acuracy", ["'acuracy'", "accuracy"], 2),
        ("budget: 0.01s", ["too small for two blocks"], 2),
        ("arms: {a: {techniques: {mixpu: {}}}}", ["'mixpu'", "nearest first: mixup"], 2),
        ("arms: {a: {techniques: {mixup: {alpha: -1}}}}", ["alpha", "-1"], 2),
    ],
)
def test_a_wrong_spec_ends_with_status_2(tmp_path: Path, change: str, words: list[str], status: int) -> None:
    key = change.split(":")[0]
    lines = [line for line in SPEC.splitlines() if not line.startswith(f"{key}:")]
    done = call("verify", _write(tmp_path, "spec.yaml", "\n".join([*lines, change])))
    assert done.returncode == status, done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    assert "Traceback" not in done.stderr


def test_an_entry_point_that_raises_ends_with_status_1_and_its_place(tmp_path: Path) -> None:
    _write(tmp_path, "mine.py", "def data():\n    raise RuntimeError('the file server is down')\n")
    done = call("verify", _write(tmp_path, "spec.yaml", SPEC.replace("builtin: wine", "entry: 'mine:data'")))
    assert done.returncode == 1
    assert "the file server is down" in done.stderr
    assert "mine.py" in done.stderr
    assert "Traceback" not in done.stderr


def test_verify_reports_and_finds_its_job_again(tmp_path: Path) -> None:
    spec = _write(tmp_path, "spec.yaml", SPEC)
    assert "at most 4 runs" in call("verify", spec, "--dry-run").stdout
    done = call("verify", spec)
    assert done.returncode == 0, done.stderr
    assert "slow: " in done.stdout
    job_id = done.stdout.strip().rsplit(" ", 1)[1]
    assert f"{job_id}  done" in call("jobs", "list").stdout
    assert json.loads(call("jobs", "show", job_id, "--json").stdout)["results"]["blocks"] == 2
    respec = _write(tmp_path, "again.json", call("jobs", "show", job_id, "--spec").stdout)
    assert job_id in call("verify", respec).stdout, "the job's own spec names the same job"
    page = tmp_path / "r.html"
    assert call("report", job_id, "--out", page).stdout.strip() == str(page)
    assert "Measured effects" in page.read_text()
    assert call("jobs", "rm", job_id).returncode == 0
    assert call("jobs", "list").stdout == "No jobs yet.\n"


def test_advice_needs_no_training(tmp_path: Path) -> None:
    assert "mixup" in call("techniques", "list").stdout
    assert "alpha" in call("techniques", "show", "mixup").stdout
    assert "No step" not in call("recommend", "--modality", "table", "--train-size", "500").stdout
    assert "import torch" in call("recommend", "--modality", "image", "--train-size", "500", "--code").stdout
    wrong = call("recommend", "--modality", "video")
    assert wrong.returncode == 2
    assert "video" in wrong.stderr
    assert "--modality" in call("recommend").stderr


def test_lint_shows_the_line_and_fix_prints_a_patch(tmp_path: Path) -> None:
    script = _write(
        tmp_path,
        "train.py",
        "from tensorflow.keras.callbacks import EarlyStopping\n"
        "model.fit(x, y, validation_data=(a, b), callbacks=[EarlyStopping(patience=3)])\n",
    )
    found = call("lint", script)
    assert "train.py:2" in found.stdout
    assert "early-stopping-best-checkpoint" in found.stdout
    assert "+model.fit" in call("lint", script, "--fix").stdout


def test_the_skill_goes_into_a_file_and_out_again(tmp_path: Path) -> None:
    target = _write(tmp_path, "CLAUDE.md", "# My rules\n")
    assert call("skill", "install", "--to", target).returncode == 0
    assert "overfit" in target.read_text()
    assert call("skill", "uninstall", "--to", target).returncode == 0
    assert target.read_text() == "# My rules\n"


def test_doctor_says_what_works_and_what_an_interpreter_lacks(tmp_path: Path) -> None:
    assert "ok      training: Python" in call("doctor").stdout
    python = _write(tmp_path, "python", '#!/bin/sh\necho \'{"python": "3.12.1", "versions": {"numpy": "2.0"}}\'\n')
    python.chmod(0o755)
    assert "pip install torch pydantic" in call("doctor", "--python", python).stdout


def test_a_wrong_option_is_status_2_without_a_traceback() -> None:
    done = call("diagnose")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_the_demo_goes_from_training_to_report(tmp_path: Path) -> None:
    done = call("demo", "--out", tmp_path / "demo", "--blocks", "2", "--seed", "3")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 10, done.stdout
    assert lines[-1].startswith("Do: ")
    names = {path.name for path in (tmp_path / "demo").iterdir()}
    assert names == {"baseline.csv", "effects.png", "evidence.json", "report.html", "spec.json"}
    page = (tmp_path / "demo" / "report.html").read_text()
    for heading in ("Diagnosis", "Recipe", "Measured effects", "What it cost", "How to reproduce it"):
        assert f">{heading}</h2>" in page
    shipped = Path(__file__).parents[1] / "docs" / "example" / "baseline.csv"
    assert (tmp_path / "demo" / "baseline.csv").read_text() != shipped.read_text(), "another seed, other numbers"
