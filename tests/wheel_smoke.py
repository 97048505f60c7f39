"""Smoke test of an installed wheel, run from outside the checkout: `python wheel_smoke.py SITE_FOLDER`."""

import subprocess
import sys
from pathlib import Path

import anyio
from mcp import Client, StdioServerParameters

site = Path(sys.argv[1]).resolve()
COMMAND = [sys.executable, "-m", "advisor.cli"]


def run(*arguments: str) -> str:
    """The standard output of a command that must succeed."""
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=True).stdout


async def tool_names() -> list[str]:
    """The names of the tools that the installed server offers."""
    server = StdioServerParameters(command=COMMAND[0], args=[*COMMAND[1:], "serve"], env={"PYTHONPATH": str(site)})
    async with Client(server) as client:
        return [tool.name for tool in (await client.list_tools()).tools]


import advisor  # noqa: E402

assert Path(advisor.__file__).is_relative_to(site), f"imported {advisor.__file__}, not the wheel"
assert "diagnose" in run("--help")
assert (site / "bin" / "regadvisor").is_file(), "the wheel installs no command"
names = anyio.run(tool_names)
assert len(names) == 9, names
skill = run("skill", "show")
assert "Regularization" in skill
assert (site / "advisor" / "_skill" / "regularization-expert" / "SKILL.md").is_file(), "the wheel has no skill"
print(f"wheel: help, {len(names)} tools and a skill of {len(skill.splitlines())} lines")
