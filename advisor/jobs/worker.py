"""A worker process: reads tasks from stdin, one JSON line each, and answers on the stdout that it was given.

It runs in the interpreter where the user's training works, so it imports little beyond torch, numpy and pydantic.
The user's code may print: both its streams go to the worker's log. When the driver ends, stdin ends, and so does
the worker, in the middle of a run if need be.
"""

import contextlib
import json
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from advisor.training.engine import Data
    from advisor.training.plan import RunPlan

Send = Callable[[dict[str, Any]], None]


def main() -> None:
    """Serve tasks until stdin ends. The first argument is the workspace, or "" for none."""
    workspace = Path(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1] else None
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    tasks_in = os.fdopen(os.dup(0), "r")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    tasks: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read_tasks, args=(tasks_in, tasks), daemon=True).start()

    def send(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    while True:
        task = json.loads(tasks.get())
        if task["kind"] == "warm":
            _import()
        else:
            _serve(task, workspace, send)


def _import() -> None:
    """What every training needs; whatever is wrong with it shows in the first task."""
    with contextlib.suppress(Exception):
        import torch  # noqa: F401

        import advisor.training.stack  # noqa: F401


def _read_tasks(stream: TextIO, tasks: "queue.SimpleQueue[str]") -> None:
    for line in stream:
        tasks.put(line)
    os._exit(0)  # the driver is gone; nobody waits for the run in progress


def _serve(task: dict[str, Any], workspace: Path | None, send: Send) -> None:
    from advisor.errors import AdvisorError

    try:
        started = time.perf_counter()
        value = KINDS[task["kind"]](task, workspace, send)
        send({"kind": "finished", "task": task["task"], "value": value, "seconds": time.perf_counter() - started})
    except AdvisorError as error:
        send({"kind": "failed", "task": task["task"], "error": str(error), "exit_status": error.exit_status})
    except MemoryError:
        message = "The machine has too little memory for this run; use a smaller batch_size, model or train_size."
        send({"kind": "failed", "task": task["task"], "error": message, "exit_status": 1})
    except Exception as error:
        traceback.print_exc()
        message = f"A run stopped with {type(error).__name__}: {error}"
        send({"kind": "failed", "task": task["task"], "error": message, "exit_status": 1})


def _inspect(task: dict[str, Any], workspace: Path | None, send: Send) -> dict[str, Any]:
    del send
    import torch

    from advisor.data import inspect
    from advisor.experiments.spec import Spec
    from advisor.models.build import identity
    from advisor.training.probe import multiplies_fast

    spec = Spec.model_validate(task["spec"])
    facts = inspect(spec.data, workspace, spec.design) | {"model": identity(spec.model, workspace)}
    cuda = torch.cuda.is_available()
    device = torch.device("cuda" if cuda and spec.model.entry is not None else "cpu")
    return {"facts": facts, "cuda": cuda, "timed": {"bfloat16": multiplies_fast(device)}}


def _probe(task: dict[str, Any], workspace: Path | None, send: Send) -> dict[str, Any]:
    del send
    from advisor.training.plan import RunPlan
    from advisor.training.probe import probe_stack

    plans = [RunPlan.model_validate(plan) for plan in task["plans"]]
    return probe_stack(plans, workspace).model_dump(mode="json")


def _train(task: dict[str, Any], workspace: Path | None, send: Send) -> dict[str, Any]:
    from advisor.training.engine import train
    from advisor.training.plan import RunPlan

    plan = RunPlan.model_validate(task["plan"])
    result = train(plan, workspace=workspace, on_epoch=_progress(task, send), data=_data(plan, workspace))
    return result.model_dump(mode="json")


def _train_stack(task: dict[str, Any], workspace: Path | None, send: Send) -> list[dict[str, Any]]:
    from advisor.training.plan import RunPlan
    from advisor.training.stack import train_stack

    plans = [RunPlan.model_validate(plan) for plan in task["plans"]]
    data = _data(plans[0], workspace)
    results = train_stack(plans, workspace=workspace, on_epoch=_progress(task, send), data=data)
    return [result.model_dump(mode="json") for result in results]


_loaded: "tuple[str, Data] | None" = None  # what the last run here was trained on


def _data(plan: "RunPlan", workspace: Path | None) -> "Data | None":
    """The plan's data, loaded once for all runs of a job; None where the user's code makes them anew for each."""
    from advisor.training.engine import Data

    global _loaded
    if plan.data.entry is not None:
        return None
    decides = plan.model_dump_json(include={"data", "model", "design", "device", "dtype"})
    if _loaded is None or _loaded[0] != decides:
        _loaded = None  # not both at once
        try:
            _loaded = (decides, Data(plan, workspace))
        except Exception:
            return None  # the run itself will say what is wrong
    return _loaded[1]


def _progress(task: dict[str, Any], send: Send) -> Callable[[int, int], None]:
    """What tells the driver how far a task is, a few times a second at most."""
    last = 0.0

    def on_epoch(done: int, planned: int) -> None:
        nonlocal last
        if time.perf_counter() - last > 0.2:
            last = time.perf_counter()
            send({"kind": "progress", "task": task["task"], "share": done / planned})

    return on_epoch


def _command(task: dict[str, Any], workspace: Path | None, send: Send) -> dict[str, Any]:
    from advisor.training.command import run_command
    from advisor.training.command_plan import CommandPlan

    del workspace, send  # the plan says where, and only the script knows how far it is
    return run_command(CommandPlan.model_validate(task["plan"])).model_dump(mode="json")


KINDS: dict[str, Callable[[dict[str, Any], Path | None, Send], Any]] = {
    "inspect": _inspect,
    "probe": _probe,
    "train": _train,
    "stack": _train_stack,
    "command": _command,
}


if __name__ == "__main__":
    main()
