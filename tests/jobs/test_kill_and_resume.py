"""Jobs that are killed at random moments, again and again, end with the bits of an undisturbed job."""

import os
import random
import secrets
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from advisor.experiments.evidence import Evidence
from advisor.experiments.spec import AnySpec, parse_spec
from advisor.jobs import service
from advisor.jobs.home import home as current_home
from advisor.jobs.model import Job
from advisor.jobs.store import Store
from tests.jobs.inline import InlineExecutor, campaign
from tests.jobs.processes import processes, wait_until_gone

ALL = bool(os.environ.get("REGADVISOR_ALL_KILLS"))
# What a job says that it does, in its order, and the seconds within which a kill falls once it does that.
MOMENTS = {"starting": 0.5, "looking": 4.0, "training": 1.0, "judging": 0.01}

TRAINING: dict[str, Any] = {
    "data": {"builtin": "digits"},
    "model": {"name": "mlp", "arguments": {"width": 32}},
    "baseline": {"lr": 0.01, "epochs": 40},
    "arms": {"dropout": {"techniques": {"dropout": {"probability": 0.2}}}},
    "design": {"max_blocks": 3},
}
SINGLY = {**TRAINING, "baseline": {"lr": 0.01, "epochs": 30, "accumulate": 2}}  # no two runs in one task
SCRIPT: dict[str, Any] = {
    "command": "python -S {script} {run_dir} {seed} {gain}",
    "log": "{run_dir}/log.csv",
    "report": {"metric": "test_accuracy", "direction": "max"},
    "select": {"metric": "val_loss", "direction": "min"},
    "baseline": {"script": "train.py", "gain": 0},
    "arms": {"more": {"gain": 0.1}, "patched": {"patch": "fix.diff"}},
    "design": {"max_blocks": 3},
}
TRAIN = """
import random, sys, time
out, seed, gain = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
draw = random.Random(seed).random
with open(out + "/log.csv", "x") as log:  # fails where an earlier attempt has left one
    print("epoch,train_loss,val_loss,test_accuracy", file=log)
    for epoch in range(6):
        print(epoch, 1 / (epoch + 1), abs(epoch - 3) + draw() / 9, 0.5 + gain + draw() / 99, sep=",", file=log)
        log.flush()
        time.sleep(0.03)
"""
FIX = (
    "--- train.py\n+++ train.py\n@@ -4 +4 @@\n-draw = random.Random(seed).random\n+draw = random.Random(-seed).random\n"
)


