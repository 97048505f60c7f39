"""Libraries that only some kinds of files need: what to say, and which command to name, where one is missing."""

from __future__ import annotations

import importlib.metadata
import sys

from advisor.errors import AdvisorError

DISTRIBUTION = "regularization-advisor"
# The extra of our own distribution that brings all of them.
EXTRA = "data"


def missing_library(library: str, purpose: str) -> AdvisorError:
    """The error for what needs a library that this interpreter does not have. `purpose` begins the sentence."""
    return AdvisorError(f"{purpose} needs {library}; install it with: {install_command(library)}")


def install_command(library: str) -> str:
    """The pip command that mends it: our extra where we are installed, else the library alone for this interpreter.

    The interpreter that trains may be the user's own, which is lent our code and does not have us installed.
    """
    try:
        importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return f"{sys.executable} -m pip install {library}"
    return f"pip install '{DISTRIBUTION}[{EXTRA}]'"
