"""The database of jobs, finished runs and logged events: SQLite in WAL mode.

A job's row is made by whoever submits it; after that only the holder of the job's lock writes it. Finished runs are
kept under their content id, so that any later job with the same inputs finds them.
"""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from advisor.errors import AdvisorError, unknown
from advisor.experiments.evidence import RunResult

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    job_id TEXT PRIMARY KEY, title TEXT NOT NULL, request TEXT NOT NULL, state TEXT NOT NULL,
    progress REAL NOT NULL DEFAULT 0, message TEXT NOT NULL DEFAULT '', error TEXT, error_status INTEGER DEFAULT 0,
    evidence TEXT, created TEXT NOT NULL, updated TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS runs (
    run_id TEXT PRIMARY KEY, job_id TEXT NOT NULL, result TEXT NOT NULL, seconds REAL NOT NULL, created TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY AUTOINCREMENT, job_id TEXT NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL,
    created TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS events_by_job ON events (job_id, kind);
"""


def now() -> str:
    """The time in UTC, ISO 8601, to the millisecond."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


class Store:
    """The database in one home. Safe for several processes at once; connections are opened for each call."""

    def __init__(self, home: Path) -> None:
        self.path = home / "jobs.sqlite3"
        with self._connect() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(SCHEMA)

    @contextlib.contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(self.path, timeout=30)
            try:
                connection.row_factory = sqlite3.Row
                connection.execute("PRAGMA synchronous = NORMAL")
                with connection:
                    yield connection
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise AdvisorError(
                f"The job database {str(self.path)!r} cannot be used: {error}. Free some space, or set "
                "REGADVISOR_HOME to another folder.",
                exit_status=1,
            ) from None

    def add_job(self, job_id: str, title: str, request: dict[str, Any]) -> None:
        """Add a job in state queued; one that exists is queued again, with its request as it was."""
        with self._connect() as connection:
            connection.execute(
                "INSERT INTO jobs (job_id, title, request, state, created, updated) VALUES (?, ?, ?, 'queued', ?, ?) "
                "ON CONFLICT (job_id) DO UPDATE SET state = 'queued', progress = 0, message = '', error = NULL, "
                "error_status = 0, updated = excluded.updated",
                (job_id, title, json.dumps(request), now(), now()),
            )

    def row(self, job_id: str) -> sqlite3.Row:
        """The job's row.

        Raises:
            AdvisorError: there is no such job.
        """
        with self._connect() as connection:
            found = connection.execute("SELECT * FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
            if found is None:
                names = [row["job_id"] for row in connection.execute("SELECT job_id FROM jobs ORDER BY created DESC")]
                if not names:
                    raise AdvisorError(f"Unknown job {job_id!r}: there are no jobs yet; start one with a spec.")
                raise unknown("job", job_id, names[:20])
        assert isinstance(found, sqlite3.Row)
        return found

    def has_job(self, job_id: str) -> bool:
        """Whether the job exists."""
        with self._connect() as connection:
            return connection.execute("SELECT 1 FROM jobs WHERE job_id = ?", (job_id,)).fetchone() is not None

    def rows(self, limit: int) -> list[sqlite3.Row]:
        """The newest jobs, newest first."""
        with self._connect() as connection:
            return connection.execute(
                "SELECT * FROM jobs ORDER BY created DESC, rowid DESC LIMIT ?", (limit,)
            ).fetchall()

    def update_job(self, job_id: str, **columns: Any) -> None:
        """Set columns of the job's row."""
        assignments = ", ".join(f"{name} = ?" for name in columns)
        with self._connect() as connection:
            connection.execute(
                f"UPDATE jobs SET {assignments}, updated = ? WHERE job_id = ?", (*columns.values(), now(), job_id)
            )

    def remove_job(self, job_id: str) -> None:
        """Remove the job, its events and the runs that it trained."""
        with self._connect() as connection:
            for table in ("jobs", "events", "runs"):
                connection.execute(f"DELETE FROM {table} WHERE job_id = ?", (job_id,))

    def save_run(self, job_id: str, result: RunResult, seconds: float) -> None:
        """Record a finished run under its content id."""
        with self._connect() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?)",
                (result.run_id, job_id, result.model_dump_json(), seconds, now()),
            )

    def forget_failures(self, job_id: str) -> None:
        """Remove the runs of this job that failed, so that they are tried again."""
        with self._connect() as connection:
            rows = connection.execute("SELECT run_id, result FROM runs WHERE job_id = ?", (job_id,)).fetchall()
            failed = [row["run_id"] for row in rows if RunResult.model_validate_json(row["result"]).failure]
            connection.executemany("DELETE FROM runs WHERE run_id = ?", [(run_id,) for run_id in failed])

    def find_run(self, run_id: str) -> tuple[RunResult, float, str] | None:
        """A finished run with its training seconds and the job that trained it, or None."""
        with self._connect() as connection:
            row = connection.execute("SELECT * FROM runs WHERE run_id = ?", (run_id,)).fetchone()
        return None if row is None else (RunResult.model_validate_json(row["result"]), row["seconds"], row["job_id"])

    def log_event(self, job_id: str, kind: str, value: Any) -> None:
        """Log a decision that resume replays."""
        with self._connect() as connection:
            connection.execute(
                "INSERT INTO events (job_id, kind, value, created) VALUES (?, ?, ?, ?)",
                (job_id, kind, json.dumps(value), now()),
            )

    def last_event(self, job_id: str, kind: str) -> Any:
        """The latest value logged under this kind, or None."""
        with self._connect() as connection:
            row = connection.execute(
                "SELECT value FROM events WHERE job_id = ? AND kind = ? ORDER BY number DESC LIMIT 1", (job_id, kind)
            ).fetchone()
        return None if row is None else json.loads(row["value"])
