"""A lint finding: where, what, why, and, where it is safe, a patch."""

from typing import Literal

from advisor.contract import Frozen


class LintFinding(Frozen):
    """One violation of a rule. Lines count from 1; `patch` is a unified diff that still parses when applied."""

    rule_id: str
    severity: Literal["error", "warning", "info"]
    path: str
    line: int
    end_line: int
    message: str
    why: str
    source: str
    patch: str | None = None
