"""The one exception that reaches users: what happened, the value, the next step."""

import difflib
from collections.abc import Iterable

from pydantic import BaseModel, ValidationError


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


def invalid(what: str, error: ValidationError, model: type[BaseModel]) -> AdvisorError:
    """A pydantic error on `model` in one sentence for each wrong field: where, what, the value."""
    parts = []
    for item in error.errors(include_url=False, include_context=False):
        where = ".".join(str(part) for part in item["loc"]) or "the whole"
        message = item["msg"].removeprefix("Value error, ").rstrip(".")
        if item["type"] == "extra_forbidden":
            key, fields = str(item["loc"][-1]), _fields(model, item["loc"][:-1])
            known = f"; known, nearest first: {', '.join(nearest(key, fields))}" if fields else ""
            parts.append(f"unknown key {where!r}{known}")
        elif item["type"] == "value_error":
            parts.append(message if where == "the whole" else f"{where}: {message}")
        else:
            parts.append(f"{where}: {message} but got {_short(item['input'])}")
    return AdvisorError(f"{what} is not valid: {'; '.join(parts)}.")


def _fields(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The fields of the model found at `location` inside `model`; empty where that is no model."""
    for part in location:
        field = model.model_fields.get(str(part))
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return []
        model = field.annotation
    return [name for name in model.model_fields if name != "schema_version"]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
