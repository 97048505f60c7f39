"""The one place where the library's errors become the protocol's."""

import functools
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, TypeVar

from mcp.server.mcpserver.exceptions import ToolError

from advisor.errors import AdvisorError

Function = TypeVar("Function", bound=Callable[..., Any])


def tool_errors(function: Function) -> Function:
    """Let an AdvisorError reach the model as it stands; anything else is logged, and the model hears that much."""
    if inspect.iscoroutinefunction(function):
        asynchronous: Callable[..., Awaitable[Any]] = function

        @functools.wraps(function)
        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            try:
                return await asynchronous(*args, **kwargs)
            except Exception as error:
                _translate(error)
    else:

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except Exception as error:
                _translate(error)

    return wrapped  # type: ignore[return-value]


def _translate(error: Exception) -> NoReturn:
    if isinstance(error, ToolError):
        raise error
    if isinstance(error, AdvisorError):
        raise ToolError(str(error)) from None
    logging.getLogger("advisor_mcp").exception("a tool failed")
    raise ToolError(
        f"This tool failed with {type(error).__name__}, which is a defect of the server, not of your request. "
        "The server's log on stderr has the details."
    ) from None
