"""The registry of checks, and the two things they look at: a parsed script and a configuration."""

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from advisor.knowledge import find_rule
from advisor.lint.model import LintFinding

Severity = Literal["error", "warning", "info"]
KeyPath = tuple[str, ...]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True)
class Script:
    """A Python file, parsed and never executed."""

    path: str
    text: str
    tree: ast.Module

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of the tree, in breadth-first order."""
        return list(ast.walk(self.tree))

    @property
    def calls(self) -> list[ast.Call]:
        """Every call, by line."""
        found = [node for node in self.nodes if isinstance(node, ast.Call)]
        return sorted(found, key=lambda call: (call.lineno, call.col_offset))

    @cached_property
    def imports(self) -> dict[str, str]:
        """Local name -> dotted name that it was imported as."""
        names: dict[str, str] = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for item in node.names:
                    names[item.asname or item.name.split(".")[0]] = (
                        item.name if item.asname else item.name.split(".")[0]
                    )
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for item in node.names:
                    names[item.asname or item.name] = f"{node.module}.{item.name}"
        return names

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """Node -> the node that holds it."""
        return {child: node for node in self.nodes for child in ast.iter_child_nodes(node)}

    def dotted(self, node: ast.AST) -> str:
        """`nn.BatchNorm2d` as "torch.nn.BatchNorm2d", imports resolved; empty for anything but a chain of names."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([self.imports.get(node.id, node.id), *reversed(parts)])

    def enclosing(self, node: ast.AST, *kinds: type[ast.AST]) -> ast.AST | None:
        """The innermost node of these kinds around `node`, or None."""
        around = self.parents.get(node)
        while around is not None and not isinstance(around, kinds):
            around = self.parents.get(around)
        return around


@dataclass(frozen=True)
class Config:
    """A spec or a recipe as plain data; `line` finds where a key stands in its file."""

    path: str
    value: dict[str, Any]
    line: Callable[[KeyPath], int]


ScriptCheck = Callable[[Script], Iterable[LintFinding]]
ConfigCheck = Callable[[Config], Iterable[LintFinding]]
SCRIPT_CHECKS: dict[str, ScriptCheck] = {}
CONFIG_CHECKS: dict[str, ConfigCheck] = {}


def script_check(rule_id: str) -> Callable[[ScriptCheck], ScriptCheck]:
    """Register a check on Python scripts under the rule that it enforces."""

    def add(check: ScriptCheck) -> ScriptCheck:
        SCRIPT_CHECKS[rule_id] = check
        return check

    return add


def config_check(rule_id: str) -> Callable[[ConfigCheck], ConfigCheck]:
    """Register a check on configurations under the rule that it enforces."""

    def add(check: ConfigCheck) -> ConfigCheck:
        CONFIG_CHECKS[rule_id] = check
        return check

    return add


def finding(
    rule_id: str,
    severity: Severity,
    path: str,
    message: str,
    *,
    node: ast.AST | None = None,
    line: int = 1,
    patch: str | None = None,
) -> LintFinding:
    """A finding whose why and source are its rule's; its place is `node`'s, or `line`."""
    rule = find_rule(rule_id)
    first = getattr(node, "lineno", line)
    last = getattr(node, "end_lineno", None) or first
    return LintFinding(
        rule_id=rule_id, severity=severity, path=path, line=first, end_line=last, message=message,
        why=rule.claim, source=rule.source, patch=patch,
    )  # fmt: skip
