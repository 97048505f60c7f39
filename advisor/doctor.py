"""What works here and what does not, with the one command that mends it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Literal

from advisor import __version__
from advisor.contract import Contract, Frozen
from advisor.errors import AdvisorError
from advisor.jobs.home import home
from advisor.jobs.interpreter import inspect_interpreter
from advisor.jobs.store import Store

TORCHVISION_CURE = (
    "torch and torchvision are not a matched pair (a CPU-only torch beside another build of torchvision, often). "
    "Reinstall both in one command, such as: pip install --force-reinstall torch==2.14.1 torchvision==0.29.1"
)


class Check(Frozen):
    """One thing that was tried."""

    name: str
    status: Literal["ok", "missing", "broken"]
    detail: str


class Checkup(Contract):
    """All that was tried; `healthy` where nothing is broken."""

    checks: tuple[Check, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing is broken; a missing extra is not."""
        return all(check.status != "broken" for check in self.checks)


def examine(python: Path | None = None) -> Checkup:
    """Try the parts; `python` is an interpreter that should train, ours by default."""
    interpreter = python or Path(sys.executable)
    return Checkup(
        checks=(
            Check(name="regularization-advisor", status="ok", detail=__version__),
            _jobs(),
            _training(interpreter),
            _torchvision(interpreter),
            Check(name="processors", status="ok", detail=f"{os.cpu_count()}: so many runs train at a time"),
        )
    )


def _jobs() -> Check:
    try:
        Store(home()).rows(1)
    except AdvisorError as error:
        return Check(name="jobs", status="broken", detail=str(error))
    return Check(name="jobs", status="ok", detail=str(home()))


def _training(interpreter: Path) -> Check:
    try:
        found = inspect_interpreter(interpreter)
    except AdvisorError as error:
        return Check(name="training", status="missing", detail=str(error))
    versions = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    return Check(name="training", status="ok", detail=f"Python {found.python}, {versions}")


def _torchvision(interpreter: Path) -> Check:
    """A mismatched pair fails at import, so that is what is tried, in a process of its own."""
    code = "import torchvision; print(torchvision.__version__)"
    try:
        done = subprocess.run([interpreter, "-c", code], capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check(name="torchvision", status="broken", detail=f"{interpreter} does not answer: {error}")
    if done.returncode == 0:
        return Check(name="torchvision", status="ok", detail=done.stdout.strip())
    last = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit status {done.returncode}"
    if "No module named" in last:
        return Check(name="torchvision", status="missing", detail="not installed; the built-in training does without")
    cure = TORCHVISION_CURE if "nms does not exist" in done.stderr else "reinstall torch and torchvision together"
    return Check(name="torchvision", status="broken", detail=f"{last}. {cure}")
