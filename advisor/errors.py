"""The one exception that reaches users: what happened, the value, the next step."""

import difflib
from collections.abc import Iterable

from pydantic import ValidationError


class AdvisorError(Exception):
    """A problem to show as it stands: one message, never a traceback.

    `exit_status` follows the command line: 2 where the request was wrong, 1 where the work failed.
    """

    def __init__(self, message: str, *, exit_status: int = 2) -> None:
        super().__init__(message)
        self.exit_status = exit_status


def nearest(name: str, names: Iterable[str]) -> list[str]:
    """All known names, the most similar to `name` first."""
    known = sorted(names)
    close = difflib.get_close_matches(name, known, n=max(1, len(known)), cutoff=0.5)
    return close + [other for other in known if other not in close]


def unknown(kind: str, name: str, names: Iterable[str]) -> AdvisorError:
    """The error for a name that does not exist, with those that do, nearest first."""
    return AdvisorError(f"Unknown {kind} {name!r}; known, nearest first: {', '.join(nearest(name, names))}.")


def invalid(what: str, error: ValidationError) -> AdvisorError:
    """A pydantic error in one sentence for each wrong field: where, what, the value."""
    parts = []
    for item in error.errors(include_url=False, include_context=False):
        where = ".".join(str(part) for part in item["loc"] if not str(part).startswith("function-")) or "the whole"
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            parts.append(f"unknown key {where!r}")
        elif item["type"] in {"value_error", "assertion_error"}:
            parts.append(message if where == "the whole" else f"{where}: {message}")
        else:
            parts.append(f"{where}: {message} but got {_short(item['input'])}")
    return AdvisorError(f"{what} is not valid: {'; '.join(parts)}.".replace("..", "."))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
