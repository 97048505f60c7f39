"""Early stopping that ends with the last weights instead of the best: Keras, Lightning, transformers, and by hand."""

import ast
import re
from collections.abc import Iterator

from advisor.lint.base import Script, finding, script_check
from advisor.lint.model import LintFinding
from advisor.lint.patches import add_keyword
from advisor.lint.syntax import argument, has_hidden_arguments, words

RULE = "early-stopping-best-checkpoint"
KEEPS = re.compile(
    r"(save|ckpt|checkpoint|snapshot|deepcopy|state_dict|get_weights|get_params|dump|pickle|clone|copy|best)",
    re.IGNORECASE,
)
COUNTER_WORDS = frozenset(
    {"patience", "wait", "counter", "count", "improve", "improvement", "bad", "stop", "early", "es"}
)
KERAS = ("keras", "tensorflow", "tf")
LIGHTNING = ("pytorch_lightning", "lightning")


@script_check(RULE)
def check(script: Script) -> Iterator[LintFinding]:
    """Every early stop after which nothing brings the best weights back."""
    yield from _keras(script)
    yield from _lightning(script)
    yield from _transformers(script)
    yield from _by_hand(script)


def _named(script: Script, name: str, libraries: tuple[str, ...]) -> list[ast.Call]:
    found = []
    for call in script.calls:
        root, _, last = script.dotted(call.func).rpartition(".")
        if last == name and root.split(".")[0] in libraries:
            found.append(call)
    return found


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and bool(node.value)


def _keras(script: Script) -> Iterator[LintFinding]:
    checkpoints = _named(script, "ModelCheckpoint", KERAS)
    best_is_saved = any(
        has_hidden_arguments(call) or not _is_false_or_missing(argument(call, "save_best_only", 3))
        for call in checkpoints
    )
    if best_is_saved or _own_callback_keeps(script):
        return
    for call in _named(script, "EarlyStopping", KERAS):
        restore = argument(call, "restore_best_weights", 7)
        if has_hidden_arguments(call) or not _is_false_or_missing(restore):
            continue
        patch = add_keyword(script.path, script.text, call, "restore_best_weights=True") if restore is None else None
        yield finding(
            RULE,
            "warning",
            script.path,
            "EarlyStopping leaves the model with its last weights, `patience` epochs past the best; add "
            "restore_best_weights=True, or save them with ModelCheckpoint(save_best_only=True).",
            node=call,
            patch=patch,
        )


def _is_false_or_missing(node: ast.expr | None) -> bool:
    return node is None or (isinstance(node, ast.Constant) and not node.value)


def _own_callback_keeps(script: Script) -> bool:
    classes = [node for node in script.nodes if isinstance(node, ast.ClassDef)]
    return any("Callback" in ast.unparse(base) for node in classes for base in node.bases if _keeps(node))


def _lightning(script: Script) -> Iterator[LintFinding]:
    stops = _named(script, "EarlyStopping", LIGHTNING)
    for call in _named(script, "ModelCheckpoint", LIGHTNING):
        monitor = argument(call, "monitor", 2)
        given = monitor is not None and not (isinstance(monitor, ast.Constant) and monitor.value is None)
        if given or has_hidden_arguments(call):
            return
    for call in stops:
        yield finding(
            RULE,
            "warning",
            script.path,
            "EarlyStopping without ModelCheckpoint(monitor=...): the default checkpoint keeps the last epoch, not the "
            "best. Add one that monitors the same value, and load its best_model_path.",
            node=call,
        )


def _transformers(script: Script) -> Iterator[LintFinding]:
    settings = [
        call for call in script.calls if script.dotted(call.func).rpartition(".")[2].endswith("TrainingArguments")
    ]
    if not settings or any(has_hidden_arguments(call) for call in settings):
        return  # they come from elsewhere, and what they say cannot be seen here
    values = [argument(call, "load_best_model_at_end") for call in settings]
    if any(not _is_false_or_missing(value) for value in values) or "load_best_model_at_end = True" in script.text:
        return
    for call in _named(script, "EarlyStoppingCallback", ("transformers",)):
        yield finding(
            RULE,
            "error",
            script.path,
            "EarlyStoppingCallback needs load_best_model_at_end=True in TrainingArguments, with the same strategy for "
            "saving as for evaluation; else the last weights stay.",
            node=call,
        )


def _by_hand(script: Script) -> Iterator[LintFinding]:
    """A loop that breaks on a patience counter, in a file that nowhere keeps weights on a condition."""
    loops = [node for node in script.nodes if isinstance(node, (ast.For, ast.While))]
    stops = [stop for loop in loops for stop in _patience_breaks(loop)]
    if not stops or any(_keeps(node) for node in script.nodes if isinstance(node, (ast.If, ast.IfExp))):
        return
    if _saves_in_a_helper(script):
        return
    for stop in stops:
        yield finding(
            RULE,
            "warning",
            script.path,
            "The loop stops on patience, and nothing keeps the weights of the best epoch; copy model.state_dict() "
            "when the validation value improves, and load it after the loop.",
            node=stop,
        )


def _patience_breaks(loop: ast.For | ast.While) -> Iterator[ast.If]:
    """`if counter > patience: break`, where the loop itself counts the counter up."""
    counted = {
        ast.unparse(node.target)
        for node in ast.walk(loop)
        if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(loop):
        if not (isinstance(node, ast.If) and any(isinstance(item, ast.Break) for item in node.body)):
            continue
        names = {ast.unparse(part) for part in ast.walk(node.test) if isinstance(part, (ast.Name, ast.Attribute))}
        spoken = {word for name in names for word in words(name)}
        compares = isinstance(node.test, ast.Compare)
        if compares and names & counted and spoken & COUNTER_WORDS and "patience" in _spoken_nearby(loop, names):
            yield node


def _spoken_nearby(loop: ast.For | ast.While, names: set[str]) -> set[str]:
    # A retry counter or a step limit is no early stopping: the word itself, or its kin, has to be there.
    spoken = {word for name in names for word in words(name)}
    kin = {"patience", "wait", "improve", "improvement", "early", "bad", "es"}
    evaluated = any(word in ast.unparse(loop).lower() for word in ("val", "eval", "dev", "test"))
    return spoken | ({"patience"} if spoken & kin and evaluated else set())


def _keeps(node: ast.AST) -> bool:
    """Whether anything under `node` calls what may keep weights."""
    return any(isinstance(part, ast.Call) and KEEPS.search(ast.unparse(part.func)) for part in ast.walk(node))


def _saves_in_a_helper(script: Script) -> bool:
    # EarlyStopping(...)(loss, model) and trainer.checkpoint(...) from elsewhere keep what they are given.
    functions = [n for n in script.nodes if isinstance(n, (ast.FunctionDef, ast.ClassDef)) and KEEPS.search(n.name)]
    helpers = [c for c in script.calls if re.search(r"early_?stop", ast.unparse(c.func), re.IGNORECASE)]
    return bool(functions or helpers)
