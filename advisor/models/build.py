"""Building a model by its spec, and checking that it answers in the shape that the data needs."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Any

from advisor.data.entry_point import call_entry, user_code
from advisor.errors import AdvisorError
from advisor.models.registry import MODELS, check_arguments, check_fits, find_model
from advisor.models.spec import ModelSpec
from advisor.models.task import ModelTask
from advisor.models.weights import find_weights, fingerprint, load_weights, read_weights
from advisor.techniques.core.targets import TargetKind

if TYPE_CHECKING:
    import torch

    from advisor.data.facts import InputFacts


def build(
    model: ModelSpec,
    input_shape: tuple[int, ...],
    classes: int | None,
    kind: TargetKind,
    workspace: pathlib.Path | None,
    *,
    outputs: int | None = None,
    facts: InputFacts | None = None,
    notes: list[str] | None = None,
) -> torch.nn.Module:
    """A fresh model for examples of `input_shape`, initialised from torch's global random state, then its weights.

    `outputs` is the width of real targets, labels or the vocabulary, 1 where None; for classes it is their number.
    `facts`: what is known of the inputs. What pretrained weights left out is added to `notes`.

    Raises:
        AdvisorError: unknown or wrong arguments, a model or weights that do not fit, a user's function that is missing
            or returns no module (exit status 2), or that raised (1).
    """
    width = classes if classes is not None else outputs or 1
    if model.name is not None:
        built = build_named(model.name, model.arguments, ModelTask(input_shape, width, kind, facts))
    else:
        assert model.entry is not None, "ModelSpec has exactly one source"
        offered: dict[str, Any] = {"classes": classes, "input_shape": input_shape}
        if kind != "class":
            offered["outputs"] = width
        built = _check_module(
            call_entry(model.entry, workspace, arguments=model.arguments, offered=offered), model.entry
        )
    if model.weights is not None:
        file = find_weights(model.weights, workspace)
        said = load_weights(built, read_weights(file), file, f"the model {model.name or model.entry!r}")
        if notes is not None:
            notes += said
    return built


def build_named(name: str, arguments: dict[str, Any], task: ModelTask) -> torch.nn.Module:
    """A named model or a library's, freshly initialised.

    Raises:
        AdvisorError: an unknown name or argument, or a model that does not fit such data.
    """
    checked = check_arguments(name, arguments)
    check_fits(name, task)
    found = find_model(name)
    if name in MODELS:
        return found.build(checked, task)
    return found.build(checked, task, name)


def identity(model: ModelSpec, workspace: pathlib.Path | None) -> dict[str, str]:
    """What decides the built model beside its spec and our own code: the weights' content and a library's version.

    Raises:
        AdvisorError: the file of weights or the library is missing.
    """
    import importlib.metadata

    found: dict[str, str] = {}
    if model.weights is not None:
        found["weights"] = fingerprint(find_weights(model.weights, workspace))
    library, colon, _ = (model.name or "").partition(":")
    if colon:
        try:
            found[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            raise AdvisorError(
                f"Model {model.name!r} needs {library}, which is not installed: pip install {library}."
            ) from None
    return found


def check_output(
    model: torch.nn.Module,
    inputs: torch.Tensor,
    kind: TargetKind,
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
            f"{'predictions' if kind == 'real' else 'logits'} alone."
        )
    expected = (*inputs.shape[:2], outputs) if kind == "token" else (len(inputs), outputs)
    fits = tuple(answer.shape) == expected or (kind == "real" and outputs == 1 and answer.shape == (len(inputs),))
    if not fits:
        raise AdvisorError(
            f"The forward pass of {what} returned shape {tuple(answer.shape)} for inputs of shape "
            f"{tuple(inputs.shape)}, but the data needs {expected}; change the size of its last layer."
        )


def _check_module(built: Any, entry: str) -> torch.nn.Module:
    import torch

    if not isinstance(built, torch.nn.Module):
        raise AdvisorError(f"The entry {entry!r} returned a {type(built).__name__}; return a torch.nn.Module.")
    return built
