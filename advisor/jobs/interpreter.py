"""Which Python trains: the user's own where their code runs, ours for built-in data."""

import json
import os
import subprocess
import sys
from pathlib import Path

from advisor.contract import Frozen
from advisor.errors import AdvisorError
from advisor.experiments.command_spec import CommandSpec
from advisor.experiments.spec import AnySpec

REQUIRED = ("torch", "numpy", "pydantic")
PROBE = """
import json, platform, sys
from importlib.metadata import PackageNotFoundError, version
found = {}
for name in ("torch", "numpy", "pydantic", "scikit-learn", "tensorflow", "keras", "jax", "transformers", "lightning"):
    try: found[name] = version(name)
    except PackageNotFoundError: pass
print(json.dumps({"python": platform.python_version(), "versions": found}))
"""


class Interpreter(Frozen):
    """A Python that can train, with the versions that decide its results."""

    path: str
    ours: bool
    python: str
    versions: dict[str, str]


def choose_interpreter(spec: AnySpec, workspace: Path) -> Interpreter:
    """The interpreter for this spec, checked. For a script of the user's own it needs to start, and no more.

    The spec's `python` wins. For the user's own code then the workspace's `.venv`, `VIRTUAL_ENV`, `CONDA_PREFIX`
    and ours, in that order; for built-in data and models ours.

    Raises:
        AdvisorError: it does not exist, does not start, or lacks what training needs (with the mending command).
    """
    own_script = isinstance(spec, CommandSpec)
    required = () if own_script else REQUIRED
    if spec.python:
        # Not resolved through links: a virtual environment's python is one, and its folder is what counts.
        chosen = workspace / Path(spec.python).expanduser()
        if not chosen.is_file():
            raise AdvisorError(f"python: {spec.python!r} does not exist (looked for {str(chosen)!r}).")
        return inspect_interpreter(chosen, required)
    if spec.needs_user_code:
        prefixes = [
            workspace / ".venv",
            *(Path(os.environ[k]) for k in ("VIRTUAL_ENV", "CONDA_PREFIX") if os.environ.get(k)),
        ]
        for prefix in prefixes:
            if (prefix / "bin" / "python").is_file():
                return inspect_interpreter(prefix / "bin" / "python", required)
    return inspect_interpreter(Path(sys.executable), required)


def inspect_interpreter(path: Path, required: tuple[str, ...] = REQUIRED) -> Interpreter:
    """What this interpreter has; `required` names the packages that it must have.

    Raises:
        AdvisorError: as for `choose_interpreter`.
    """
    try:
        done = subprocess.run([path, "-c", PROBE], capture_output=True, text=True, timeout=20, check=True)
        answer = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise AdvisorError(f"The interpreter {str(path)!r} does not start as a Python: {error}.") from None
    ours = path == Path(sys.executable)
    missing = [name for name in required if name not in answer["versions"]]
    if missing:
        cure = "pip install 'regularization-advisor[train]'" if ours else f"{path} -m pip install {' '.join(missing)}"
        raise AdvisorError(f"The interpreter {str(path)!r} lacks {', '.join(missing)}; to train with it: {cure}")
    old = tuple(map(int, answer["python"].split(".")[:2])) < (3, 10)
    if required and (old or answer["versions"]["pydantic"].startswith("1.")):
        raise AdvisorError(
            f"The interpreter {str(path)!r} has Python {answer['python']} and pydantic "
            f"{answer['versions']['pydantic']}; training needs Python 3.10 and pydantic 2 or newer."
        )
    return Interpreter(path=str(path), ours=ours, **answer)
