"""Applying a unified diff to the text of files: strict about context, tolerant only of shifted lines."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from advisor.errors import AdvisorError

_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@")


@dataclass
class _Hunk:
    start: int  # first line of the old text, from 0
    old: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)


@dataclass
class _FileChange:
    before: str | None
    after: str | None
    hunks: list[_Hunk] = field(default_factory=list)


def apply_patch(patch: str, read: Callable[[str], str | None], what: str = "the patch") -> dict[str, str | None]:
    """Path -> new text of each file that the patch changes; None where it is deleted.

    `read` gives a file's text, or None where there is none.

    Raises:
        AdvisorError: it is no unified diff, leaves the tree, or does not fit the files.
    """
    changes = _parse(patch, what)
    if not changes:
        raise AdvisorError(f"{what} holds no change; write it with: git diff, or diff -u OLD NEW.")
    results: dict[str, str | None] = {}
    for change in changes:
        old = change.before if change.before is not None else change.after
        assert old is not None
        text = results[old] if old in results else read(old)
        if text is None and change.before is not None:
            raise AdvisorError(f"{what} changes {old!r}, which does not exist; make it from the spec's folder.")
        lines = (text or "").splitlines(keepends=True) if change.before is not None else []
        if change.before is not None and change.after != change.before:
            results[change.before] = None
        if change.after is not None:
            results[change.after] = "".join(_apply(lines, change.hunks, f"{what}: {old}"))
    return results


def _apply(lines: list[str], hunks: list[_Hunk], what: str) -> list[str]:
    done: list[str] = []
    position = shift = 0
    for hunk in hunks:
        found = _find(lines, hunk, position, hunk.start + shift)
        if found is None:
            raise AdvisorError(f"{what}: the lines around line {hunk.start + 1} are not those of the patch; renew it.")
        done += lines[position:found] + hunk.new
        position, shift = found + len(hunk.old), found - hunk.start
    return done + lines[position:]


def _find(lines: list[str], hunk: _Hunk, first: int, expected: int) -> int | None:
    """Where the hunk's old lines stand, the place nearest to the expected one."""
    last = len(lines) - len(hunk.old)
    for place in sorted(range(first, last + 1), key=lambda index: abs(index - expected)):
        if lines[place : place + len(hunk.old)] == hunk.old:
            return place
    return None


def _parse(patch: str, what: str) -> list[_FileChange]:
    changes: list[_FileChange] = []
    lines = patch.splitlines(keepends=True)
    index = 0
    while index < len(lines):
        line = lines[index]
        if line.startswith("--- ") and index + 1 < len(lines) and lines[index + 1].startswith("+++ "):
            changes.append(_FileChange(_path(line, what), _path(lines[index + 1], what)))
            index += 2
        elif (head := _HUNK.match(line)) and changes:
            index = _hunk(lines, index, head, changes[-1], what)
        elif line.startswith(("GIT binary patch", "Binary files")):
            raise AdvisorError(f"{what} changes a binary file, which is not supported; use another cwd or script.")
        else:
            index += 1
    return changes


def _hunk(lines: list[str], index: int, head: "re.Match[str]", change: _FileChange, what: str) -> int:
    """Read one hunk; the index of the line after it."""
    old_left, new_left = int(head[2] or 1), int(head[3] or 1)
    # A hunk without old lines names the line before it.
    hunk = _Hunk(start=int(head[1]) - (1 if old_left else 0))
    change.hunks.append(hunk)
    index += 1
    while old_left > 0 or new_left > 0:
        if index >= len(lines) or lines[index][:1] not in {" ", "-", "+", "\n"}:
            raise AdvisorError(f"{what} ends within a change of {change.after or change.before!r}; make it anew.")
        sign, text = lines[index][:1], lines[index][1:]
        if sign == "\n":  # an empty context line whose blank was cut
            sign, text = " ", "\n"
        index += 1
        if index < len(lines) and lines[index].startswith("\\"):
            text, index = text.rstrip("\r\n"), index + 1
        if sign in " -":
            hunk.old.append(text)
            old_left -= 1
        if sign in " +":
            hunk.new.append(text)
            new_left -= 1
    return index


def _path(line: str, what: str) -> str | None:
    """The path of a header line, without the leading a/ or b/; None for /dev/null."""
    name = line[4:].split("\t")[0].strip()
    if name == "/dev/null":
        return None
    path = PurePosixPath(name)
    if path.parts[:1] in {("a",), ("b",)} and len(path.parts) > 1:
        path = PurePosixPath(*path.parts[1:])
    if path.is_absolute() or ".." in path.parts:
        raise AdvisorError(f"{what} changes {name!r}, which lies outside the spec's folder.")
    return str(path)
