"""Weight decay given to all parameters of a model with normalization layers, scales and biases included."""

import ast
import re
from collections.abc import Iterator

from advisor.lint.base import Script, Severity, finding, script_check
from advisor.lint.model import LintFinding
from advisor.lint.patches import replace_span
from advisor.lint.syntax import argument, assigned, has_hidden_arguments, number, strings

RULE = "weight-decay-exclude-norms"
# Optimizer -> (position of weight_decay, its default).
OPTIMIZERS = {"AdamW": (4, 0.01), "Adam": (4, 0.0), "NAdam": (4, 0.0), "SGD": (4, 0.0), "RMSprop": (4, 0.0)}
NORMALIZATIONS = re.compile(r"^(Lazy)?(Sync)?(Batch|Layer|Group|Instance|RMS)Norm([123]d)?$")
MODEL_LIBRARIES = ("torchvision.models", "timm", "segmentation_models_pytorch", "transformers")
NORMALIZED_FAMILIES = re.compile(
    r"(resnet|resnext|densenet|mobilenet|efficientnet|convnext|shufflenet|mnasnet|regnet|inception|vgg\d+_bn|googlenet"
    r"|vit_|deit|swin|bert|gpt|automodel|unet)",
    re.IGNORECASE,
)
FAMILY_NAME = re.compile(r"^(resne[tx]t?|wide_?resnet|densenet|mobilenet|efficientnet|convnext)[\dvV_]", re.IGNORECASE)


@script_check(RULE)
def check(script: Script) -> Iterator[LintFinding]:
    """Every optimizer that decays all parameters of a model that is known to have normalization layers."""
    classes = {node.name: node for node in script.nodes if isinstance(node, ast.ClassDef)}
    for call in script.calls:
        optimizer = _optimizer(script, call)
        model = _all_parameters_of(script, argument(call, "params", 0)) if optimizer else None
        if optimizer is None or model is None:
            continue
        written = argument(call, "weight_decay", OPTIMIZERS[optimizer][0])
        if written is None and has_hidden_arguments(call):
            continue
        decay = OPTIMIZERS[optimizer][1] if written is None else number(script, written)
        if not decay or decay <= 0 or not _has_normalization(script, model, classes):
            continue
        severity: Severity = "warning" if optimizer == "AdamW" and written is not None else "info"
        origin = "" if written is not None else " (the default of AdamW)"
        yield finding(
            RULE,
            severity,
            script.path,
            f"{optimizer} decays every parameter with weight_decay = {decay:g}{origin}, normalization and biases "
            "included; give them a parameter group of their own with weight_decay = 0.",
            node=call,
            patch=_patch(script, call),
        )


def _optimizer(script: Script, call: ast.Call) -> str | None:
    root, _, name = script.dotted(call.func).rpartition(".")
    return name if name in OPTIMIZERS and root in {"torch.optim", "transformers", "torch.optim.adamw"} else None


def _all_parameters_of(script: Script, params: ast.expr | None, depth: int = 0) -> ast.expr | None:
    """The model whose whole `parameters()` this expression gives, filters seen through; None for anything else."""
    if params is None or depth > 3:
        return None
    if isinstance(params, ast.Call):
        if isinstance(params.func, ast.Attribute) and params.func.attr == "parameters" and not params.args:
            model = params.func.value
            plain = isinstance(model, ast.Name) or (
                isinstance(model, ast.Attribute) and isinstance(model.value, ast.Name) and model.value.id == "self"
            )
            return model if plain else None  # model.head.parameters() is a part, and the part may have no norms
        if isinstance(params.func, ast.Name) and params.func.id in {"filter", "list", "iter"} and params.args:
            kept_by_grad = params.func.id != "filter" or "requires_grad" in ast.unparse(params.args[0])
            return _all_parameters_of(script, params.args[-1], depth + 1) if kept_by_grad else None
        return None
    if isinstance(params, (ast.ListComp, ast.GeneratorExp)) and len(params.generators) == 1:
        tests = params.generators[0].ifs
        if all("requires_grad" in ast.unparse(test) for test in tests):
            return _all_parameters_of(script, params.generators[0].iter, depth + 1)
        return None
    if isinstance(params, ast.Name):
        values = assigned(script, params.id)
        return _all_parameters_of(script, values[0], depth + 1) if len(values) == 1 else None
    return None


