"""Writing files so that nothing is ever half-written."""

import contextlib
import os
import tempfile
from pathlib import Path

from advisor.errors import AdvisorError


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write beside `path`, then rename: readers see the old content or the new, never a part.

    Raises:
        AdvisorError: the folder is missing or cannot be written, or the disk is full; `path` is as it was.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        raise AdvisorError(
            f"Cannot write {str(path)!r}: {error.strerror or error} ({len(data)} bytes). Nothing was changed; "
            "free some space or choose another folder.",
            exit_status=1,
        ) from None
