"""Start-up to `tools/list` over stdio: this server beside one with nine trivial tools on the same SDK.

    python benchmarks/startup.py [--rounds 9]

Prints the median of each, their ratio pair by pair (A B A B ...), the size of our `tools/list`, and how long
`start_verification` takes to answer with a job id.
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
from typing import Any

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


SPEC = {
    "data": {"builtin": "digits"},
    "model": {"name": "small_cnn"},
    "arms": {"mixup": {"techniques": {"mixup": {"alpha": 0.2}}}},
}
START = {
    "jsonrpc": "2.0",
    "id": 3,
    "method": "tools/call",
    "params": {"name": "start_verification", "arguments": {"spec": SPEC}},
}


class Server:
    """A server process that is spoken to line by line."""

    def __init__(self, command: list[str], home: str) -> None:
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"REGADVISOR_HOME": home},
        )

    def ask(self, *messages: dict[str, Any]) -> dict[str, Any]:
        """Send the messages and return the answer to the last one."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        for message in messages:
            self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            answer: dict[str, Any] = json.loads(line)
            if answer.get("id") == messages[-1]["id"]:
                return answer
        raise SystemExit(f"{self.process.args} ended without an answer")

    def end(self) -> None:
        """Kill the process; its jobs go on."""
        self.process.kill()
        self.process.communicate()


def time_to_tools(command: list[str], home: str) -> tuple[float, dict[str, Any]]:
    """Seconds from starting the process to the answer to tools/list, and that answer."""
    server = Server(command, home)
    answer = server.ask(*HANDSHAKE)
    seconds = time.perf_counter() - server.began
    server.end()
    return seconds, answer


def time_to_job(command: list[str], home: str) -> float:
    """Seconds that start_verification takes to answer with a job id; the job is cancelled."""
    server = Server(command, home)
    server.ask(*HANDSHAKE)
    began = time.perf_counter()
    answer = server.ask(START)
    seconds = time.perf_counter() - began
    job_id = answer["result"]["structuredContent"]["job"]["job_id"]
    cancel = {"name": "cancel_job", "arguments": {"job_id": job_id}}
    server.ask({"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": cancel})
    server.end()
    return seconds


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
        starts = sorted(time_to_job(ours, f"{home}/{index}") for index in range(3))
    ratios = sorted(a / b for a, b in pairs)
    tools = answer["result"]["tools"]
    tokens = len(json.dumps(tools)) / 4
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}, n = {rounds} pairs")
    print(f"ours     {statistics.median(a for a, _ in pairs):.3f} s to tools/list ({len(tools)} tools)")
    print(f"trivial  {statistics.median(b for _, b in pairs):.3f} s to tools/list (9 tools)")
    print(f"ratio    median {statistics.median(ratios):.2f}, range {ratios[0]:.2f} to {ratios[-1]:.2f} (bar: 1.3)")
    print(f"tools/list about {tokens:.0f} tokens at 4 characters each (bar: 3000)")
    print(f"start_verification answers in {statistics.median(starts):.2f} s, at most {starts[-1]:.2f} s of 3 (bar: 2)")


if __name__ == "__main__":
    main()
