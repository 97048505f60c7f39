"""The local executor: worker processes on this machine, one run at a time in each."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
from collections import deque
from pathlib import Path
from typing import Any

import advisor
from advisor.errors import AdvisorError
from advisor.jobs.interpreter import Interpreter
from advisor.training.determinism import MKL_MODE

Message = dict[str, Any]


class LocalExecutor:
    """Runs tasks in `workers` processes. Messages come back from `poll`; a worker that dies is replaced.

    With `warm` one worker more than there is work for is started, and each imports what trainings need at once.
    """

    def __init__(
        self,
        interpreter: Interpreter,
        workspace: Path | None,
        folder: Path,
        workers: int,
        *,
        in_workspace: bool,
        warm: bool = False,
    ) -> None:
        self.workers = workers
        self._interpreter = interpreter
        self._workspace = workspace
        # The current folder of `python -m` can be imported from, so it is the user's only where their code is wanted.
        self._cwd = workspace if workspace is not None and in_workspace else folder
        self._folder = folder
        self._warm = warm
        self._waiting: deque[Message] = deque()
        self._alive: list[_Worker] = []
        self._selector = selectors.DefaultSelector()
        self._started = 0

    def submit(self, task: Message) -> None:
        """Queue a task: a JSON object with `kind` and `task`, its name in messages."""
        self._waiting.append(task)
        self._assign()

    def poll(self, seconds: float) -> list[Message]:
        """Messages that arrived within `seconds`: kind progress, finished, failed or died, each with its task."""
        messages = []
        for key, _ in self._selector.select(seconds):
            worker: _Worker = key.data
            lines, ended = worker.read()
            for line in lines:
                message = json.loads(line)
                if message["kind"] != "progress":
                    worker.task = None
                messages.append(message)
            if ended:
                status = self._remove(worker)
                if worker.task is not None:
                    messages.append({"kind": "died", "task": worker.task, "status": status})
        self._assign()
        return messages

    def close(self) -> None:
        """End every worker and whatever it started, at once."""
        self._waiting.clear()
        for worker in list(self._alive):
            self._remove(worker)
        self._selector.close()

    def _assign(self) -> None:
        while self._waiting:
            worker = next((worker for worker in self._alive if worker.task is None), None)
            if worker is None:
                if len(self._alive) >= self.workers:
                    return
                worker = self._start()
            worker.send(self._waiting.popleft())
        idle = any(worker.task is None for worker in self._alive)
        if self._warm and self._alive and not idle and self._started < self.workers:
            self._start()

    def _start(self) -> "_Worker":
        self._started += 1
        worker = _Worker(self._interpreter, self._workspace, self._folder, self._cwd, self._started)
        self._alive.append(worker)
        self._selector.register(worker.output, selectors.EVENT_READ, worker)
        if self._warm:
            worker.write({"kind": "warm"})
        return worker

    def _remove(self, worker: "_Worker") -> int:
        self._alive.remove(worker)
        self._selector.unregister(worker.output)
        return worker.end()


class _Worker:
    """One process, its pipes, and the beginning of a line that has not ended yet."""

    def __init__(self, interpreter: Interpreter, workspace: Path | None, folder: Path, cwd: Path, number: int) -> None:
        environment = os.environ | {
            "PYTHONPATH": str(_package_folder(interpreter, folder)), "OMP_NUM_THREADS": "1", "MKL_CBWR": MKL_MODE,
        }  # fmt: skip
        try:
            with (folder / f"worker-{number}.log").open("ab") as log:
                self.process = subprocess.Popen(
                    [interpreter.path, "-m", "advisor.jobs.worker", str(workspace or "")],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    cwd=cwd,
                    env=environment,
                    start_new_session=True,
                )
        except OSError as error:
            raise AdvisorError(f"Cannot start {interpreter.path!r}: {error.strerror}.", exit_status=1) from None
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.input, self.output = self.process.stdin, self.process.stdout
        self.task: str | None = None  # the name of the one that it works on
        self._rest = b""

    def send(self, task: Message) -> None:
        self.task = task["task"]
        self.write(task)

    def write(self, message: Message) -> None:
        # A worker that has just died shows it at its end of the other pipe.
        with contextlib.suppress(BrokenPipeError):
            self.input.write(json.dumps(message).encode() + b"\n")
            self.input.flush()

    def read(self) -> tuple[list[bytes], bool]:
        """Whole lines that have arrived, and whether the process has closed its end."""
        data = os.read(self.output.fileno(), 1 << 20)
        *lines, self._rest = (self._rest + data).split(b"\n")
        return lines, not data

    def end(self) -> int:
        """Kill the process and all that it started; its exit status."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        status = self.process.wait()
        self.output.close()
        with contextlib.suppress(BrokenPipeError):
            self.input.close()
        return status


def _package_folder(interpreter: Interpreter, folder: Path) -> Path:
    """A folder for PYTHONPATH that holds our package. For a foreign interpreter it holds nothing else."""
    package = Path(advisor.__file__).parent
    if interpreter.ours:
        return package.parent
    only = folder / "package"
    only.mkdir(exist_ok=True)
    link = only / "advisor"
    if not link.exists():
        link.symlink_to(package, target_is_directory=True)
    return only
