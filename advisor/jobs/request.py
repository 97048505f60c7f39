"""A request for a job: the spec with everything that was settled when it was submitted."""

import os
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from advisor import __version__
from advisor.contract import Contract, content_id
from advisor.errors import AdvisorError
from advisor.experiments.code import code_fingerprint
from advisor.experiments.command_spec import CommandSpec
from advisor.experiments.patching import apply_patch
from advisor.experiments.spec import AnySpec, Spec
from advisor.experiments.tree import fingerprint, manifest
from advisor.jobs.home import home
from advisor.jobs.interpreter import Interpreter, choose_interpreter

# What a script gets of the environment beside the spec's own: what programs and their libraries are found and steered
# by. Keys and tokens are left out: they would be kept in the job's record.
PASSED = frozenset(
    (
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TMP", "TEMP"),
        *("VIRTUAL_ENV", "LD_LIBRARY_PATH", "SSL_CERT_FILE"),
    )
)
PASSED_PREFIXES = (
    *("LC_", "PYTHON", "CONDA_", "CUDA_", "NVIDIA_", "HIP_", "ROCR_", "OMP_", "MKL_", "OPENBLAS_", "NUMEXPR_"),
    *("TF_", "KERAS_", "TORCH", "PYTORCH_", "XLA_", "JAX_", "HF_", "TRANSFORMERS_", "ACCELERATE_", "WANDB_"),
    *("XDG_CACHE_", "XDG_DATA_"),
)
_SECRET = ("TOKEN", "KEY", "SECRET", "PASSWORD")


class Request(Contract):
    """What a driver needs. `nonce` is empty where finished work may answer."""

    spec: AnySpec
    workspace: str | None  # where paths of the spec begin; None where it names no file and no code
    interpreter: Interpreter  # where the training happens
    code: str | None
    nonce: str
    workers: int
    patches: dict[str, str] = Field(default={})  # arm -> the content of its patch
    passed: dict[str, str] = Field(default={})  # the environment of a script

    @property
    def job_id(self) -> str:
        """A content id: the same request, engine and versions give the same job."""
        content = self.model_dump(mode="json", exclude={"workers"})
        return content_id(content | {"engine": __version__})[:12]

    @property
    def worker(self) -> Interpreter:
        """Where the worker runs: with the training, or in our own Python beside a script."""
        if isinstance(self.spec, CommandSpec):
            return Interpreter(path=sys.executable, ours=True, python="", versions={})
        return self.interpreter

    @property
    def reads_from(self) -> Path | None:
        """The folder that a worker finds the user's files and entries in; it reads nothing of a script's."""
        return None if self.workspace is None or isinstance(self.spec, CommandSpec) else Path(self.workspace)

    @property
    def imports(self) -> bool:
        """Whether a worker imports the user's code, and so works in their folder."""
        spec = self.spec
        return isinstance(spec, Spec) and bool(spec.data.entry or spec.model.entry)


def prepare(spec: AnySpec, workspace: Path, workers: int) -> Request:
    """Settle interpreter, code, environment and reuse.

    Raises:
        AdvisorError: the interpreter cannot train, or a file that the spec names is not there.
    """
    if isinstance(spec, CommandSpec):
        return _prepare_command(spec, workspace, workers)
    return _prepare_training(spec, workspace, workers)


def _prepare_training(spec: Spec, workspace: Path, workers: int) -> Request:
    uses_code = spec.data.entry is not None or spec.model.entry is not None
    code = code_fingerprint(spec, workspace) if uses_code else ""
    return Request(
        spec=spec,
        workspace=str(workspace) if uses_code or spec.paths() else None,
        interpreter=choose_interpreter(spec, workspace),
        code=code,
        nonce=_nonce(spec, code),
        workers=workers,
    )


def _prepare_command(spec: CommandSpec, workspace: Path, workers: int) -> Request:
    arms = {name: spec.arm(name) for name in ("baseline", *spec.arm_names)}
    patches = {name: _read(name, str(values["patch"]), workspace) for name, values in arms.items() if "patch" in values}
    for name, values in arms.items():
        if "cwd" in values and not str(values["cwd"]).startswith("{"):
            _inside(f"cwd of arm {name!r}", str(values["cwd"]), workspace)
        if "script" in values and "patch" not in values:
            cwd = str(values.get("cwd", "."))
            # From a run folder a script is started by its whole path; see `advisor.training.command`.
            script = Path("." if cwd.startswith("{run_dir}") else cwd) / str(values["script"])
            if not _inside(f"script of arm {name!r}", str(script), workspace).is_file():
                raise AdvisorError(f"script {str(script)!r} of arm {name!r} is no file in {str(workspace)!r}.")
    for name, patch in patches.items():
        patched(name, patch, workspace)
    files = manifest(workspace, home().resolve())
    if files is None and patches:
        raise AdvisorError(
            f"{str(workspace)!r} holds too much to be copied for a patch; ignore data with git, or name another script."
        )
    code = None if files is None else fingerprint(files)
    return Request(
        spec=spec,
        workspace=str(workspace),
        interpreter=choose_interpreter(spec, workspace),
        code=code,
        nonce=_nonce(spec, code),
        workers=workers,
        patches=patches,
        passed=passed_environment(os.environ),
    )


def patched(arm: str, patch: str, workspace: Path) -> dict[str, str | None]:
    """Path -> content of each file that this arm's patch changes; None where it is deleted.

    Raises:
        AdvisorError: the patch does not fit the files.
    """

    def text(name: str) -> str | None:
        path = _inside(f"patch of arm {arm!r}", name, workspace)
        # Bytes as they are: line ends are part of what a patch must match.
        return path.read_bytes().decode("utf-8", errors="surrogateescape") if path.is_file() else None

    return apply_patch(patch, text, f"patch of arm {arm!r}")


def passed_environment(outer: Mapping[str, str]) -> dict[str, str]:
    """What a script gets of the environment that the job was started in; one thread a run unless it says otherwise."""
    kept = {
        name: value for name, value in outer.items()
        if (name in PASSED or name.startswith(PASSED_PREFIXES)) and not any(part in name for part in _SECRET)
    }  # fmt: skip
    return {"OMP_NUM_THREADS": "1", **kept}


def _nonce(spec: AnySpec, code: str | None) -> str:
    return uuid.uuid4().hex if spec.aa or not spec.reuse or code is None else ""


def _read(arm: str, name: str, workspace: Path) -> str:
    path = _inside(f"patch of arm {arm!r}", name, workspace)
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise AdvisorError(f"Cannot read patch {name!r} of arm {arm!r}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise AdvisorError(f"patch {name!r} of arm {arm!r} is not text in UTF-8.") from None


def _inside(what: str, name: str, workspace: Path) -> Path:
    path = (workspace / name).resolve()
    if not path.is_relative_to(workspace.resolve()):
        raise AdvisorError(f"{what} is {name!r}, outside the spec's folder {str(workspace)!r}; copy it there.")
    return path
