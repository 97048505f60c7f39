"""Building a model by its spec, and checking that it answers in the shape that the data needs."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from advisor.contract import Frozen
from advisor.data.dataset import DataKind
from advisor.data.entry_point import call_entry, user_code
from advisor.errors import AdvisorError, invalid, unknown
from advisor.experiments.spec import ModelSpec
from advisor.models.mlp import MlpArguments, build_mlp
from advisor.models.small_cnn import SmallCnnArguments, build_small_cnn

if TYPE_CHECKING:
    import torch

# name -> (its arguments, its builder(arguments, input_shape, outputs))
MODELS: dict[str, tuple[type[Frozen], Callable[..., Any]]] = {
    "mlp": (MlpArguments, build_mlp),
    "small_cnn": (SmallCnnArguments, build_small_cnn),
}


def build(
    model: ModelSpec,
    input_shape: tuple[int, ...],
    classes: int | None,
    kind: DataKind,
    workspace: pathlib.Path | None,
    *,
    outputs: int | None = None,
) -> torch.nn.Module:
    """A fresh model for examples of `input_shape`, initialised from torch's global random state.

    `outputs` is the width of real targets, 1 where None; for classes it is their number.

    Raises:
        AdvisorError: unknown or wrong arguments, a user's function that is missing or returns no module (exit
            status 2), or that raised (1).
    """
    width = classes if classes is not None else outputs or 1
    if model.name is not None:
        return _build_named(model.name, model.arguments, input_shape, width)
    assert model.entry is not None, "ModelSpec has exactly one source"
    offered = {"classes": classes, "input_shape": input_shape}
    built = call_entry(model.entry, workspace, arguments=model.arguments, offered=offered)
    return _check_module(built, model.entry)


def check_output(
    model: torch.nn.Module,
    inputs: torch.Tensor,
    kind: DataKind,
    outputs: int,
    what: str,
    workspace: pathlib.Path | None,
) -> None:
    """Run two examples through the model in evaluation mode and compare the shape of the answer.

    Raises:
        AdvisorError: the answer is not a tensor of the right shape (exit status 2), or the model raised (1).
    """
    import torch

    with user_code(f"the forward pass of {what} on inputs of shape {tuple(inputs.shape)}", workspace), torch.no_grad():
        answer = model.eval()(inputs)
    if not isinstance(answer, torch.Tensor):
        raise AdvisorError(
            f"The forward pass of {what} returned a {type(answer).__name__} instead of a tensor; return the "
            f"{'logits' if kind == 'class' else 'predictions'} alone."
        )
    expected = (len(inputs), outputs)
    fits = tuple(answer.shape) == expected or (kind == "real" and outputs == 1 and answer.shape == (len(inputs),))
    if not fits:
        raise AdvisorError(
            f"The forward pass of {what} returned shape {tuple(answer.shape)} for inputs of shape "
            f"{tuple(inputs.shape)}, but the data needs {expected}; change the size of its last layer."
        )


def _build_named(name: str, arguments: dict[str, Any], input_shape: tuple[int, ...], outputs: int) -> torch.nn.Module:
    kind, builder = MODELS[name]
    for argument in arguments:
        if argument not in kind.model_fields:
            raise unknown(f"argument of model {name!r}", argument, kind.model_fields)
    try:
        checked = kind(**arguments)
    except ValidationError as error:
        raise invalid(f"model {name!r}", error, kind) from None
    built: torch.nn.Module = builder(checked, input_shape, outputs)
    return built


def _check_module(built: Any, entry: str) -> torch.nn.Module:
    import torch

    if not isinstance(built, torch.nn.Module):
        raise AdvisorError(f"The entry {entry!r} returned a {type(built).__name__}; return a torch.nn.Module.")
    return built
