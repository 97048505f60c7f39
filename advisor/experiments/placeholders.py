"""Placeholders of a command: `{seed}`, `{weight_decay}`. Values become arguments as they are; no shell sees them.

Where the command itself starts a shell with `-c`, the text behind it is a script: there values are quoted.
`${NAME}` belongs to the shell and stays, `{{` and `}}` are braces.
"""

import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import PurePath

from advisor.errors import AdvisorError, nearest

GIVEN = ("seed", "run_dir", "workspace")  # what every run has beside the arm's values
_PATTERN = re.compile(r"\{\{|\}\}|(?<!\$)\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SHELLS = frozenset({"sh", "bash", "zsh", "dash", "ksh"})
_OPERATORS = frozenset({"&&", "||", "|", ";", "&", ">", ">>", "<", "2>&1", "2>", "&>"})


def names_in(text: str) -> set[str]:
    """The placeholders that `text` uses."""
    return {found[1] for found in _PATTERN.finditer(text) if found[1]}


def fill(text: str, values: Mapping[str, str], what: str, quote: Callable[[str], str] = str) -> str:
    """`text` with its placeholders filled.

    Raises:
        AdvisorError: a placeholder that has no value, with those that have, nearest first.
    """

    def value(found: "re.Match[str]") -> str:
        name = found[1]
        if name is None:
            return found[0][0]
        if name not in values:
            known = ", ".join(nearest(name, values))
            raise AdvisorError(f"{what} uses {{{name}}}, which has no value; known, nearest first: {known}.")
        return quote(values[name])

    return _PATTERN.sub(value, text)


def split_command(command: str) -> list[str]:
    """The words of the command, as a shell would part them, with their placeholders.

    Raises:
        ValueError: a quotation without its end, nothing at all, or what only a shell understands.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ValueError(f"command {command!r} cannot be parted into words: {error}") from None
    if not words:
        raise ValueError("command is empty; write what starts your training, such as: python train.py --seed {seed}")
    if re.match(r"[A-Za-z_]\w*=", words[0]):
        raise ValueError(f"command begins with {words[0]!r}, which only a shell understands; put it under environment")
    if operator := _operator(command):
        raise ValueError(
            f"command uses {operator!r}, and no shell is started; quote the whole for one, sh -c '... {{seed}} ...', "
            "or set cwd to the folder to run in"
        )
    return words


def _operator(command: str) -> str:
    """The first word that means something to a shell alone, "" where there is none or it is quoted."""
    try:
        words = shlex.split(command, posix=False)  # which keeps the quotes
    except ValueError:
        return ""
    return next((word for word in words if word in _OPERATORS or word.endswith(";")), "")


def arguments(command: str, values: Mapping[str, str], what: str) -> list[str]:
    """The arguments to start, each placeholder filled.

    Raises:
        AdvisorError: as for `fill`.
    """
    words = split_command(command)
    script = _shell_script(words)
    return [fill(word, values, what, shlex.quote if index == script else str) for index, word in enumerate(words)]


def _shell_script(words: list[str]) -> int | None:
    """The index of the word that a shell will read as its script, or None."""
    if PurePath(words[0]).name not in _SHELLS:
        return None
    for index, word in enumerate(words[1:-1], 1):
        if not word.startswith("-"):
            return None
        if not word.startswith("--") and word.endswith("c"):
            return index + 1
    return None
