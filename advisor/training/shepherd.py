"""Runs one command to its end and leaves nothing behind; a program of its own, of the standard library alone.

It reads one line of JSON from its stdin (argv, cwd, env, seconds, stdout, stderr, cap) and answers with one
JSON line: the exit status, whether the time ran out, how many bytes of output were cut, and whether processes were
left behind. It ends the command when its stdin ends, so that neither a killed worker nor a killed driver leaves a
training behind. The command gets a group of its own; what leaves the group is found through its parent.
"""

import contextlib
import ctypes
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from typing import Any, BinaryIO

DRAIN_SECONDS = 1.0  # for output that still comes after the end


class Capped:
    """A file that keeps the first and the last `cap` / 2 bytes written to it."""

    def __init__(self, path: str, cap: int) -> None:
        self.file: BinaryIO = open(path, "wb")  # noqa: SIM115
        self.room = self.half = cap // 2
        self.tail = bytearray()
        self.cut = 0

    def write(self, data: bytes) -> None:
        head, rest = data[: self.room], data[self.room :]
        self.room -= len(head)
        if head:
            self.file.write(head)
            self.file.flush()
        self.tail += rest
        if len(self.tail) > 2 * self.half:
            self._shorten()

    def _shorten(self) -> None:
        over = max(0, len(self.tail) - self.half)
        self.cut += over
        del self.tail[:over]

    def close(self) -> None:
        self._shorten()
        if self.cut:
            self.file.write(b"\n[... %d bytes cut ...]\n" % self.cut)
        self.file.write(self.tail)
        self.file.close()


def main() -> None:
    """Run the command of the first line of stdin. Nothing is buffered: the end of stdin must be seen later."""
    line = bytearray()
    while not line.endswith(b"\n"):
        data = os.read(0, 1)
        if not data:
            sys.exit(1)
        line += data
    task = json.loads(line)
    # Not on every system: there only what stays in the group is ended.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: orphans become our children
    print(json.dumps(run(task)), flush=True)


def run(task: "dict[str, Any]") -> "dict[str, Any]":
    """The outcome: status (None where it did not start), error, timed_out, cut, left_behind."""
    outputs = [Capped(task["stdout"], task["cap"]), Capped(task["stderr"], task["cap"])]
    outcome: dict[str, Any] = {"status": None, "error": "", "timed_out": False, "cut": 0, "left_behind": False}
    try:
        process = subprocess.Popen(
            task["argv"], cwd=task["cwd"], env=task["env"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        return {**outcome, "error": f"{error.strerror}: {error.filename}"}
    selector = selectors.DefaultSelector()
    for stream, output in zip((process.stdout, process.stderr), outputs, strict=True):
        assert stream is not None
        selector.register(stream, selectors.EVENT_READ, output)
    selector.register(0, selectors.EVENT_READ)
    deadline = time.monotonic() + task["seconds"]
    while process.poll() is None and not outcome["timed_out"]:
        # Output that has ended says that the command is about to.
        _pass_on(selector, 0.05 if len(selector.get_map()) > 1 else 0.005)
        outcome["timed_out"] = time.monotonic() > deadline
    if outcome["timed_out"]:
        _end_group(process.pid)
        process.wait()
        _end_orphans()
    else:
        # Each of the two must be looked at: the group, and what left it.
        outcome["left_behind"] = any([_end_group(process.pid), _end_orphans()])
    drained = time.monotonic() + DRAIN_SECONDS
    while len(selector.get_map()) > 1 and time.monotonic() < drained:
        _pass_on(selector, 0.05)
    for output in outputs:
        output.close()
    return {**outcome, "status": process.returncode, "cut": sum(output.cut for output in outputs)}


def _pass_on(selector: selectors.BaseSelector, seconds: float) -> None:
    for key, _ in selector.select(seconds):
        data = os.read(key.fd, 1 << 16)
        if key.fd == 0 and not data:  # whoever asked is gone
            _end_all()
            os._exit(1)
        if not data:
            selector.unregister(key.fileobj)
        elif key.data is not None:
            key.data.write(data)


def _end_group(group: int) -> bool:
    """Kill the group; whether there was anybody in it beside those that had ended."""
    _reap()
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _end_all() -> None:
    for child in _children():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
    _end_orphans()


def _end_orphans() -> bool:
    """Kill every child of ours, and theirs as they become ours; whether there was any."""
    found = False
    for _ in range(200):
        _reap()
        children = _children()
        if not children:
            break
        found = True
        for child in children:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGKILL)
        time.sleep(0.005)
    return found


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _children() -> "list[int]":
    """The living children of this process, where /proc tells."""
    found = []
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError), open(f"/proc/{name}/stat") as stat:
                    state, parent = stat.read().rpartition(")")[2].split()[:2]
                    if int(parent) == os.getpid() and state != "Z":
                        found.append(int(name))
    return found


if __name__ == "__main__":
    main()
