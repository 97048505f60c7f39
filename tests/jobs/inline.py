"""An executor that trains in this process, one task a poll: the course of a campaign without processes."""

from collections import deque
from pathlib import Path
from typing import Any

from advisor.experiments.spec import AnySpec
from advisor.jobs import worker
from advisor.jobs.campaign import Campaign
from advisor.jobs.home import home
from advisor.jobs.request import Request, prepare
from advisor.jobs.store import Store


class InlineExecutor:
    """Serves tasks with the worker's own code; `reverse` finishes them in the opposite order."""

    def __init__(self, workspace: Path | None = None, *, reverse: bool = False, die_after: int | None = None) -> None:
        self.workers = 2
        self.trained = 0  # by our loop
        self.ran = 0  # of the user's script
        self._workspace = workspace
        self._reverse = reverse
        self._die_after = die_after
        self._waiting: deque[dict[str, Any]] = deque()

    def submit(self, task: dict[str, Any]) -> None:
        self._waiting.append(task)

    def poll(self, seconds: float) -> list[dict[str, Any]]:
        del seconds
        if not self._waiting:
            return []
        task = self._waiting.pop() if self._reverse else self._waiting.popleft()
        if self._die_after is not None and self.trained + self.ran >= self._die_after:
            raise SystemExit("the driver was killed")
        messages: list[dict[str, Any]] = []
        worker._serve(task, self._workspace, messages.append)
        self.trained += {"train": 1, "stack": len(task.get("plans", ()))}.get(task["kind"], 0)
        self.ran += task["kind"] == "command"
        return messages


def campaign(
    spec: AnySpec, executor: InlineExecutor, *, workspace: Path | None = None, request: Request | None = None
) -> Campaign:
    """A campaign in the home of this test, as the driver would set it up."""
    request = request or prepare(spec, workspace or Path.cwd(), workers=2)
    store = Store(home())
    store.add_job(request.job_id, "test", request.model_dump(mode="json"))
    return Campaign(request.job_id, request, store, executor, lambda: False)
