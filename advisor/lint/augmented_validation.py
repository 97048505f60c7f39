"""Random training augmentation on data that is meant for validation or testing."""

import ast
from collections.abc import Iterator

from advisor.lint.base import Script, finding, script_check
from advisor.lint.model import LintFinding
from advisor.lint.syntax import argument, assigned, number, strings, target_names, words

RULE = "augmentation-not-on-validation"
LIBRARIES = ("torchvision", "albumentations", "kornia", "monai", "torchio")
# fmt: off
RANDOM = frozenset({
    "RandomHorizontalFlip", "RandomVerticalFlip", "RandomCrop", "RandomResizedCrop", "RandomRotation",
    "RandomAffine", "RandomPerspective", "RandomErasing", "RandomGrayscale", "RandomApply", "RandomChoice",
    "RandomInvert", "RandomPosterize", "RandomSolarize", "RandomEqualize", "RandomAutocontrast",
    "RandomAdjustSharpness", "RandomPhotometricDistort", "RandomZoomOut", "RandomIoUCrop", "ColorJitter",
    "AutoAugment", "RandAugment", "TrivialAugmentWide", "AugMix", "ElasticTransform", "MixUp", "CutMix",
    "HorizontalFlip", "VerticalFlip", "RandomRotate90", "ShiftScaleRotate", "RandomBrightnessContrast",
    "CoarseDropout", "Rotate",
})
GENERATOR_CHANGES = frozenset({
    "rotation_range", "width_shift_range", "height_shift_range", "brightness_range", "shear_range", "zoom_range",
    "channel_shift_range", "horizontal_flip", "vertical_flip",
})
# fmt: on
HELD_OUT = frozenset({"val", "valid", "validation", "valset", "validset", "test", "testing", "testset", "eval", "dev"})
TRAINING = frozenset({"train", "training", "trainset", "trainval", "tta", "augment", "augmented", "aug"})


@script_check(RULE)
def check(script: Script) -> Iterator[LintFinding]:
    """Every held-out data set, split or flow that is fed by a random transform."""
    seen: set[int] = set()
    for call, what, cause in [*_transforms(script), *_datasets(script), *_splits(script), *_flows(script)]:
        if call.lineno not in seen:
            seen.add(call.lineno)
            yield finding(
                RULE,
                "error",
                script.path,
                f"{what} goes through {cause}, which is random; evaluate on deterministic transforms (resize, crop in "
                "the centre, normalize).",
                node=call,
            )


def held_out(names: list[str]) -> bool:
    """Whether names say validation or test, and none of them says training or test-time augmentation."""
    spoken = {word for name in names for word in words(name)}
    return bool(spoken & HELD_OUT) and not spoken & TRAINING


def _random_in(script: Script, node: ast.expr | None, depth: int = 0) -> str | None:
    """The first random transform inside an expression, names followed where they have one value; None without one."""
    if node is None or depth > 3:
        return None
    for part in ast.walk(node):
        if isinstance(part, ast.Call):
            root, _, name = script.dotted(part.func).rpartition(".")
            if name in RANDOM and root.split(".")[0] in LIBRARIES and not _switched_off(script, part):
                return name
    if isinstance(node, ast.Name):
        values = assigned(script, node.id)
        return _random_in(script, values[0], depth + 1) if len(values) == 1 else None
    if isinstance(node, ast.Subscript):
        return _random_in(script, _entry(script, node), depth + 1)
    return None


def _switched_off(script: Script, call: ast.Call) -> bool:
    chance = argument(call, "p")
    if chance is None and script.dotted(call.func).endswith("Flip"):
        chance = argument(call, "p", 0)
    return number(script, chance) == 0 if chance is not None else False


def _entry(script: Script, node: ast.Subscript) -> ast.expr | None:
    """The value behind `transforms["val"]` where the dictionary is written out."""
    values = assigned(script, node.value.id) if isinstance(node.value, ast.Name) else []
    if len(values) == 1 and isinstance(values[0], ast.Dict) and isinstance(node.slice, ast.Constant):
        for key, value in zip(values[0].keys, values[0].values, strict=True):
            if isinstance(key, ast.Constant) and key.value == node.slice.value:
                return value
    return None


