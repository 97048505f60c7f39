"""What both forms of a spec share: names of arms, blocks, durations, and the bounds of each."""

import re
from collections.abc import Collection
from typing import Any, Literal

from pydantic import Field

from advisor.contract import Frozen

MAX_ARMS = 32


class Blocks(Frozen):
    """What is fixed before the first run, whatever a run is."""

    alpha: float = Field(0.05, gt=0, lt=0.5)
    max_blocks: int | None = Field(
        None, ge=2, le=200, description="blocks at most; by the kind where not given: 20 for verify"
    )
    looks: Literal["each_block", "last"] = Field(
        "each_block", description="each_block: an arm ends as soon as it is settled; last: all arms run all blocks"
    )
    seed: int = Field(0, ge=0, lt=2**31)
    first_block: int = Field(
        0, ge=0, lt=2**20, description="where blocks are counted from; another one gives new blocks"
    )


def parse_duration(text: str, name: str = "budget") -> float:
    """Seconds from "90s", "3m", "1.5h" or "45"."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|m|h)?\s*", text)
    seconds = float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2] or "s"] if found else 0.0
    if not 0 < seconds <= 7 * 24 * 3600:
        raise ValueError(f"{name} {text!r} is not a duration of at most 7 days; write it like 90s, 10m or 2h")
    return seconds


def duration_text(value: Any, name: str = "budget") -> str:
    """A duration as it is kept in a spec: text, a plain number counting seconds."""
    text = f"{value}s" if isinstance(value, (int, float)) else str(value)
    parse_duration(text, name)
    return text


def check_arm_names(names: Collection[str], *, aa: bool, needed: bool = True) -> None:
    """Refuse no arms, too many, or names that cannot be shown and filed.

    Raises:
        ValueError: as pydantic expects it.
    """
    if not names and needed and not aa:
        raise ValueError("arms is empty; name at least one change to compare with the baseline, or set aa: true")
    if len(names) > MAX_ARMS:
        raise ValueError(f"{len(names)} arms are more than {MAX_ARMS}; compare fewer at once")
    for name in names:
        if name == "baseline" or not re.fullmatch(r"[A-Za-z0-9_.+-]{1,64}", name):
            raise ValueError(
                f"arm name {name!r} is not allowed; use letters, digits, '_', '.', '+' or '-', and not 'baseline'"
            )
