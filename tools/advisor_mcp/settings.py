"""What the person who started the server allows: folders to read, and whether user code may run."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlparse

from mcp.server.mcpserver import Context, ListRoots, Resolve
from mcp.types import ListRootsResult

from advisor.errors import AdvisorError


@dataclass(frozen=True)
class Settings:
    """`roots` are the folders that may be read; empty means the client's, or the server's own folder."""

    roots: tuple[Path, ...] = ()
    allow_code: bool = False

    def lifespan(self) -> Callable[[Any], AbstractAsyncContextManager["Settings"]]:
        """A lifespan that hands these settings to every tool."""

        @asynccontextmanager
        async def hand_out(_: Any) -> AsyncIterator["Settings"]:
            yield self

        return hand_out


def settings_of(context: Context[Any, Any]) -> Settings:
    """The settings of the server that serves this request."""
    settings: Settings = context.request_context.lifespan_context
    return settings


async def _client_roots(context: Context) -> ListRoots | ListRootsResult:
    """Ask the client for its roots, unless the server has its own or the client offers none."""
    capabilities = context.client_capabilities
    if settings_of(context).roots or capabilities is None or capabilities.roots is None:
        return ListRootsResult(roots=[])
    return ListRoots()


# A tool parameter of this type is filled by the server and is not part of the tool's schema.
ClientRoots = Annotated[ListRootsResult, Resolve(_client_roots)]


def allowed_roots(context: Context[Any, Any], client: ListRootsResult) -> list[Path]:
    """The folders that this request may read."""
    offered = [Path(unquote(urlparse(str(root.uri)).path)) for root in client.roots]
    return [root.resolve() for root in (*settings_of(context).roots, *offered)] or [Path.cwd().resolve()]


def allowed_path(path: str, context: Context[Any, Any], client: ListRootsResult) -> Path:
    """`path` with links followed, if it lies under an allowed root. Relative paths start at the first root.

    Raises:
        AdvisorError: it does not.
    """
    roots = allowed_roots(context, client)
    try:
        resolved = (roots[0] / Path(path).expanduser()).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise AdvisorError(f"{path!r} is not a usable path: {error}.") from None
    if not any(resolved.is_relative_to(root) for root in roots):
        raise AdvisorError(
            f"{path!r} is outside the folders that this server may read ({', '.join(map(str, roots))}); "
            "start it with --root FOLDER to allow another."
        )
    return resolved
