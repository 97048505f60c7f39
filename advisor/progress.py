"""Progress of long work on the terminal; it goes to stderr, so that stdout stays for results."""

import sys

from advisor.errors import AdvisorError
from advisor.jobs import service
from advisor.jobs.model import Job


def say(text: str) -> None:
    """Tell what is being done."""
    print(text, file=sys.stderr)


def follow(job_id: str) -> Job:
    """Wait for a job's end with a progress bar.

    Raises:
        AdvisorError: nobody works on the job, or the wait was interrupted; the job itself goes on.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(bar_width=30), TextColumn("{task.percentage:3.0f} % {task.description}"), TimeElapsedColumn())
    try:
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("starting", total=1.0)
            while (job := service.wait(job_id, 0.25)).active:
                bar.update(task, completed=job.progress, description=job.message)
            bar.update(task, completed=job.progress, description=job.message)
    except KeyboardInterrupt:
        raise AdvisorError(
            f"Stopped waiting; job {job_id} goes on. Wait again: regadvisor jobs wait {job_id}; "
            f"end it: regadvisor jobs cancel {job_id}",
            exit_status=1,
        ) from None
    if job.state in {"interrupted", "cancelled"}:
        raise AdvisorError(
            f"Job {job_id} was {job.state}; finished runs are kept. Continue it: regadvisor jobs resume {job_id}",
            exit_status=1,
        )
    return job
