"""The models that a spec can name. A new one is its file and one line here; nothing of this imports torch."""

from typing import Any

from pydantic import ValidationError

from advisor.contract import Frozen
from advisor.errors import AdvisorError, invalid, unknown
from advisor.models import (
    gpt_mini,
    mlp,
    resnet,
    small_cnn,
    table_mlp,
    text_cnn,
    text_transformer,
    timm_model,
    torchvision_model,
    vit_tiny,
)
from advisor.models.library import LibraryArguments
from advisor.models.task import ModelTask, NamedModel

MODELS: dict[str, NamedModel] = {
    model.name: model
    for model in (
        mlp.MODEL,
        table_mlp.MODEL,
        small_cnn.MODEL,
        resnet.MODEL,
        vit_tiny.MODEL,
        text_cnn.MODEL,
        text_transformer.MODEL,
        gpt_mini.MODEL,
    )
}
# A library's own models, by "library:name".
LIBRARIES: dict[str, NamedModel] = {library.name: library for library in (torchvision_model.MODEL, timm_model.MODEL)}
# What an expert would try first, by the kind of inputs.
DEFAULTS = {"image": "resnet", "table": "table_mlp", "text": "text_cnn", "tokens": "gpt_mini", "other": "mlp"}


def find_model(name: str) -> NamedModel:
    """The model of this name, or the library of "library:name"; whether a library has it is seen when it is built.

    Raises:
        AdvisorError: there is none; the message offers the nearest names.
    """
    library, colon, own = name.partition(":")
    if colon and library in LIBRARIES and own:
        return LIBRARIES[library]
    if name not in MODELS:
        raise unknown("model", name, [*MODELS, *(f"{library}:NAME" for library in LIBRARIES)])
    return MODELS[name]


def check_arguments(name: str, arguments: dict[str, Any]) -> Frozen:
    """The arguments of a model as it takes them.

    Raises:
        AdvisorError: an unknown model or argument, or a value out of bounds.
    """
    kind = find_model(name).arguments
    if kind.model_config.get("extra") != "allow":
        for argument in arguments:
            if argument not in kind.model_fields:
                raise unknown(f"argument of model {name!r}", argument, kind.model_fields)
    try:
        checked = kind(**arguments)
    except ValidationError as error:
        raise invalid(f"model {name!r}", error, kind) from None
    if isinstance(checked, LibraryArguments):
        checked.keywords(name)
    return checked


def default_model(task: ModelTask) -> str:
    """The name of the model to try first on such data."""
    if task.kind == "token":
        return DEFAULTS["tokens"]
    if task.inputs == "tokens":
        return DEFAULTS["text"]
    if task.inputs == "other" and len(task.input_shape) == 3:
        return DEFAULTS["image"]
    return DEFAULTS[task.inputs]


def check_fits(name: str, task: ModelTask) -> None:
    """Refuse a model that does not understand such inputs or targets.

    Raises:
        AdvisorError: it does not; the message offers models that do.
    """
    model = find_model(name)
    fitting = [other.name for other in MODELS.values() if task.inputs in other.reads and task.kind in other.kinds]
    offer = f"use {' or '.join(fitting) or 'a model entry of your own'}"
    if task.kind not in model.kinds:
        raise AdvisorError(f"Model {name!r} does not fit {task.kind} targets; {offer}.")
    if task.inputs not in model.reads:
        raise AdvisorError(f"Model {name!r} does not read inputs of kind {task.inputs}; {offer}.")
