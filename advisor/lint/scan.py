"""Finding and reading what is to be linted: one file or a folder, with caps; nothing is executed."""

import ast
import json
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from advisor.errors import AdvisorError
from advisor.lint.base import CONFIG_CHECKS, SCRIPT_CHECKS, SEVERITIES, Config, KeyPath, Script, finding
from advisor.lint.configs import is_recipe, is_spec
from advisor.lint.model import LintFinding

MAX_BYTES = 2_000_000
MAX_FILES = 2_000
MAX_DEPTH = 100  # of nesting in a config
SCRIPTS = frozenset({".py"})
CONFIGS = frozenset({".yaml", ".yml", ".json"})
SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules", "site-packages", "venv", "build", "dist"})
UNREADABLE = "unreadable-file"
NOTEBOOK_LINE = re.compile(r"^([ \t]*)[!%][^\r\n]*", re.MULTILINE)


def lint(path: str | os.PathLike[str]) -> list[LintFinding]:
    """Findings in a script, a config, or all of them under a folder; scripts are parsed and never executed.

    A folder skips hidden folders, installed packages, links, and YAML or JSON that is neither a spec nor a recipe.

    Raises:
        AdvisorError: nothing there, nothing to lint, or a single file that is binary, empty, too large or of a form
            that lint does not know.
    """
    place = Path(path).expanduser()
    if place.is_dir():
        return _lint_folder(place)
    if place.suffix.lower() not in SCRIPTS | CONFIGS and place.is_file():
        kinds = ", ".join(sorted(SCRIPTS | CONFIGS))
        raise AdvisorError(f"Cannot lint {str(place)!r}: lint knows {kinds} files and folders of them.")
    return _sorted(_lint_file(place, str(path), must_be_ours=True))


def lint_config(value: dict[str, Any], path: str = "<spec>") -> list[LintFinding]:
    """Findings in a spec or a recipe given as plain data.

    Raises:
        AdvisorError: it is neither.
    """
    return _sorted(_check_config(Config(path, _known_form(value, path), lambda key: 1)))


def _lint_folder(folder: Path) -> list[LintFinding]:
    files = list(_walk(folder))
    if not files:
        kinds = ", ".join(sorted(SCRIPTS | CONFIGS))
        raise AdvisorError(f"Nothing to lint in {str(folder)!r}: no {kinds} file was found there.")
    if len(files) > MAX_FILES:
        raise AdvisorError(f"{str(folder)!r} has more than {MAX_FILES} files to lint; name a smaller folder.")
    findings: list[LintFinding] = []
    for file in files:
        name = file.relative_to(folder).as_posix()
        try:
            findings += _lint_file(file, name, must_be_ours=False)
        except AdvisorError as error:
            findings.append(finding(UNREADABLE, "warning", name, f"Not checked: {error}"))
    return _sorted(findings)


def _walk(folder: Path) -> Iterator[Path]:
    count = 0
    for root, folders, names in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS and not name.startswith("."))
        for name in sorted(names):
            file = Path(root, name)
            if file.suffix.lower() in SCRIPTS | CONFIGS and not file.is_symlink() and file.is_file():
                count += 1
                yield file
                if count > MAX_FILES:
                    return


def _lint_file(file: Path, name: str, *, must_be_ours: bool) -> list[LintFinding]:
    if file.suffix.lower() in SCRIPTS:
        text = _read(file, allow_empty=not must_be_ours)
        return _check_script(name, text)
    text = _read(file, allow_empty=not must_be_ours)
    try:
        value = json.loads(text) if file.suffix.lower() == ".json" else yaml.safe_load(text)
        known = isinstance(value, dict) and (is_spec(value) or is_recipe(value))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        return [_unreadable(name, line, f"not valid YAML: {getattr(error, 'problem', error)}")] if must_be_ours else []
    except json.JSONDecodeError as error:
        return [_unreadable(name, error.lineno, f"not valid JSON: {error.msg}")] if must_be_ours else []
    except (RecursionError, ValueError) as error:
        return [_unreadable(name, 1, f"cannot be read: {error}")] if must_be_ours else []
    if not known and not must_be_ours:
        return []
    lines = _line_numbers(text)
    return _check_config(Config(name, _known_form(value, name), lambda key: _nearest_line(lines, key)))


def _read(file: Path, *, allow_empty: bool) -> str:
    try:
        size = file.stat().st_size
        if size > MAX_BYTES:
            raise AdvisorError(
                f"Cannot lint {str(file)!r}: {size:,} bytes are more than {MAX_BYTES:,}; lint a smaller file."
            )
        data = file.read_bytes()
    except OSError as error:
        raise AdvisorError(f"Cannot read {str(file)!r}: {error.strerror or error}; check the path.") from None
    if b"\0" in data:
        raise AdvisorError(f"Cannot lint {str(file)!r}: it is binary; give a Python script, YAML or JSON as text.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise AdvisorError(f"Cannot lint {str(file)!r}: byte {error.start} is not UTF-8; save it as UTF-8.") from None
    if not text.strip() and not allow_empty:
        raise AdvisorError(f"Cannot lint {str(file)!r}: it is empty; give a script, a spec or a recipe.")
    return text


def _check_script(name: str, text: str) -> list[LintFinding]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # the script's own invalid escapes are not our matter
            script = Script(name, text, _parse(text))
        return [found for check in SCRIPT_CHECKS.values() for found in check(script)]
    except SyntaxError as error:
        line = error.lineno or 1
        return [_unreadable(name, line, f"it does not parse: {error.msg}")]
    except (RecursionError, MemoryError):
        return [_unreadable(name, 1, "it is nested too deeply to be parsed")]


def _parse(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError:
        # Exported notebooks keep their shell and magic lines; a `pass` in each one's place keeps every other line.
        plain = NOTEBOOK_LINE.sub(r"\1pass", text)
        if plain == text:
            raise
        return ast.parse(plain)


def _check_config(config: Config) -> list[LintFinding]:
    return [found for check in CONFIG_CHECKS.values() for found in check(config)]


def _known_form(value: Any, name: str) -> dict[str, Any]:
    if isinstance(value, dict) and (is_spec(value) or is_recipe(value)):
        return value
    shown = f"the keys {', '.join(map(repr, list(value)[:6]))}" if isinstance(value, dict) else type(value).__name__
    raise AdvisorError(
        f"{name!r} is neither a spec (baseline, arms) nor a recipe (task, steps): it has {shown}. Nothing was checked."
    )


def _unreadable(name: str, line: int, why: str) -> LintFinding:
    return finding(UNREADABLE, "error", name, f"Not checked: {why} (line {line}).", line=max(1, line))


def _line_numbers(text: str) -> dict[KeyPath, int]:
    """Where each key of a YAML or JSON document stands, counted from 1; empty where that cannot be told."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return {}
    lines: dict[KeyPath, int] = {}
    waiting: list[tuple[yaml.Node | None, KeyPath]] = [(root, ())]
    while waiting:
        node, path = waiting.pop()
        if isinstance(node, yaml.MappingNode) and len(path) < MAX_DEPTH:
            for key, item in node.value:
                here = (*path, str(key.value))
                lines.setdefault(here, key.start_mark.line + 1)
                waiting.append((item, here))
    return lines


def _nearest_line(lines: dict[KeyPath, int], key: KeyPath) -> int:
    while key and key not in lines:
        key = key[:-1]
    return lines.get(key, 1)


def _sorted(findings: list[LintFinding]) -> list[LintFinding]:
    return sorted(findings, key=lambda found: (found.path, found.line, SEVERITIES.index(found.severity), found.rule_id))
