"""The README's pinned examples: run them, compare, or write what they print.

python -m tests.readme --write
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PINNED = re.compile(r"(<!-- pinned -->\n```console\n\$ (?P<command>[^\n]+)\n)(?P<output>.*?)(```\n)", re.DOTALL)


def examples(text: str) -> list[tuple[str, str]]:
    """Every pinned command with the output that the text shows."""
    return [(match["command"], match["output"]) for match in PINNED.finditer(text)]


def run(command: str) -> str:
    """What a `regadvisor` command prints, run in the repository's root."""
    name, *arguments = shlex.split(command)
    assert name == "regadvisor", command
    done = subprocess.run(
        [sys.executable, "-m", "advisor.cli", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout


def rewritten(text: str) -> str:
    """The text with every pinned output as it is now."""
    return PINNED.sub(lambda match: match[1] + run(match["command"]) + match[4], text)


if __name__ == "__main__":
    readme = ROOT / "README.md"
    fresh = rewritten(readme.read_text(encoding="utf-8"))
    if "--write" in sys.argv:
        readme.write_text(fresh, encoding="utf-8")
    sys.exit(fresh != readme.read_text(encoding="utf-8"))
