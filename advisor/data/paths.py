"""The files that data is read from: where they may lie, which links are followed, and how large they may be."""

import os
import pathlib
from collections.abc import Iterator

from advisor.errors import AdvisorError, nearest

MAX_FILE_BYTES = 4 * 2**30
MAX_FILES = 500_000
OFFERED_NAMES = 8


def locate(path: str, workspace: pathlib.Path | None) -> pathlib.Path:
    """The file or folder that `path` names, with all links resolved.

    A relative path starts in the workspace, in the current folder where there is none, and may not lead out of it. An
    absolute path is taken as it is: whoever accepts specs from others checks `DataSpec.paths` first.

    Raises:
        AdvisorError: it leads out of the workspace or does not exist.
    """
    root = (workspace or pathlib.Path.cwd()).resolve()
    found = (root / path).resolve()
    if not pathlib.PurePath(path).is_absolute() and not found.is_relative_to(root):
        raise AdvisorError(
            f"The path {path!r} leads out of the workspace {str(root)!r}; move the data inside, or give an absolute "
            "path."
        )
    if not found.exists():
        parent = found.parent
        names = sorted(entry.name for entry in parent.iterdir())[:1000] if parent.is_dir() else []
        offer = ", ".join(nearest(found.name, names)[:OFFERED_NAMES])
        where = f"; {str(parent)!r} holds, nearest first: {offer}" if offer else ""
        raise AdvisorError(f"There is no file or folder {path!r} (looked for {str(found)!r}){where}.")
    return found


def require_file(path: pathlib.Path, limit: int = MAX_FILE_BYTES) -> pathlib.Path:
    """The path, which is a plain file of at most `limit` bytes.

    Raises:
        AdvisorError: it is none.
    """
    if not path.is_file():
        raise AdvisorError(f"{str(path)!r} is not a file; give the file itself.")
    size = path.stat().st_size
    if size > limit:
        raise AdvisorError(f"{str(path)!r} holds {size} bytes, more than {limit}; give a smaller part of it.")
    if size == 0:
        raise AdvisorError(f"{str(path)!r} is empty; check how it was written.")
    return path


class Walk:
    """Files below a folder in the order of their names. Links that lead out of `allowed` are counted, not followed."""

    def __init__(self, *allowed: pathlib.Path) -> None:
        self.allowed = tuple(path.resolve() for path in allowed)
        self.links: list[pathlib.Path] = []  # those not followed
        self.seen = 0

    def folders(self, folder: pathlib.Path) -> list[pathlib.Path]:
        """The folders directly inside that are not hidden."""
        return [path for path in self._entries(folder) if path.is_dir()]

    def files(self, folder: pathlib.Path) -> Iterator[pathlib.Path]:
        """All files below that are not hidden.

        Raises:
            AdvisorError: there are too many.
        """
        for path in self._entries(folder):
            if path.is_dir():
                if not path.is_symlink():  # a linked folder inside could lead round in a circle
                    yield from self.files(path)
                else:
                    self.links.append(path)
            elif path.is_file():
                self.seen += 1
                if self.seen > MAX_FILES:
                    raise AdvisorError(f"{str(folder)!r} and its neighbours hold more than {MAX_FILES} files.")
                yield path

    def _entries(self, folder: pathlib.Path) -> list[pathlib.Path]:
        found = []
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                path = pathlib.Path(entry.path)
                if entry.name.startswith("."):
                    continue
                if entry.is_symlink() and not self._inside(path.resolve()):
                    self.links.append(path)
                    continue
                found.append(path)
        return found

    def _inside(self, path: pathlib.Path) -> bool:
        return any(path.is_relative_to(root) for root in self.allowed)