def _transforms(script: Script) -> Iterator[tuple[ast.Call, str, str]]:
    """A composed transform that is named for validation or testing."""
    for call in script.calls:
        root, _, name = script.dotted(call.func).rpartition(".")
        if name in {"Compose", "Sequential"} and root.split(".")[0] in LIBRARIES:
            names = target_names(script, call)
            cause = _random_in(script, call)
            if cause and held_out(names):
                yield call, f"The transform {names[0]!r}", cause


def _datasets(script: Script) -> Iterator[tuple[ast.Call, str, str]]:
    """A data set that says it is held out, by train=False, a split, a folder or its name."""
    for call in script.calls:
        given = argument(call, "transform") or argument(call, "transforms")
        cause = _random_in(script, given)
        if cause is None:
            continue
        train, split = argument(call, "train"), argument(call, "split")
        is_training = isinstance(train, ast.Constant) and train.value is True
        says_so = isinstance(train, ast.Constant) and train.value is False
        says_so |= isinstance(split, ast.Constant) and split.value in {"val", "valid", "validation", "test"}
        folders = [text for value in call.args[:1] for text in strings(value)]
        folders += [name.id for value in call.args[:1] for name in ast.walk(value) if isinstance(name, ast.Name)]
        names = target_names(script, call)
        spoken = held_out(names) or (bool(folders) and held_out([*folders, *names]))
        if not is_training and (spoken or (says_so and not _says_training(names))):
            yield call, f"The held-out data set {', '.join(names) or 'here'}", cause


def _says_training(names: list[str]) -> bool:
    return any(words(name) & TRAINING for name in names)


def _splits(script: Script) -> Iterator[tuple[ast.Call, str, str]]:
    """`train, val = random_split(dataset, ...)`: both parts share the random transform of the whole."""
    if any(
        isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Attribute) and target.attr.startswith("transform") for target in node.targets)
        and "self." not in ast.unparse(node.targets[0])
        for node in script.nodes
    ):
        return  # some transform is exchanged afterwards
    for node in script.nodes:
        if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)):
            continue
        call, target = node.value, node.targets[0]
        if not script.dotted(call.func).endswith("random_split") or not isinstance(target, ast.Tuple) or not call.args:
            continue
        whole = call.args[0]
        values = assigned(script, whole.id) if isinstance(whole, ast.Name) else [whole]
        source = values[0] if len(values) == 1 and isinstance(values[0], ast.Call) else None
        cause = _random_in(script, argument(source, "transform")) if source is not None else None
        parts = [ast.unparse(part) for part in target.elts]
        if cause and any(held_out([part]) for part in parts):
            yield call, f"The validation part of {ast.unparse(whole)!r}", cause


def _flows(script: Script) -> Iterator[tuple[ast.Call, str, str]]:
    """Keras: a validation or test flow from a generator that augments."""
    for call in script.calls:
        if not (isinstance(call.func, ast.Attribute) and call.func.attr.startswith("flow")):
            continue
        generator = call.func.value
        values = assigned(script, generator.id) if isinstance(generator, ast.Name) else [generator]
        cause = _augmenting(script, values[0]) if len(values) == 1 else None
        subset = argument(call, "subset")
        folders = [text for value in call.args[:1] for text in strings(value)]
        folders += [node.id for value in call.args[:1] for node in ast.walk(value) if isinstance(node, ast.Name)]
        for_validation = isinstance(subset, ast.Constant) and subset.value == "validation"
        if cause and (for_validation or held_out([*target_names(script, call), *folders])):
            yield call, "The validation or test flow", f"ImageDataGenerator({cause}=...)"


def _augmenting(script: Script, node: ast.expr) -> str | None:
    """The first augmenting argument of an ImageDataGenerator, or None."""
    if not (isinstance(node, ast.Call) and script.dotted(node.func).endswith("ImageDataGenerator")):
        return None
    for keyword in node.keywords:
        neutral = isinstance(keyword.value, ast.Constant) and not keyword.value.value
        if keyword.arg in GENERATOR_CHANGES and not neutral:
            return keyword.arg
    return None
