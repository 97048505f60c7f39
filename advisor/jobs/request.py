"""A request for a job: the spec with everything that was settled when it was submitted."""

import uuid
from pathlib import Path

from advisor import __version__
from advisor.contract import Contract, content_id
from advisor.experiments.code import code_fingerprint
from advisor.experiments.spec import Spec
from advisor.jobs.interpreter import Interpreter, choose_interpreter


class Request(Contract):
    """What a driver needs. `nonce` is empty where finished work may answer."""

    spec: Spec
    workspace: str | None  # None for built-in data and models
    interpreter: Interpreter
    code: str | None
    nonce: str
    workers: int

    @property
    def job_id(self) -> str:
        """A content id: the same request, engine and versions give the same job."""
        content = self.model_dump(mode="json", exclude={"workers"})
        return content_id(content | {"engine": __version__})[:12]


def prepare(spec: Spec, workspace: Path, workers: int) -> Request:
    """Settle interpreter, code and reuse.

    Raises:
        AdvisorError: the interpreter cannot train.
    """
    uses_code = spec.data.entry is not None or spec.model.entry is not None
    code = code_fingerprint(spec, workspace) if uses_code else ""
    fresh = spec.aa or not spec.reuse or code is None
    return Request(
        spec=spec,
        workspace=str(workspace) if uses_code else None,
        interpreter=choose_interpreter(spec, workspace),
        code=code,
        nonce=uuid.uuid4().hex if fresh else "",
        workers=workers,
    )
