"""Which code decides a run's result: the entry modules and the workspace modules that they import."""

import ast
import hashlib
from pathlib import Path

from advisor.experiments.spec import Spec

MAX_FILES = 500


def code_fingerprint(spec: Spec, workspace: Path) -> str | None:
    """SHA-256 over the source of the entry modules and everything of the workspace that they import.

    None where that cannot be determined (an entry outside the workspace, a file that does not parse, an import
    computed at run time): then nothing is reused.
    """
    waiting = [entry.split(":")[0] for entry in (spec.data.entry, spec.model.entry) if entry]
    seen: dict[str, bytes] = {}
    roots = set(waiting)
    while waiting:
        module = waiting.pop()
        path = _find(module, workspace)
        if path is None:
            if module in roots:
                return None
            continue
        key = path.relative_to(workspace).as_posix()
        if key in seen:
            continue
        try:
            seen[key] = path.read_bytes()
            imported = _imports(ast.parse(seen[key]), module, is_package=path.name == "__init__.py")
        except (OSError, SyntaxError, ValueError):
            return None
        if imported is None or len(seen) > MAX_FILES:
            return None
        waiting += imported
    digest = hashlib.sha256()
    for key in sorted(seen):
        digest.update(key.encode() + b"\0" + hashlib.sha256(seen[key]).digest())
    return digest.hexdigest()


def _find(module: str, workspace: Path) -> Path | None:
    base = workspace.joinpath(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def _imports(tree: ast.Module, module: str, *, is_package: bool) -> list[str] | None:
    """Modules that `tree` may import, with their parent packages; None where an import is computed at run time."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found |= {base} | {f"{base}.{alias.name}".lstrip(".") for alias in node.names}
        elif isinstance(node, ast.Call):
            function = ast.unparse(node.func)
            if function in {"__import__", "exec", "importlib.import_module", "import_module", "runpy.run_path"}:
                return None
    with_parents = {".".join(name.split(".")[:end]) for name in found for end in range(1, name.count(".") + 2)}
    return sorted(with_parents - {""})
