"""Files that are generated and committed: how they are written, and how a stale one is noticed."""

import argparse
import sys
from collections.abc import Callable, Sequence

from advisor.errors import AdvisorError


def run(
    module: str, write: Callable[[], Sequence[object]], stale: Callable[[], list[str]], arguments: list[str] | None
) -> int:
    """The command line of a generator: write the files, or with --check fail where they are stale."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description="Write the generated files.")
    parser.add_argument("--check", action="store_true", help="fail where the written files are stale")
    try:
        if not parser.parse_args(arguments).check:
            print(f"wrote {len(write())} files")
            return 0
        outdated = stale()
    except AdvisorError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    if outdated:
        print(f"stale: {', '.join(outdated)}; run python -m {module}", file=sys.stderr)
    return 1 if outdated else 0
