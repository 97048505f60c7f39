"""What may be imported when: the library without mcp, everything without torch until something trains."""

import pkgutil
import subprocess
import sys

import advisor

HEAVY = ("torch", "scipy", "matplotlib", "pandas", "sklearn")


def _modules_after(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint(' '.join(sys.modules))"
    return set(
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    )


def test_importing_every_module_of_the_library_loads_neither_mcp_nor_anything_heavy() -> None:
    names = [module.name for module in pkgutil.walk_packages(advisor.__path__, "advisor.")]
    assert len(names) > 40
    loaded = _modules_after("\n".join(f"import {name}" for name in names if not name.startswith("advisor._skill")))
    assert not loaded & {"mcp", *HEAVY}


def test_listing_the_servers_tools_loads_nothing_heavy() -> None:
    loaded = _modules_after(
        "import anyio\nfrom mcp import Client\nfrom advisor_mcp.server import build_server\n"
        "async def look():\n    async with Client(build_server()) as client:\n        await client.list_tools()\n"
        "anyio.run(look)"
    )
    assert "advisor_mcp.server" in loaded
    assert not loaded & set(HEAVY)
