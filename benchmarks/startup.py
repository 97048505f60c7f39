"""Start-up to `tools/list` over stdio: this server beside one with nine trivial tools on the same SDK.

    python benchmarks/startup.py [--rounds 9]

Prints the median of each, their ratio pair by pair (A B A B ...), and the size of our `tools/list`.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRIVIAL = """
from mcp.server import MCPServer
server = MCPServer("trivial", log_level="WARNING")
for index in range(9):
    def tool(text: str) -> str:
        return text
    server.tool(name=f"tool_{index}", description="Echo.")(tool)
server.run("stdio")
"""
HANDSHAKE = [
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "benchmark", "version": "1"},
        },
    },
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
]


def time_to_tools(command: list[str], home: str) -> tuple[float, str]:
    """Seconds from starting the process to the answer to tools/list, and that answer."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"REGADVISOR_HOME": home},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    for message in HANDSHAKE:
        process.stdin.write(json.dumps(message) + "\n")
    process.stdin.flush()
    for line in process.stdout:
        if json.loads(line).get("id") == 2:
            seconds = time.perf_counter() - began
            break
    else:
        raise SystemExit(f"{command} ended without listing its tools")
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()
    return seconds, line


def main() -> None:
    """Measure both, in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    regadvisor = str(Path(sys.executable).parent / "regadvisor")
    with tempfile.TemporaryDirectory() as home:
        script = Path(home) / "trivial.py"
        script.write_text(TRIVIAL)
        ours, trivial = [regadvisor, "serve"], [sys.executable, str(script)]
        answer = time_to_tools(ours, home)[1]  # warm-up, not counted
        time_to_tools(trivial, home)
        pairs = [(time_to_tools(ours, home)[0], time_to_tools(trivial, home)[0]) for _ in range(rounds)]
    ratios = sorted(a / b for a, b in pairs)
    tools = json.loads(answer)["result"]["tools"]
    tokens = len(json.dumps(tools)) / 4
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}, n = {rounds} pairs")
    print(f"ours     {statistics.median(a for a, _ in pairs):.3f} s to tools/list ({len(tools)} tools)")
    print(f"trivial  {statistics.median(b for _, b in pairs):.3f} s to tools/list (9 tools)")
    print(f"ratio    median {statistics.median(ratios):.2f}, range {ratios[0]:.2f} to {ratios[-1]:.2f} (bar: 1.3)")
    print(f"tools/list about {tokens:.0f} tokens at 4 characters each (bar: 3000)")


if __name__ == "__main__":
    main()