@pytest.mark.timeout(1800 if ALL else 240)
@pytest.mark.parametrize("spec", [TRAINING, SINGLY], ids=["together", "singly"])
def test_a_training_job_killed_at_random_moments_ends_with_the_undisturbed_bits(
    spec: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _kill_and_compare(parse_spec(spec), 10 if ALL else 1, tmp_path, tmp_path, monkeypatch)


@pytest.mark.timeout(1800 if ALL else 240)
def test_a_script_killed_at_random_moments_ends_with_the_undisturbed_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = tmp_path / "mine"
    workspace.mkdir()
    (workspace / "train.py").write_text(TRAIN)
    (workspace / "fix.diff").write_text(FIX)
    _kill_and_compare(parse_spec(SCRIPT), 20 if ALL else 1, workspace, tmp_path, monkeypatch)


@pytest.mark.parametrize("recorded", [1, 4])
def test_runs_of_one_task_that_were_recorded_in_part_are_completed_with_the_same_bits(
    recorded: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = parse_spec({**TRAINING, "baseline": {"lr": 0.01, "epochs": 3}})
    monkeypatch.setenv("REGADVISOR_HOME", str(tmp_path / "undisturbed"))
    undisturbed = _lasting(campaign(spec, InlineExecutor()).run())
    monkeypatch.setenv("REGADVISOR_HOME", str(tmp_path / "killed"))
    save = Store.save_run

    def killed_save(store: Store, *run: Any) -> None:
        if len(_recorded()) == recorded:
            raise SystemExit("the driver was killed")
        save(store, *run)

    monkeypatch.setattr(Store, "save_run", killed_save)
    with pytest.raises(SystemExit):
        campaign(spec, InlineExecutor()).run()
    monkeypatch.setattr(Store, "save_run", save)
    assert len(_recorded()) == recorded
    assert _lasting(campaign(spec, InlineExecutor()).run()) == undisturbed


def _kill_and_compare(
    spec: AnySpec, kills: int, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kill jobs of this spec so many times; one that ended before the last kill is followed by another, elsewhere."""
    seed = int(os.environ.get("REGADVISOR_KILL_SEED") or secrets.randbits(32))
    print(f"REGADVISOR_KILL_SEED={seed}")
    draw = random.Random(seed)
    monkeypatch.setenv("REGADVISOR_HOME", str(tmp_path / "undisturbed"))
    undisturbed = _lasting(campaign(spec, InlineExecutor(workspace), workspace=workspace).run())
    done = 0
    for number in range(10 * kills):
        monkeypatch.setenv("REGADVISOR_HOME", str(tmp_path / f"killed-{number}"))
        job_id = service.submit(spec, workspace=workspace, workers=2 if ALL else 1).job_id
        recorded: dict[str, str] = {}
        while done < kills and (killed := _kill(job_id, draw)):
            done += 1
            now = _recorded()
            print(f"home {number}, kill {done}: {killed}, {len(now)} runs recorded")
            assert recorded.items() <= now.items(), "what was recorded stays as it was"
            recorded = now
            service.resume(job_id)
            if "while judging" in killed:  # whatever came next would fall there too
                break
        job = service.wait(job_id, 120)
        if job.state == "failed" and "worker" in (job.error or ""):
            service.resume(job_id)
            job = service.wait(job_id, 120)
        assert job.state == "done", job
        assert _lasting(service.find_evidence(job_id)) == undisturbed
        assert wait_until_gone(job_id, "worker") == []
        if done == kills:
            return
    raise AssertionError(f"only {done} of {kills} kills fell before the jobs were done")


def _kill(job_id: str, draw: random.Random) -> str:
    """SIGKILL to the driver's group or to one worker at a random moment; "" where the job was done before."""
    moment = draw.choices(list(MOMENTS), (1, 1, 3, 1))[0]
    runs = draw.choice((0, 0, 1, 2, 3, 4)) if moment == "training" else 0  # done before
    who = draw.choice(("driver", "worker"))
    seconds = draw.uniform(0, MOMENTS[moment])
    wanted, deadline = (list(MOMENTS).index(moment), runs), time.monotonic() + 120
    while (job := service.show(job_id)).active and _position(job) < wanted:
        assert time.monotonic() < deadline, job
        time.sleep(0.001)
    deadline = time.monotonic() + seconds
    while (job := service.show(job_id)).active and time.monotonic() < deadline:
        time.sleep(0.001)
    if job.state == "failed":
        assert "worker" in (job.error or ""), job  # killed twice in one run, or while it looked at the data
        service.resume(job_id)
        return _kill(job_id, draw)
    if not job.active:
        return ""
    if who == "worker" and not processes(job_id, who):
        who = "driver"
    try:
        os.killpg(draw.choice(sorted(processes(job_id, who))), signal.SIGKILL)  # each of them leads its own group
    except (IndexError, ProcessLookupError):
        return ""  # it has just ended
    if who == "driver":
        assert not service.wait(job_id, 30).active, "nobody holds the lock of a killed driver"
    return f"{who} while {job.message or 'starting'} (aimed at {moment} {runs} + {seconds:.3f} s)"


def _position(job: Job) -> tuple[int, int]:
    """The job's moment as an index into MOMENTS, and the number of runs done while it trains."""
    first = job.message.split(" ")[0]
    if first.isdigit():
        return 2, int(first)
    return {"": 0, "looking": 1, "judging": 3, "done": 3}.get(first, 2), 0


def _recorded() -> dict[str, str]:
    """Run id -> result of the finished runs; the database is whole."""
    connection = sqlite3.connect(current_home() / "jobs.sqlite3", timeout=30)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return dict(connection.execute("SELECT run_id, result FROM runs").fetchall())
    finally:
        connection.close()


def _lasting(evidence: Evidence) -> dict[str, Any]:
    """All but costs and times."""
    return evidence.model_dump(mode="json", exclude={"cost": True, "provenance": {"started", "finished"}})
