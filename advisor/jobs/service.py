"""Jobs from outside: submit, look, wait, cancel, resume, list, remove."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import advisor
from advisor.errors import AdvisorError
from advisor.experiments.command_spec import CommandSpec
from advisor.experiments.evidence import Evidence
from advisor.experiments.spec import AnySpec
from advisor.jobs import lock
from advisor.jobs.driver import CANCEL
from advisor.jobs.home import home, job_folder
from advisor.jobs.model import ENDED, Job
from advisor.jobs.request import Request, prepare
from advisor.jobs.store import Store

LEAVING_SECONDS = 5.0  # that a driver may take from its last word to its end


def submit(spec: AnySpec, *, workspace: Path | None = None, workers: int | None = None) -> Job:
    """Start the experiment in a process of its own and return at once.

    The same spec with the same code, versions and data answers from finished work. `workspace` is where entry
    points are found, the current folder by default; `workers` is the number of runs at a time.

    Raises:
        AdvisorError: the interpreter cannot train, or the job cannot be stored.
    """
    folder = (workspace or Path.cwd()).resolve()
    request = prepare(spec, folder, workers or _runs_at_a_time(spec))
    store, job_id = Store(home()), request.job_id
    if store.has_job(job_id):
        job = show(job_id)
        # Built-in data cannot have changed. The user's own may: then the driver compares fingerprints again.
        if job.active or (job.state == "done" and request.workspace is None):
            return job
        store.forget_failures(job_id)  # whoever asks again has mended something, or hopes for better
    return _start(store, request)


def show(job_id: str) -> Job:
    """The job as it stands.

    Raises:
        AdvisorError: there is no such job.
    """
    return _view(Store(home()).row(job_id))


def list_jobs(limit: int = 20) -> list[Job]:
    """The newest jobs, newest first."""
    return [_view(row) for row in Store(home()).rows(limit)]


def find_evidence(job_id: str) -> Evidence:
    """The evidence of a finished job.

    Raises:
        AdvisorError: there is no such job, it failed (its error), or it has not finished.
    """
    row = Store(home()).row(job_id)
    job = _view(row)
    if job.state == "failed":
        raise AdvisorError(job.error or "The job failed.", exit_status=job.error_status or 1)
    if job.state != "done" or row["evidence"] is None:
        raise AdvisorError(
            f"Job {job_id} is {job.state} and has no evidence yet; "
            + ("wait for it." if job.active else f"continue it with: regadvisor jobs resume {job_id}"),
            exit_status=1,
        )
    return Evidence.model_validate_json(row["evidence"])


def find_spec(job_id: str) -> AnySpec:
    """The spec that the job was started with."""
    return Request.model_validate_json(Store(home()).row(job_id)["request"]).spec


def wait(job_id: str, seconds: float) -> Job:
    """The job once it has ended or nobody works on it any more, or as it stands after `seconds`."""
    deadline = time.monotonic() + seconds
    while (job := show(job_id)).active and time.monotonic() < deadline:
        time.sleep(0.1)
    return job


def cancel(job_id: str, seconds: float = 5.0) -> Job:
    """End the job and its workers. Finished runs are kept, so that it can be resumed.

    Raises:
        AdvisorError: there is no such job, or its workers did not end within `seconds`.
    """
    job = show(job_id)
    if job.state in ENDED:
        return job
    (job_folder(job_id) / CANCEL).touch()
    job = wait(job_id, seconds)
    if job.active:
        raise AdvisorError(f"Job {job_id} has not ended within {seconds:g} s; ask again.", exit_status=1)
    if job.state == "interrupted":
        Store(home()).update_job(job_id, state="cancelled", message="cancelled; finished runs are kept")
    return show(job_id)


def resume(job_id: str) -> Job:
    """Continue a job that was interrupted, cancelled or failed; one that runs or is done is returned as it is."""
    store = Store(home())
    row = store.row(job_id)
    job = _view(row)
    if job.active or job.state == "done":
        return job
    return _start(store, Request.model_validate_json(row["request"]), job_id)


def remove(job_id: str) -> None:
    """Remove a job that nobody works on, with its folder and the runs that it trained.

    Raises:
        AdvisorError: there is no such job, or it is running.
    """
    if show(job_id).active:
        raise AdvisorError(f"Job {job_id} is running; cancel it first: regadvisor jobs cancel {job_id}")
    Store(home()).remove_job(job_id)
    shutil.rmtree(job_folder(job_id), ignore_errors=True)


def _start(store: Store, request: Request, job_id: str | None = None) -> Job:
    job_id = job_id or request.job_id
    folder = job_folder(job_id)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = _take(store, job_id, folder)
        if held is None:  # another process was quicker
            return show(job_id)
        try:
            (folder / CANCEL).unlink(missing_ok=True)
            store.add_job(job_id, request.spec.title, request.model_dump(mode="json"))
            _spawn(job_id, folder, held)
        finally:
            os.close(held)
    except OSError as error:
        raise AdvisorError(
            f"Cannot start a job in {str(folder)!r}: {error.strerror or error}; free some space, or set "
            "REGADVISOR_HOME to another folder.",
            exit_status=1,
        ) from None
    return show(job_id)


def _take(store: Store, job_id: str, folder: Path) -> int | None:
    """The job's lock, or None where somebody works on it. A driver that has ended holds it a moment longer."""
    deadline = time.monotonic() + LEAVING_SECONDS
    while True:
        held = lock.take(folder / "lock")
        ended = store.has_job(job_id) and store.row(job_id)["state"] in ENDED
        if held is not None or not ended or time.monotonic() > deadline:
            return held
        time.sleep(0.05)


def _spawn(job_id: str, folder: Path, held: int) -> None:
    """Start the driver in a session of its own; it inherits the lock."""
    path = os.pathsep.join(filter(None, [str(Path(advisor.__file__).parents[1]), os.environ.get("PYTHONPATH")]))
    with (folder / "driver.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "advisor.jobs.driver", job_id],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=os.environ | {"REGADVISOR_HOME": str(home().resolve()), "PYTHONPATH": path},
            pass_fds=(held,),
            start_new_session=True,
        )
    threading.Thread(target=process.wait, daemon=True).start()  # or it would stay behind as a zombie


def _view(row: sqlite3.Row) -> Job:
    state = row["state"]
    if state not in ENDED and not lock.held(job_folder(row["job_id"]) / "lock"):
        # It may have ended between the two looks.
        again = Store(home()).row(row["job_id"])
        state = again["state"] if again["state"] in ENDED else "interrupted"
        row = again
    message = row["message"]
    if state == "interrupted":
        message = "nobody works on it; finished runs are kept and it can be resumed"
    return Job(
        job_id=row["job_id"], title=row["title"], state=state, progress=row["progress"], message=message,
        error=row["error"], error_status=row["error_status"] or 0, created=row["created"], updated=row["updated"],
    )  # fmt: skip


def _runs_at_a_time(spec: AnySpec) -> int:
    """One for each processor; scripts share a GPU badly, so where there is one they run one after another."""
    if isinstance(spec, CommandSpec) and Path("/dev/nvidia0").exists():
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
