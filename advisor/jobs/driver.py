"""The driver: the process that carries one job from its request to its evidence, and outlives who asked for it."""

import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from advisor.errors import AdvisorError
from advisor.experiments.spec import Spec
from advisor.jobs.campaign import CancelledError
from advisor.jobs.course import Course, course_for
from advisor.jobs.home import home, job_folder
from advisor.jobs.local import LocalExecutor
from advisor.jobs.request import Request
from advisor.jobs.store import Store

CANCEL = "cancel"  # a file of this name in the job's folder asks for the end


def drive(job_id: str) -> None:
    """Run the job and record how it ended. The caller holds the job's lock."""
    store, folder = Store(home()), job_folder(job_id)
    request = Request.model_validate_json(store.row(job_id)["request"])
    executor = LocalExecutor(
        request.worker, request.reads_from, folder, request.workers,
        in_workspace=request.imports, warm=isinstance(request.spec, Spec),
    )  # fmt: skip
    # What the judgement needs takes a second to import, and this process waits anyway.
    threading.Thread(target=lambda: __import__("scipy.stats"), daemon=True).start()
    try:
        outcome = _outcome(course_for(job_id, request, store, executor, (folder / CANCEL).exists), folder)
    finally:
        executor.close()
    # Last of all: whoever sees the job ended may rely on its workers being gone.
    store.update_job(job_id, **outcome)


def _outcome(course: Course, folder: Path) -> dict[str, Any]:
    """The columns of the job's row that say how it ended."""
    try:
        evidence = course.run()
        return {"state": "done", "progress": 1.0, "message": "done", "evidence": evidence.model_dump_json()}
    except CancelledError:
        return {"state": "cancelled", "message": "cancelled; finished runs are kept"}
    except AdvisorError as error:
        return {"state": "failed", "message": "failed", "error": str(error), "error_status": error.exit_status}
    except Exception as error:
        traceback.print_exc()
        text = f"The job stopped with {type(error).__name__}: {error}. Details are in {folder / 'driver.log'}."
        return {"state": "failed", "message": "failed", "error": text, "error_status": 1}


if __name__ == "__main__":
    drive(sys.argv[1])
