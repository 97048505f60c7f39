"""Patches: unified diffs for a change of one span of a script, kept only if the result still parses."""

import ast
import difflib
import re

from advisor.errors import AdvisorError

_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@")


def replace_span(path: str, text: str, node: ast.expr, replacement: str) -> str | None:
    """A diff that writes `replacement` in place of an expression, or None where the result would not parse."""
    start = _offset(text, node.lineno, node.col_offset)
    end = _offset(text, node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)
    return unified(path, text, text[:start] + replacement + text[end:])


def add_keyword(path: str, text: str, call: ast.Call, keyword: str) -> str | None:
    """A diff that adds `keyword` as the last argument of a call, or None where the result would not parse."""
    end = _offset(text, call.end_lineno or call.lineno, (call.end_col_offset or 1) - 1)
    values: list[ast.expr] = [*call.args, *(item.value for item in call.keywords)]
    if not values:
        return unified(path, text, text[:end] + keyword + text[end:])
    last = max(values, key=lambda value: (value.end_lineno or 0, value.end_col_offset or 0))
    after = _offset(text, last.end_lineno or last.lineno, last.end_col_offset or last.col_offset)
    # Right behind the last argument: a trailing comma or a comment further on stays where it is.
    return unified(path, text, f"{text[:after]}, {keyword}{text[after:]}")


def unified(path: str, before: str, after: str) -> str | None:
    """The unified diff from `before` to `after`, or None if nothing changes or `after` does not parse."""
    try:
        ast.parse(after)
    except (SyntaxError, ValueError):
        return None
    diff = difflib.unified_diff(_lines(before), _lines(after), f"a/{path}", f"b/{path}")
    parts = [line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in diff]
    return "".join(parts) or None


def apply_patch(text: str, patch: str) -> str:
    """`text` with a patch of this module applied.

    Raises:
        AdvisorError: the text is not the one that the patch was made for.
    """
    lines, result, place = _lines(text), [], 0
    pieces = re.sub(r"\n\\ No newline at end of file\n", "\x00", patch).split("\n")
    for piece in pieces[2:]:
        hunk = _HUNK.match(piece)
        if hunk:
            start = int(hunk[1]) - (hunk[2] != "0")
            result += lines[place:start]
            place = start
            continue
        for index, part in enumerate(piece.split("\x00")):
            if not part:
                continue
            kind, body = part[0], part[1:] + ("" if index < piece.count("\x00") else "\n")
            if kind == "+":
                result.append(body)
                continue
            if place >= len(lines) or lines[place] != body:
                raise AdvisorError(f"The patch does not fit: line {place + 1} is not {body!r}. Lint the file again.")
            result += lines[place : place + 1] if kind == " " else []
            place += 1
    return "".join([*result, *lines[place:]])


def _lines(text: str) -> list[str]:
    # Not splitlines: form feeds and such are no line ends in Python source.
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _offset(text: str, line: int, column_bytes: int) -> int:
    lines = _lines(text)
    before = sum(len(item) for item in lines[: line - 1])
    return before + len(lines[line - 1].encode()[:column_bytes].decode())
