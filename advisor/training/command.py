"""Runs the user's own script once, in a folder of its own, and takes its result.

A run that fails is a result that says why: other runs go on, and nobody counts it as a bad value.
"""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advisor.errors import AdvisorError
from advisor.experiments.evidence import RunResult
from advisor.experiments.placeholders import arguments, fill
from advisor.experiments.tree import changed, names
from advisor.training import shepherd
from advisor.training.command_plan import CommandPlan
from advisor.training.command_result import Outcome, from_json_line, from_log
from advisor.words import duration

OUTPUT_CAP = 4 << 20  # bytes kept of each stream: half from its beginning, half from its end
TAIL_LINES, TAIL_CHARACTERS = 12, 1200


class FailedRunError(Exception):
    """The run has no result; the text says why."""


@dataclass(frozen=True)
class _Place:
    """Where one run happens."""

    run: Path
    tree: Path
    stdout: Path
    stderr: Path
    records: Path  # of all jobs: not the script's

    def names(self) -> list[str]:
        """The files of the tree."""
        return names(self.tree, self.records)


def run_command(plan: CommandPlan) -> RunResult:
    """The run's result, or the reason why there is none."""
    place = _make_place(plan)
    notes: list[str] = []
    try:
        found = _run(plan, place, notes)
    except FailedRunError as error:
        return _result(plan, Outcome(value=None), notes, failure=str(error))
    except OSError as error:
        reason = _without_path(f"{error.strerror}: {error.filename!r}", place)
        return _result(plan, Outcome(value=None), notes, failure=f"what it left cannot be looked at: {reason}")
    return _result(plan, found, [*notes, *found.notes])


def _run(plan: CommandPlan, place: _Place, notes: list[str]) -> Outcome:
    files = json.loads(Path(plan.manifest).read_text()) if plan.manifest else {}
    _check_tree(files, place, "before it began")
    before = set(place.names()) if plan.manifest else set()
    values = {**plan.values, "seed": str(plan.block_seed), "run_dir": str(place.run), "workspace": str(place.tree)}
    if plan.cwd.startswith("{run_dir}") and "script" in values:
        values["script"] = str(place.tree / values["script"])  # it is not to be found from there otherwise
    done = _shepherd(plan, place, values)
    if done["error"]:
        raise FailedRunError(f"it does not start: {done['error']}")
    if done["timed_out"]:  # how much it had printed by then is chance
        raise FailedRunError(f"not done after its time limit of {duration(plan.timeout_seconds)}{_tail(place)}")
    if done["cut"]:
        notes.append(f"{done['cut']:,} bytes of its output were cut")
    if done["left_behind"]:
        notes.append("it left processes behind when it ended; they were ended too")
    if done["status"]:
        how = f"exit status {done['status']}" if done["status"] > 0 else f"ended by signal {-done['status']}"
        raise FailedRunError(how + _missing_module(plan, place) + _tail(place))
    _check_tree(files, place, "while it ran")
    new = sorted(set(place.names()) - before) if plan.manifest else []
    if new:
        notes.append(
            f"while it ran, {len(new)} new file{'s' if len(new) > 1 else ''} appeared outside its run folder, such "
            f"as {new[0]!r}: write under {{run_dir}}, or a later run may see what an earlier one left"
        )
    return _outcome(plan, place, values)


