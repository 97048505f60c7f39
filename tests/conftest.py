"""A home of its own for every test, and the fixtures of several folders."""

from pathlib import Path

import pytest


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home for jobs."""
    folder = tmp_path / "home"
    monkeypatch.setenv("REGADVISOR_HOME", str(folder))
    return folder


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
