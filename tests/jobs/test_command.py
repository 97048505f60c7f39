"""The user's own script: run, paired by seed, read and judged; what fails is told and never counted."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from advisor.errors import AdvisorError
from advisor.experiments.evidence import Evidence
from advisor.experiments.spec import AnySpec, parse_spec
from advisor.jobs import service
from advisor.jobs.home import job_folder
from advisor.jobs.request import passed_environment, prepare
from advisor.report.build import job_report
from advisor.report.html import render
from advisor.summary import describe_evidence
from tests.jobs.inline import InlineExecutor, campaign
from tests.jobs.processes import kill, wait_until_gone

pytestmark = pytest.mark.usefixtures("home")

# A script that knows nothing of us. `python -S` starts quickly.
TRAIN = """
import random, sys
out, seed, gain = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
draw = random.Random(seed).random
with open(out + "/log.csv", "w") as log:
    print("epoch,train_loss,val_loss,test_accuracy", file=log)
    for epoch in range(6):
        print(epoch, 1 / (epoch + 1), abs(epoch - 3) + draw() / 9, 0.5 + epoch / 50 + gain + draw() / 99,
              sep=",", file=log)
"""
CSV: dict[str, Any] = {
    "command": "python -S {script} {run_dir} {seed} {gain}",
    "log": "{run_dir}/log.csv",
    "report": {"metric": "test_accuracy", "direction": "max"},
    "select": {"metric": "val_loss", "direction": "min"},
    "baseline": {"script": "train.py", "gain": 0},
    "arms": {"more": {"gain": 0.1}},
    "design": {"max_blocks": 2},
}
JSON_LINE: dict[str, Any] = {
    "command": "python -S {script} {seed}",
    "report": {"metric": "accuracy", "direction": "max"},
    "baseline": {"script": "a.py"},
    "arms": {"b": {"script": "b.py"}},
    "design": {"max_blocks": 2},
}
PRINTS = "import json, random, sys\nprint(json.dumps({'accuracy': random.Random(int(sys.argv[1])).random()}))\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    (folder / "a.py").write_text(PRINTS)
    (folder / "b.py").write_text(PRINTS.replace("random()}", "random() + 0.25}"))
    return folder


def _run(spec: dict[str, Any], workspace: Path, executor: InlineExecutor | None = None) -> Evidence:
    return campaign(parse_spec(spec), executor or InlineExecutor(), workspace=workspace).run()


def test_a_log_is_read_at_the_epoch_that_validation_chose(workspace: Path) -> None:
    evidence = _run(CSV, workspace)
    arm = evidence.arm("more")
    assert [run.arm for run in evidence.results.runs] == ["baseline", "more"] * 2
    assert arm.comparison.differences == pytest.approx((0.1, 0.1), abs=1e-12)
    for run in evidence.results.runs:
        assert run.kept_epoch == 3
        assert run.validation["val_loss"] < 0.2
        assert run.test["test_accuracy"] == run.rows[3].validation_metric
    assert arm.changes == ("gain 0 -> 0.1",)
    assert [effect for _, effect in arm.effect_by_epoch] == pytest.approx([0.1] * 6)
    assert evidence.results.notes == ()
    assert Evidence.model_validate_json(evidence.model_dump_json()) == evidence


def test_without_select_the_last_value_counts(workspace: Path) -> None:
    assert {run.kept_epoch for run in _run({**CSV, "select": None}, workspace).results.runs} == {5}


def test_a_validation_metric_is_judged_by_its_last_value_and_that_is_said(workspace: Path) -> None:
    evidence = _run({**CSV, "report": {"metric": "val_loss", "direction": "min"}}, workspace)
    assert {run.kept_epoch for run in evidence.results.runs} == {5}
    assert "no test metric" in evidence.results.notes[0]


def test_another_script_answers_with_a_json_line(workspace: Path) -> None:
    evidence = _run(JSON_LINE, workspace)
    assert evidence.arm("b").comparison.differences == pytest.approx((0.25, 0.25))
    assert evidence.arm("b").changes == ("script a.py -> b.py",)
    assert "by epoch" not in evidence.arm("b").sentence
    assert "accuracy" in describe_evidence(evidence)[0]


def test_a_patch_is_applied_to_a_copy_and_the_tree_stays(workspace: Path) -> None:
    (workspace / "fix.diff").write_text(
        '--- a/train.py\n+++ b/train.py\n@@ -2,4 +2,4 @@\n import random, sys\n-out, seed, gain = sys.argv[1], '
        'int(sys.argv[2]), float(sys.argv[3])\n+out, seed, gain = sys.argv[1], int(sys.argv[2]), 0.2\n'
        ' draw = random.Random(seed).random\n with open(out + "/log.csv", "w") as log:\n'
    )  # fmt: skip
    evidence = _run({**CSV, "arms": {"fixed": {"patch": "fix.diff"}}}, workspace)
    assert evidence.arm("fixed").comparison.differences == pytest.approx((0.2, 0.2))
    assert (workspace / "train.py").read_text() == TRAIN


def test_a_patch_that_does_not_fit_is_refused_before_anything_runs(workspace: Path) -> None:
    (workspace / "fix.diff").write_text("--- a/train.py\n+++ b/train.py\n@@ -1 +1 @@\n-import torch\n+import jax\n")
    with pytest.raises(AdvisorError, match=r"patch of arm 'fixed': train\.py: the lines around line 1 are not those"):
        prepare(parse_spec({**CSV, "arms": {"fixed": {"patch": "fix.diff"}}}), workspace, 1)


@pytest.mark.parametrize(
    ("baseline", "words"),
    [
        ({"script": "gone.py"}, ["'gone.py'", "is no file"]),
        ({"script": "../a.py"}, ["outside the spec's folder"]),
        ({"script": "train.py", "patch": "no.diff"}, ["Cannot read patch 'no.diff'"]),
    ],
)
def test_a_file_that_is_not_there_is_refused(baseline: dict[str, Any], words: list[str], workspace: Path) -> None:
    with pytest.raises(AdvisorError) as caught:
        prepare(parse_spec({**CSV, "baseline": {"gain": 0, **baseline}}), workspace, 1)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_identical_arms_differ_by_exactly_zero(workspace: Path) -> None:
    executor = InlineExecutor()
    evidence = _run({**CSV, "arms": {}, "aa": True}, workspace, executor)
    assert executor.ran == 5, "both arms in both blocks, and the repeat"
    assert evidence.results.arms[0].comparison.differences == (0.0, 0.0)
    assert describe_evidence(evidence)[-1].startswith("A/A check passed")


def test_a_seed_that_is_not_obeyed_is_found_out(workspace: Path) -> None:
    (workspace / "a.py").write_text("import os\nprint('{\"accuracy\": %d}' % os.getpid())\n")
    notes = _run(JSON_LINE, workspace).results.notes
    assert "the seed is not obeyed" in notes[0]
    (workspace / "a.py").write_text("print('{\"accuracy\": 0.5}')\n")
    assert "the seed changes nothing" in _run(JSON_LINE, workspace).results.notes[0]


# What goes wrong in the arm, and what is said of it; the baseline's runs go on.
FAILURES = {
    "raises": ("raise RuntimeError('the disk is full')", ["exit status 1", "the disk is full"]),
    "hangs": ("import time\nprint('epoch 1', flush=True)\ntime.sleep(60)", ["time limit of 1.0 s", "epoch 1"]),
    "silent": ("pass", ["no JSON line with 'accuracy'", "name a log"]),
    "other": ("print('{\"acc\": 1}')", ["JSON lines had acc"]),
    "words": ('print(\'{"accuracy": "good"}\')', ["'good'", "no number"]),
    "lacking": ("import no_such_library", ["has no module 'no_such_library'", "another python in the spec"]),
    "killed": ("import os\nos.kill(os.getpid(), 9)", ["signal 9"]),
    "meddles": ("open('a.py', 'a').write('#')\nprint('{\"accuracy\": 1}')", ["'a.py' changed while it ran"]),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failing_arm_is_reported_with_the_tail_of_its_output(name: str, workspace: Path) -> None:
    source, words = FAILURES[name]
    (workspace / "b.py").write_text(source)
    evidence = _run({**JSON_LINE, "timeout": "1s"} if name == "hangs" else JSON_LINE, workspace)
    arm = evidence.arm("b")
    assert arm.verdict == "undecided"
    assert "only 0 of 2 blocks finished" in arm.sentence
    assert all(word in arm.notes[0] for word in words), arm.notes
    assert evidence.results.baseline_mean is not None, "the other runs went on"
    assert describe_evidence(evidence)[-1].endswith("find out why b failed.")


def test_blocks_in_which_both_finished_are_compared_and_the_rest_is_counted(workspace: Path) -> None:
    failing = _run(JSON_LINE, workspace).results.runs[0].seed
    (workspace / "b.py").write_text(f"import sys\nassert sys.argv[1] != '{failing}', 'unlucky'\n" + PRINTS)
    evidence = _run({**JSON_LINE, "design": {"max_blocks": 4}}, workspace)
    arm = evidence.arm("b")
    assert arm.comparison.n == 3
    assert arm.comparison.differences == (0.0, 0.0, 0.0)
    assert "1 of 4 runs of it failed (block 0)" in arm.notes[0]
    assert "may favour an arm" in arm.notes[0]
    assert "unlucky" in arm.notes[0]


def test_a_baseline_that_fails_twice_ends_the_job_with_its_output(workspace: Path) -> None:
    (workspace / "a.py").write_text("import sys\nsys.exit('no data here')")
    with pytest.raises(AdvisorError, match=r"baseline failed twice.*exit status 1(.|\n)*no data here") as caught:
        _run(JSON_LINE, workspace)
    assert caught.value.exit_status == 1


def test_a_log_that_is_missing_or_lacks_the_metric_is_named(workspace: Path) -> None:
    with pytest.raises(AdvisorError, match=r"no log at '\{run_dir\}/other\.csv'; its run folder holds log\.csv"):
        _run({**CSV, "log": "{run_dir}/other.csv"}, workspace)
    with pytest.raises(AdvisorError, match=r"no 'test_acc'; logged, nearest first: test_accuracy"):
        _run({**CSV, "report": {"metric": "test_acc", "direction": "max"}}, workspace)
    (workspace / "train.py").write_text("import shutil, sys\nshutil.rmtree(sys.argv[1])\n")
    with pytest.raises(AdvisorError, match=r"no log at '\{run_dir\}/log\.csv'; its run folder is gone"):
        _run(CSV, workspace)


def test_a_result_that_is_no_number_is_counted_and_told(workspace: Path) -> None:
    (workspace / "b.py").write_text("print('{\"accuracy\": NaN}')\n")
    evidence = _run(JSON_LINE, workspace)
    arm = evidence.arm("b")
    assert (arm.verdict, arm.settled, arm.comparison.n) == ("undecided", "not finite", 1)
    assert "not finite in blocks 0" in arm.notes[0]
    assert evidence.results.baseline_mean is not None
    Evidence.model_validate_json(evidence.model_dump_json())


def test_a_selecting_metric_without_any_number_is_told(workspace: Path) -> None:
    (workspace / "train.py").write_text(TRAIN.replace("abs(epoch - 3) + draw() / 9", '"nan"'))
    evidence = _run(CSV, workspace)
    assert {run.kept_epoch for run in evidence.results.runs} == {5}
    assert "'val_loss' is never a finite number: nothing was selected" in evidence.arm("more").notes[0]


def test_of_several_logs_in_the_run_folder_the_last_in_order_counts(workspace: Path) -> None:
    (workspace / "train.py").write_text(
        TRAIN.replace("import random, sys\n", "import os, random, sys\n").replace("epoch in range(6)", "epoch in ()")
        + "for number in (5, 10):\n"
        "    os.mkdir(f'{out}/checkpoint-{number}')\n"
        "    with open(f'{out}/checkpoint-{number}/log.csv', 'w') as log:\n"
        "        print('step,train_loss,val_loss,test_accuracy', file=log)\n"
        "        for step in range(number):\n"
        "            print(step, 1 / (step + 1), 1 / (step + 1), step / 100 + draw() / 999 + gain, sep=',', file=log)\n"
    )
    evidence = _run({**CSV, "log": "{run_dir}"}, workspace)
    assert {run.kept_epoch for run in evidence.results.runs} == {9}
    assert "holds 2 runs: the last one, 'checkpoint-10/log.csv', counts" in evidence.arm("more").notes[0]


def test_a_flood_of_output_is_cut_and_the_last_line_still_read(workspace: Path) -> None:
    (workspace / "b.py").write_text(
        "import sys\nfor _ in range(12):\n    sys.stdout.write('x' * 999_999 + '\\n')\n" + PRINTS
    )
    evidence = _run(JSON_LINE, workspace)
    assert evidence.arm("b").comparison.differences == (0.0, 0.0)
    assert "bytes of its output were cut" in evidence.arm("b").notes[0]


def test_processes_that_outlive_the_script_are_ended_with_it(workspace: Path) -> None:
    lasting = "import os, subprocess\nfor apart in (False, True):\n    p = subprocess.Popen(['sleep', '300'], "
    lasting += "start_new_session=apart)\n    print(p.pid, file=open('{}/' + str(p.pid), 'w'))\n"
    pids = workspace.parent / "pids"
    pids.mkdir()
    (workspace / "b.py").write_text(lasting.replace("{}", str(pids)) + PRINTS)
    evidence = _run(JSON_LINE, workspace)
    assert "left processes behind" in evidence.arm("b").notes[0]
    assert evidence.arm("b").comparison.n == 2, "that alone fails no run"
    left = [int(path.name) for path in pids.iterdir()]
    assert len(left) == 4
    assert [pid for pid in left if _alive(pid)] == []


def test_a_script_that_writes_beside_its_run_folder_is_told(workspace: Path) -> None:
    (workspace / "b.py").write_text("open('checkpoint.bin', 'w')\n" + PRINTS)
    assert "'checkpoint.bin'" in _run(JSON_LINE, workspace).arm("b").notes[0]


def test_the_seed_may_come_by_the_environment_and_keys_are_not_passed(workspace: Path) -> None:
    (workspace / "a.py").write_text(
        "import os\nassert 'HF_TOKEN' not in os.environ\nprint('{\"accuracy\": 0.%s}' % os.environ['SEED'])\n"
    )
    spec = {**JSON_LINE, "command": "python -S {script}", "environment": {"SEED": "{seed}"}, "arms": {}, "aa": True}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_TOKEN", "secret")
        assert "HF_TOKEN" not in passed_environment(os.environ)
        evidence = _run(spec, workspace)
    assert [run.test["accuracy"] for run in evidence.results.runs] == [
        float(f"0.{run.seed}") for run in evidence.results.runs
    ]


def test_a_shell_script_runs_in_its_run_folder(workspace: Path) -> None:
    spec = {
        **CSV, "command": "sh -c 'echo step,test_loss >log.csv; echo 1,0.{seed} >>log.csv; echo 2,{gain} >>log.csv'",
        "report": {"metric": "test_loss", "direction": "min"}, "select": None,
        "baseline": {"cwd": "{run_dir}", "gain": 1}, "arms": {"less": {"gain": 0.5}},
    }  # fmt: skip
    assert _run(spec, workspace).arm("less").comparison.differences == (-0.5, -0.5)


def test_a_script_that_writes_where_it_stands_is_found_from_its_run_folder(workspace: Path) -> None:
    spec = {**CSV, "command": "python -S {script} . {seed} {gain}"}
    evidence = _run({**spec, "baseline": {"cwd": "{run_dir}", "script": "train.py", "gain": 0}}, workspace)
    assert evidence.arm("more").comparison.differences == pytest.approx((0.1, 0.1), abs=1e-12)
    assert not (workspace / "log.csv").exists()


def test_finished_runs_answer_until_something_that_decides_changes(workspace: Path) -> None:
    _run(JSON_LINE, workspace)

    def again(spec: dict[str, Any]) -> int:
        executor = InlineExecutor()
        _run(spec, workspace, executor)
        return executor.ran

    (workspace / "c.py").write_text(PRINTS)
    assert again(JSON_LINE) == 5, "a new file may be imported by any script"
    assert again(JSON_LINE) == 0
    assert again({**JSON_LINE, "arms": {"b": {"script": "b.py"}, "c": {"script": "c.py"}}}) == 2
    assert again({**JSON_LINE, "environment": {"A": "1"}}) == 5
    assert again({**JSON_LINE, "reuse": False}) == 5


@pytest.mark.parametrize("finished", [0, 3])
def test_a_killed_campaign_resumes_to_bit_identical_results(
    finished: int, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = _run(JSON_LINE, workspace).results
    monkeypatch.setenv("REGADVISOR_HOME", str(tmp_path / "killed"))
    first = InlineExecutor(die_after=finished)
    with pytest.raises(SystemExit):
        _run(JSON_LINE, workspace, first)
    second = InlineExecutor()
    assert _run(JSON_LINE, workspace, second).results.model_dump_json() == undisturbed.model_dump_json()
    assert first.ran + second.ran == 5


def test_files_that_changed_since_the_start_stop_a_resumed_job(workspace: Path) -> None:
    request = prepare(parse_spec(JSON_LINE), workspace, 1)
    with pytest.raises(SystemExit):
        campaign(request.spec, InlineExecutor(die_after=2), request=request).run()
    (workspace / "b.py").write_text(PRINTS)
    with pytest.raises(AdvisorError, match=r"'b\.py' changed since job"):
        campaign(request.spec, InlineExecutor(), request=request).run()


def _sleeping(workspace: Path) -> AnySpec:
    (workspace / "a.py").write_text(f"import os, time\nopen('{workspace.parent}/pid', 'w').write(str(os.getpid()))\n"
                                    "time.sleep(300)\n")  # fmt: skip
    return parse_spec({**JSON_LINE, "arms": {}, "aa": True})


def _wait_for_pid(workspace: Path) -> int:
    path = workspace.parent / "pid"
    for _ in range(1000):
        if path.exists() and path.read_text():
            return int(path.read_text())
        time.sleep(0.02)
    raise AssertionError("the script did not start")


def _alive(pid: int, seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return False
        except OSError:
            return False
        time.sleep(0.02)
    return True


def test_cancel_ends_the_script(workspace: Path) -> None:
    job_id = service.submit(_sleeping(workspace), workspace=workspace, workers=1).job_id
    pid = _wait_for_pid(workspace)
    assert service.cancel(job_id).state == "cancelled"
    assert not _alive(pid)


def test_a_killed_driver_takes_the_script_with_it(workspace: Path) -> None:
    job_id = service.submit(_sleeping(workspace), workspace=workspace, workers=1).job_id
    pid = _wait_for_pid(workspace)
    kill(job_id, "driver")
    assert wait_until_gone(job_id, "worker") == []
    assert not _alive(pid)


def test_one_command_goes_from_the_users_file_to_evidence_and_a_report(workspace: Path) -> None:
    path = workspace / "spec.json"
    path.write_text(json.dumps(CSV))
    command = [sys.executable, "-m", "advisor.cli", "verify", str(path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    evidence = Evidence.model_validate_json(done.stdout)
    assert evidence.arm("more").comparison.n == 2
    job = service.list_jobs()[0]
    page = render(job_report(job.job_id))
    assert "test accuracy" in page
    assert "test test" not in page
    log = (job_folder(job.job_id) / "baseline.csv").read_text()
    assert log.startswith("epoch,train_loss,val_loss,test_accuracy\n0,1.0,"), "the baseline was diagnosed"


def test_a_report_without_a_log_shows_the_effects_alone(workspace: Path) -> None:
    (workspace / "b.py").write_text("raise SystemExit('no')")
    job = service.wait(service.submit(parse_spec(JSON_LINE), workspace=workspace).job_id, 60)
    assert job.state == "done", job
    report = job_report(job.job_id)
    assert report.diagnosis is None
    assert "exit status 1" in render(report)


def test_asking_again_tries_what_failed_once_more(workspace: Path) -> None:
    (workspace / "b.py").write_text(f"import os\nassert os.path.exists('{workspace.parent}/data')\n" + PRINTS)
    first = service.wait(service.submit(parse_spec(JSON_LINE), workspace=workspace).job_id, 60)
    assert service.find_evidence(first.job_id).arm("b").comparison.n == 0
    (workspace.parent / "data").touch()
    again = service.wait(service.submit(parse_spec(JSON_LINE), workspace=workspace).job_id, 60)
    evidence = service.find_evidence(again.job_id)
    assert (again.job_id, evidence.arm("b").comparison.n) == (first.job_id, 2)
    assert evidence.cost.runs_trained >= 2
