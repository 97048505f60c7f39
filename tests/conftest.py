"""A home of its own for every test, and the fixtures of several folders."""

import os
from pathlib import Path

import pytest

from advisor.training.determinism import MKL_MODE

# Before any test's first product; workers have it from their start.
os.environ["MKL_CBWR"] = MKL_MODE


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home for jobs."""
    folder = tmp_path / "home"
    monkeypatch.setenv("REGADVISOR_HOME", str(folder))
    return folder


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
