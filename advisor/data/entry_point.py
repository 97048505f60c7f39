"""The user's own functions, named "module:function": importing them, calling them, and saying what went wrong."""

import contextlib
import importlib
import inspect
import pathlib
import sys
import traceback
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from advisor.errors import AdvisorError, nearest

OFFERED_NAMES = 8


def find_entry(entry: str, workspace: pathlib.Path | None) -> Callable[..., Any]:
    """The function that "module:function" names; the workspace comes first on the import path.

    Raises:
        AdvisorError: there is no such module or function (exit status 2), or importing it raised (1).
    """
    module_name, _, function_name = entry.partition(":")
    if workspace is not None:
        _put_first(workspace.resolve(), module_name)
    importlib.invalidate_caches()  # the file may be younger than the last look into its folder
    with user_code(f"importing {module_name!r} for the entry {entry!r}", workspace):
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            # A module missing inside the user's own import is the user's code raising, not a wrong name.
            if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
                raise
            raise _no_module(entry, module_name, workspace) from None
    function = getattr(module, function_name, None)
    if function is None:
        raise _no_function(entry, module, function_name)
    if not callable(function):
        raise AdvisorError(
            f"The entry {entry!r} is a {type(function).__name__}, not a function; name a function of {module_name!r}."
        )
    return function  # type: ignore[no-any-return]


def call_entry(
    entry: str, workspace: pathlib.Path | None, *, arguments: dict[str, Any], offered: dict[str, Any] | None = None
) -> Any:
    """Call the entry with `arguments` and with those of `offered` that its signature accepts.

    The caller seeds the global random state; importing the module may draw from it, so look it up before.

    Raises:
        AdvisorError: it cannot be found or does not accept the arguments (exit status 2), or it raised (1).
    """
    function = find_entry(entry, workspace)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some callables written in C tell nothing
        signature = None
    keywords = dict(arguments)
    if signature is not None:
        keywords = {**_accepted(signature, offered or {}), **arguments}
        try:
            signature.bind(**keywords)
        except TypeError as error:
            raise AdvisorError(
                f"The entry {entry!r} cannot be called with {', '.join(sorted(keywords)) or 'no arguments'}: {error}; "
                f"its signature is {signature}. Change `arguments` in the spec or the function."
            ) from None
    with user_code(f"the entry {entry!r}", workspace):
        return function(**keywords)


@contextlib.contextmanager
def user_code(what: str, workspace: pathlib.Path | None) -> Iterator[None]:
    """Run the user's code: what it prints goes to stderr, and what it raises becomes a message with file and line."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except AdvisorError:
        raise
    except (Exception, SystemExit) as error:
        raise raised(what, error, workspace) from error


def raised(what: str, error: BaseException, workspace: pathlib.Path | None) -> AdvisorError:
    """The message for an exception from the user's code: its type and text, the user's line, the next step."""
    text = str(error).strip() or "no message"
    return AdvisorError(
        f"{what[0].upper()}{what[1:]} raised {type(error).__name__}: {text[:500]} ({_user_line(error, workspace)}). "
        f"Mend it there and start again; calling it alone in Python shows the same error.",
        exit_status=1,
    )


def _user_line(error: BaseException, workspace: pathlib.Path | None) -> str:
    """file:line of the innermost frame inside the workspace, else outside of us and of installed packages."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    own = str(pathlib.Path(__file__).resolve().parents[1])
    frames = list(reversed(traceback.extract_tb(error.__traceback__)))
    root = str(workspace.resolve()) if workspace is not None else None
    foreign = [frame for frame in frames if not frame.filename.startswith((own, "<frozen"))]
    installed = ("site-packages", "dist-packages")
    theirs = [frame for frame in foreign if not any(part in frame.filename for part in installed)]
    inside = [frame for frame in theirs if root and str(pathlib.Path(frame.filename).resolve()).startswith(root)]
    for frame in [*inside, *theirs, *foreign]:
        return f"{frame.filename}:{frame.lineno}"
    return "no line of the user's own code is involved"


def _accepted(signature: inspect.Signature, offered: dict[str, Any]) -> dict[str, Any]:
    parameters = signature.parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return offered
    named = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return {name: value for name, value in offered.items() if name in named}


def _put_first(workspace: pathlib.Path, module_name: str) -> None:
    """Make `workspace` the first place to import from, and forget a module of that name from another workspace."""
    path = str(workspace)
    if sys.path[:1] != [path]:
        sys.path[:] = [path, *(other for other in sys.path if other != path)]
    top = module_name.partition(".")[0]
    loaded = sys.modules.get(top)
    here = any((workspace / name).exists() for name in (f"{top}.py", top))
    if loaded is not None and here and not _lies_in(loaded, workspace):
        for name in [name for name in sys.modules if name == top or name.startswith(f"{top}.")]:
            del sys.modules[name]


def _lies_in(module: ModuleType, folder: pathlib.Path) -> bool:
    places = [module.__file__] if module.__file__ else list(getattr(module, "__path__", []))
    return any(pathlib.Path(place).resolve().is_relative_to(folder) for place in places)


def _no_module(entry: str, module_name: str, workspace: pathlib.Path | None) -> AdvisorError:
    where, offer = "on the import path", ""
    if workspace is not None:
        where = f"in the workspace {str(workspace)!r} or on the import path"
        names = [path.stem for path in workspace.glob("*.py")]
        names += [path.parent.name for path in workspace.glob("*/__init__.py")]
        if names:
            offer = (
                f" Modules in the workspace, nearest first: {', '.join(nearest(module_name, names)[:OFFERED_NAMES])}."
            )
    return AdvisorError(f"There is no module {module_name!r} {where} for the entry {entry!r}.{offer}")


def _no_function(entry: str, module: ModuleType, name: str) -> AdvisorError:
    names = [
        key for key, value in vars(module).items() if inspect.isfunction(value) or inspect.isclass(value)
        if value.__module__ == module.__name__
    ]  # fmt: skip
    offer = ", ".join(nearest(name, names)[:OFFERED_NAMES]) or "none"
    return AdvisorError(
        f"Module {module.__name__!r} has no {name!r}, which the entry {entry!r} names; its own functions, nearest "
        f"first: {offer}."
    )
