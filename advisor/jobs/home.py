"""Where jobs live: one database and a folder for each job, under the user's data directory."""

import os
from pathlib import Path

from advisor.errors import AdvisorError


def home() -> Path:
    """The data directory, made when it is missing. `REGADVISOR_HOME` overrides the platform's choice.

    Raises:
        AdvisorError: it cannot be made or written.
    """
    chosen = os.environ.get("REGADVISOR_HOME")
    if chosen:
        path = Path(chosen).expanduser()
    else:
        from platformdirs import user_data_dir

        path = Path(user_data_dir("regadvisor", appauthor=False))
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AdvisorError(
            f"Cannot make the data directory {str(path)!r}: {error.strerror or error}; "
            "set REGADVISOR_HOME to a folder that can be written.",
            exit_status=1,
        ) from None
    return path


def job_folder(job_id: str) -> Path:
    """The folder of this job."""
    return home() / "jobs" / job_id