def _has_normalization(script: Script, model: ast.expr, classes: dict[str, ast.ClassDef]) -> bool:
    """Whether the model is known to normalize: by its class in this file, by its library, or by all of the file."""
    if isinstance(model, ast.Name) and model.id == "self":
        around = script.enclosing(model, ast.ClassDef)
        return isinstance(around, ast.ClassDef) and _uses_norms(script, around, classes)
    values = assigned(script, model.id) if isinstance(model, ast.Name) else _assigned_attribute(script, model)
    builds = [value for value in values if isinstance(value, ast.Call)]
    sources = [build for build in builds if not _wraps(build, model)]
    if not sources:
        # A parameter or a stranger: only a file whose every network normalizes settles it.
        networks = [node for node in classes.values() if _is_network(script, node)]
        return bool(networks) and all(_uses_norms(script, node, classes) for node in networks)
    added = _added_later(script, ast.unparse(model))
    return any(_builds_norms(script, source, classes) for source in sources) or any(
        _uses_norms(script, part, classes) for part in added
    )


def _added_later(script: Script, model: str) -> list[ast.AST]:
    """What is put into a model after it is built: model.add_module("norm", ...), model.fc = ..."""
    changes: list[ast.AST] = [
        call
        for call in script.calls
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in {"add_module", "append"}
        and ast.unparse(call.func.value) == model
    ]
    for node in script.nodes:
        if isinstance(node, ast.Assign) and any(ast.unparse(t).startswith(f"{model}.") for t in node.targets):
            changes.append(node.value)
    return changes


def _builds_norms(script: Script, build: ast.Call, classes: dict[str, ast.ClassDef]) -> bool:
    if isinstance(build.func, ast.Name) and build.func.id not in classes:
        functions = [n for n in script.nodes if isinstance(n, ast.FunctionDef) and n.name == build.func.id]
        if functions:
            return _uses_norms(script, functions[0], classes)
    return _uses_norms(script, build, classes)


def _uses_norms(script: Script, root: ast.AST, classes: dict[str, ast.ClassDef]) -> bool:
    """Whether the code under `root`, or a class of this file that it names, builds a normalization layer."""
    waiting, seen = [root], set()
    while waiting:
        for node in ast.walk(waiting.pop()):
            if isinstance(node, ast.Call) and (_is_norm(script, node) or _is_normalized_model(script, node)):
                return True
            if isinstance(node, ast.Name) and node.id in classes and node.id not in seen:
                seen.add(node.id)
                waiting.append(classes[node.id])
    return False


def _is_normalized_model(script: Script, call: ast.Call) -> bool:
    """A model of a family that normalizes: torchvision.models.resnet18(), timm.create_model(...), ResNet18()."""
    name = script.dotted(call.func)
    if not name.startswith(MODEL_LIBRARIES):
        # Whoever calls a class ResNet18, in whatever module, builds what the paper describes.
        return bool(FAMILY_NAME.match(name.rpartition(".")[2]))
    texts = [text for value in call.args[:1] for text in strings(value)]
    if name == "timm.create_model" and not texts:
        return True  # a name chosen at run time: nearly all of that library's models normalize
    return bool(NORMALIZED_FAMILIES.search(" ".join([name, *texts])))


def _is_norm(script: Script, call: ast.Call) -> bool:
    name = script.dotted(call.func)
    return name.startswith("torch.") and bool(NORMALIZATIONS.match(name.rpartition(".")[2]))


def _is_network(script: Script, node: ast.ClassDef) -> bool:
    return any(script.dotted(base).endswith(("Module", "Sequential")) for base in node.bases)


def _assigned_attribute(script: Script, model: ast.expr) -> list[ast.expr]:
    text = ast.unparse(model)
    return [
        node.value
        for node in script.nodes
        if isinstance(node, ast.Assign) and any(ast.unparse(target) == text for target in node.targets)
    ]


def _wraps(build: ast.Call, model: ast.expr) -> bool:
    """Whether the call only passes the model on: model = model.to(device), model = DataParallel(model)."""
    text = ast.unparse(model)
    return any(ast.unparse(node) == text for node in ast.walk(build) if isinstance(node, (ast.Name, ast.Attribute)))


def _patch(script: Script, call: ast.Call) -> str | None:
    """Two parameter groups in place of `model.parameters()`; not where code counts on there being one group."""
    params = argument(call, "params", 0)
    if not (isinstance(params, ast.Call) and isinstance(params.func, ast.Attribute)) or "param_groups" in script.text:
        return None
    source = ast.unparse(params)
    groups = (
        f'[{{"params": [p for p in {source} if p.ndim > 1]}}, '
        f'{{"params": [p for p in {source} if p.ndim <= 1], "weight_decay": 0.0}}]'
    )
    return replace_span(script.path, script.text, params, groups)
