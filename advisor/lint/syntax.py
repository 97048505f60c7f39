"""Questions about Python syntax that several checks ask: arguments, constants, assignments, words in names."""

import ast
import re

from advisor.lint.base import Script

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


def argument(call: ast.Call, name: str, position: int | None = None) -> ast.expr | None:
    """The argument given by keyword, or else by position; None where it is not given or hidden behind a star."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    if position is not None and len(call.args) > position:
        before = call.args[: position + 1]
        if not any(isinstance(value, ast.Starred) for value in before):
            return call.args[position]
    return None


def has_hidden_arguments(call: ast.Call) -> bool:
    """Whether `*args` or `**kwargs` may carry anything."""
    return any(keyword.arg is None for keyword in call.keywords) or any(isinstance(a, ast.Starred) for a in call.args)


def number(script: Script, node: ast.expr | None) -> float | None:
    """A number written out, or a name or `args.name` whose only value in the file is one; else None."""
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        return float(node.value)
    if isinstance(node, ast.Name):
        values = assigned(script, node.id)
        return number(script, values[0]) if len(values) == 1 and isinstance(values[0], ast.Constant) else None
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return _parser_default(script, node.attr)
    return None


def assigned(script: Script, name: str) -> list[ast.expr]:
    """Every value that is assigned to a plain name anywhere in the file."""
    values: list[ast.expr] = []
    for node in script.nodes:
        if isinstance(node, ast.Assign):
            values += [node.value for target in node.targets if isinstance(target, ast.Name) and target.id == name]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
            values += [node.value] if node.value is not None else []
    return values


def target_names(script: Script, value: ast.AST) -> list[str]:
    """The names that the statement around `value` assigns to, and the dictionary keys on the way there."""
    names: list[str] = []
    node: ast.AST | None = value
    while node is not None and not isinstance(node, ast.stmt):
        parent = script.parents.get(node)
        if isinstance(parent, ast.Dict):
            names += [
                str(key.value)
                for key, item in zip(parent.keys, parent.values, strict=True)
                if item is node and isinstance(key, ast.Constant)
            ]
        elif isinstance(parent, ast.keyword) and parent.arg:
            names.append(parent.arg)
        node = parent
    if names:
        return names  # the nearest label wins over the name of the whole container
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [name for target in targets for name in _spelled(target)]


def words(name: str) -> set[str]:
    """The words of an identifier or a path, in lower case: "valDataset_2" is {"val", "dataset", "2"}."""
    return {word.lower() for word in _WORDS.findall(name)}


def strings(node: ast.AST) -> list[str]:
    """Every string written inside an expression."""
    return [n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)]


def _spelled(target: ast.expr) -> list[str]:
    if isinstance(target, ast.Name):
        return [target.id]
    if isinstance(target, ast.Attribute):
        return [target.attr]
    if isinstance(target, ast.Subscript):
        return strings(target.slice) or _spelled(target.value)
    return []


def _parser_default(script: Script, attribute: str) -> float | None:
    for call in script.calls:
        if isinstance(call.func, ast.Attribute) and call.func.attr == "add_argument":
            flags = [text.lstrip("-").replace("-", "_") for a in call.args for text in strings(a)]
            default = argument(call, "default")
            if attribute in flags and isinstance(default, ast.Constant):
                return float(default.value) if isinstance(default.value, (int, float)) else None
    return None