def _shepherd(plan: CommandPlan, place: _Place, values: dict[str, str]) -> dict[str, Any]:
    """Run the command under the shepherd, which ends with it and with us."""
    what = f"arm {plan.arm!r}"
    argv = arguments(plan.command, values, what)
    if argv[0] in {"python", "python3"}:
        argv[0] = plan.python
    environment = {**plan.passed, **{key: fill(text, values, what) for key, text in plan.environment.items()}}
    # What the script or its shell calls `python`, `torchrun` or `accelerate` is the chosen interpreter's too.
    environment["PATH"] = f"{Path(plan.python).parent}:{environment.get('PATH', '')}"
    task = {
        "argv": argv, "cwd": str(_folder(plan, place, values, what)), "env": environment,
        "seconds": plan.timeout_seconds, "stdout": str(place.stdout), "stderr": str(place.stderr), "cap": OUTPUT_CAP,
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", shepherd.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        process.stdin.write(json.dumps(task) + "\n")
        process.stdin.flush()
        answer = process.stdout.read()
        process.wait()
    if not answer:
        raise FailedRunError(f"whoever watched over it ended with status {process.returncode}")
    outcome: dict[str, Any] = json.loads(answer)
    return outcome


def _folder(plan: CommandPlan, place: _Place, values: dict[str, str], what: str) -> Path:
    folder = place.tree / fill(plan.cwd, values, what)
    if not folder.is_dir():
        raise FailedRunError(f"cwd {plan.cwd!r} is no folder")
    return folder


def _outcome(plan: CommandPlan, place: _Place, values: dict[str, str]) -> Outcome:
    try:
        if plan.log is None:
            return from_json_line(place.stdout.read_text(errors="replace"), plan.report)
        path = Path(fill(plan.log, values, f"log of arm {plan.arm!r}"))
        if not path.exists():
            raise FailedRunError(f"it left no log at {plan.log!r}; its run folder {_held(place.run)}")
        return from_log(path, plan.report, plan.select)
    except AdvisorError as error:
        raise FailedRunError(f"{_without_path(str(error), place).removesuffix('.')}{_tail(place)}") from None


def _held(folder: Path) -> str:
    if not folder.is_dir():
        return "is gone"
    there = sorted(entry.name for entry in folder.iterdir())
    return f"holds {', '.join(there[:8]) or 'nothing'}"


def _check_tree(files: dict[str, str], place: _Place, when: str) -> None:
    other = changed(files, place.tree)
    if other:
        raise FailedRunError(
            f"{', '.join(map(repr, other[:3]))} changed {when}, so it is unknown what was measured; leave the "
            "files alone while a job runs, and have the script write under {run_dir} alone"
        )


def _make_place(plan: CommandPlan) -> _Place:
    """A folder that no earlier attempt has written to; what such an attempt left is removed."""
    runs = Path(plan.folder)
    # Names of arms are safe; that of a repeat is not.
    name = re.sub(r"[^A-Za-z0-9_.+-]+", "~", f"{plan.block}-{plan.arm}")
    attempts = [entry for entry in runs.glob(f"{name}.*") if entry.suffix[1:].isdigit() and entry.stem == name]
    for entry in attempts:
        shutil.rmtree(entry, ignore_errors=True)
    number = 1 + max((int(entry.suffix[1:]) for entry in attempts), default=0)
    attempt = runs / f"{name}.{number}"
    (attempt / "run").mkdir(parents=True)
    return _Place(
        attempt / "run", Path(plan.workspace), attempt / "stdout.txt", attempt / "stderr.txt", runs.parents[2]
    )


def _tail(place: _Place) -> str:
    """The last lines of the error output, or of the output where there is none."""
    for path in (place.stderr, place.stdout):
        if lines := _without_path(_end_of(path), place):
            shown = "".join(letter if letter.isprintable() or letter == "\n" else "\ufffd" for letter in lines)
            return f"; its output ends with:\n{shown}"
    return "; it printed nothing"


def _without_path(text: str, place: _Place) -> str:
    """The run folder as the spec writes it: its name differs from attempt to attempt."""
    return text.replace(str(place.run), "{run_dir}")


def _missing_module(plan: CommandPlan, place: _Place) -> str:
    """What to do where the output's end says that a module is not installed."""
    found = re.findall(r"^ModuleNotFoundError: No module named '([\w.]+)'", _end_of(place.stderr), re.MULTILINE)
    if not found:
        return ""
    return f": {plan.python} has no module {found[-1]!r}; install it there, or name another python in the spec"


def _end_of(path: Path) -> str:
    text = path.read_text(errors="replace").strip() if path.exists() else ""
    return "\n".join(text.splitlines()[-TAIL_LINES:])[-TAIL_CHARACTERS:]


def _result(plan: CommandPlan, found: Outcome, notes: list[str], failure: str = "") -> RunResult:
    return RunResult(
        run_id=plan.run_id,
        arm=plan.arm,
        block=plan.block,
        seed=plan.block_seed,
        test={} if found.value is None else {plan.report.metric: found.value},
        validation={} if found.selected is None or plan.select is None else {plan.select.metric: found.selected},
        train={},
        kept_epoch=found.kept,
        epochs_run=found.points,
        outcome_digest=found.digest,
        rows=found.rows,
        failure=failure,
        notes=tuple(notes),
    )
