"""Looking at and killing a job's processes."""

import os
import signal
import time
from pathlib import Path

from advisor.jobs import service
from advisor.jobs.home import job_folder


def processes(job_id: str, kind: str) -> list[int]:
    """The ids of the job's live processes: kind "driver" or "worker". Both run in the job's folder."""
    folder, found = job_folder(job_id).resolve(), []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            if f"advisor.jobs.{kind}".encode() in command and (entry / "cwd").resolve() == folder:
                found.append(int(entry.name))
        except OSError:
            continue  # it has ended meanwhile
    return found


def wait_until_training(job_id: str, runs: int = 1, seconds: float = 60) -> None:
    """Return once so many runs are done and more remain."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        job = service.show(job_id)
        assert job.active, job
        done = job.message.split(" ")[0]
        if done.isdigit() and int(done) >= runs and processes(job_id, "worker"):
            return
        time.sleep(0.02)
    raise AssertionError(f"no {runs} runs within {seconds} s: {service.show(job_id)}")


def wait_until_gone(job_id: str, kind: str, seconds: float = 5) -> list[int]:
    """The processes of this kind that are still there after at most so many seconds."""
    deadline = time.monotonic() + seconds
    while (left := processes(job_id, kind)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def kill(job_id: str, kind: str) -> int:
    """SIGKILL one process of this kind; its id."""
    victim = processes(job_id, kind)[0]
    os.kill(victim, signal.SIGKILL)
    return victim
