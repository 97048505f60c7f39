"""What our own measurements say about techniques and rules: read from evidence/*.json, where there is such a folder."""

import json
from pathlib import Path
from typing import Any

import advisor
from advisor.contract import Frozen

FOLDER = Path(advisor.__file__).resolve().parent.parent / "evidence"
MAX_BYTES = 5_000_000


class Measured(Frozen):
    """One result in words, with its numbers, and what it is about."""

    source: str  # evidence/NAME
    statement: str
    subjects: tuple[str, ...] = ()
    rule_ids: tuple[str, ...] = ()


def measured() -> list[Measured]:
    """Every statement of the written results: entries of "claims", each with "statement", "subjects", "rule_ids".

    A file that cannot be read or has no claims is passed over: results are an addition, never a condition.
    """
    found = []
    for path in sorted(FOLDER.glob("*.json")):
        for claim in _claims(path):
            statement = claim.get("statement") if isinstance(claim, dict) else None
            if isinstance(statement, str) and statement:
                found.append(
                    Measured(
                        source=f"evidence/{path.stem}",
                        statement=statement,
                        subjects=_names(claim.get("subjects")),
                        rule_ids=_names(claim.get("rule_ids")),
                    )
                )
    return found


def measured_about(*subjects: str) -> list[Measured]:
    """Results that speak about all of these techniques."""
    return [result for result in measured() if set(subjects) <= set(result.subjects)]


def _claims(path: Path) -> list[Any]:
    try:
        if path.stat().st_size > MAX_BYTES:
            return []
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    claims = content.get("claims") if isinstance(content, dict) else None
    return claims if isinstance(claims, list) else []


def _names(value: Any) -> tuple[str, ...]:
    return tuple(name for name in value if isinstance(name, str)) if isinstance(value, list) else ()
