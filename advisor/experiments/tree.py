"""The files that decide what a command does: tracked and untracked ones that git does not ignore, or all of a folder.

A manifest maps each path to the SHA-256 of its content. Copies of the tree, for patched arms, hold these files;
what git ignores (data, environments) is linked, so that the script finds it.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from advisor.contract import content_id
from advisor.errors import AdvisorError

MAX_FILES = 5000
MAX_BYTES = 1 << 29
_SKIPPED = frozenset({".git", ".hg", ".venv", "venv", "node_modules", "__pycache__", ".mypy_cache", ".pytest_cache"})


def manifest(workspace: Path, without: Path) -> dict[str, str] | None:
    """Path -> SHA-256 of every file; None where they are too many or too large to be known.

    `without` is the folder of our own records, which may lie in the workspace and changes all the time.
    """
    found: dict[str, str] = {}
    total = 0
    for name in names(workspace, without):
        path = workspace / name
        try:
            if path.is_symlink():
                found[name] = hashlib.sha256(os.readlink(path).encode()).hexdigest()
                continue
            if not path.is_file():
                continue
            total += path.stat().st_size
            if len(found) >= MAX_FILES or total > MAX_BYTES:
                return None
            found[name] = hash_file(path)
        except OSError:
            return None
    return found


def names(workspace: Path, without: Path) -> list[str]:
    """The paths that a manifest would list."""
    paths = _with_git(workspace)
    if paths is None:
        paths = _walk(workspace)
    ours = f"{without.relative_to(workspace).as_posix()}/" if without.is_relative_to(workspace) else None
    return [
        name for name in paths
        if not _SKIPPED.intersection(name.split("/")) and not (ours and name.startswith(ours))
    ]  # fmt: skip


def fingerprint(files: Mapping[str, str]) -> str:
    """One digest of a manifest."""
    return content_id(dict(files))


def changed(files: Mapping[str, str], workspace: Path) -> list[str]:
    """The files of the manifest that are gone or have another content now."""
    return [name for name, digest in files.items() if _digest_now(workspace / name) != digest]


def copy_tree(files: Mapping[str, str], workspace: Path, target: Path, contents: Mapping[str, str | None]) -> None:
    """A copy at `target` with these contents in place of some files' own; ignored files and folders are linked.

    Raises:
        AdvisorError: it cannot be written.
    """
    partial = target.with_name(target.name + ".partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for name in files:
            (partial / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(workspace / name, partial / name, follow_symlinks=False)
        _link_rest(workspace, partial)
        for name, text in contents.items():
            path = partial / name
            path.unlink(missing_ok=True)
            if text is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(text.encode("utf-8", errors="surrogateescape"))
                if (workspace / name).exists():
                    shutil.copymode(workspace / name, path)
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise AdvisorError(f"Cannot copy the tree to {str(target)!r}: {reason}.", exit_status=1) from None


def hash_file(path: Path) -> str:
    """The SHA-256 of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


_known: dict[tuple[str, int, int], str] = {}  # (path, time of change, size) -> digest: a large tree is read once


def _digest_now(path: Path) -> str | None:
    try:
        if path.is_symlink():
            return hashlib.sha256(os.readlink(path).encode()).hexdigest()
        state = path.stat()
        key = (str(path), state.st_mtime_ns, state.st_size)
        if key not in _known:
            _known[key] = hash_file(path)
        return _known[key]
    except OSError:
        return None


def _with_git(workspace: Path) -> list[str] | None:
    """What git lists under the workspace; None without git or outside a repository."""
    try:
        done = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=workspace, capture_output=True, timeout=60, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return sorted({os.fsdecode(name) for name in done.stdout.split(b"\0") if name})


def _walk(workspace: Path) -> list[str]:
    found: list[str] = []
    for folder, folders, names in os.walk(workspace):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        found += [(Path(folder) / name).relative_to(workspace).as_posix() for name in sorted(names)]
        if len(found) > MAX_FILES:
            break
    return [name for name in found if not name.endswith(".pyc")]


def _link_rest(original: Path, copy: Path) -> None:
    """Link what the copy lacks, at the highest level that it lacks."""
    for entry in original.iterdir():
        if entry.name in {".git", "__pycache__"}:
            continue
        place = copy / entry.name
        if not place.exists() and not place.is_symlink():
            place.symlink_to(entry.resolve(), target_is_directory=entry.is_dir())
        elif place.is_dir() and entry.is_dir() and not place.is_symlink():
            _link_rest(entry, place)
