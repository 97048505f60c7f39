"""What is known of a job from outside."""

from typing import Literal

from advisor.contract import Contract

# `interrupted` is seen, not stored: the job is unfinished and no driver holds its lock.
State = Literal["queued", "running", "interrupted", "done", "failed", "cancelled"]
ENDED: frozenset[State] = frozenset({"done", "failed", "cancelled"})


class Job(Contract):
    """A job's state. `progress` is a share in [0, 1] that only rises."""

    job_id: str
    title: str
    state: State
    progress: float
    message: str
    error: str | None = None
    error_status: int = 0  # 2 where the request was wrong, 1 where the work failed
    created: str
    updated: str

    @property
    def active(self) -> bool:
        """Whether somebody is working on it."""
        return self.state in {"queued", "running"}
