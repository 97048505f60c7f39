"""Pretrained weights from a local file: tensors only, never code, and either they fit or it is said what does not."""

from __future__ import annotations

import hashlib
import pathlib
import pickle
import warnings
from typing import TYPE_CHECKING, Any

from advisor.data.libraries import missing_library
from advisor.data.paths import locate, require_file
from advisor.errors import AdvisorError
from advisor.models.library import first_convolution
from advisor.techniques.core.places import layers, norms

if TYPE_CHECKING:
    import torch

# Under what a checkpoint of a whole training keeps the weights, and what wrappers put before every name.
WRAPPERS = ("state_dict", "model_state_dict", "model", "module", "net", "weights")
PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "backbone.")
NAMED_KEYS = 4  # how many keys an error names


def find_weights(path: str, workspace: pathlib.Path | None) -> pathlib.Path:
    """The file that a spec names.

    Raises:
        AdvisorError: it leads out of the workspace, does not exist, or is no plain file of a bearable size.
    """
    return require_file(locate(path, workspace))


def fingerprint(file: pathlib.Path) -> str:
    """SHA-256 of the file's content."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()


def read_weights(file: pathlib.Path) -> dict[str, torch.Tensor]:
    """The named tensors in a file of torch.save or safetensors, found also inside a checkpoint of a training.

    Raises:
        AdvisorError: it is damaged, holds other objects than tensors and plain values, or no named tensors.
    """
    import torch

    value: Any = _read_safetensors(file) if file.suffix == ".safetensors" else _read_torch(file)
    for _ in range(3):
        inner = [value[key] for key in WRAPPERS if isinstance(value, dict) and isinstance(value.get(key), dict)]
        if not inner:
            break
        value = inner[0]
    if not isinstance(value, dict) or not value:
        raise AdvisorError(
            f"{str(file)!r} holds a {type(value).__name__} instead of named tensors; save model.state_dict()."
        )
    tensors = {str(name): item for name, item in value.items() if isinstance(item, torch.Tensor)}
    if len(tensors) < len(value):
        other = next(name for name, item in value.items() if not isinstance(item, torch.Tensor))
        raise AdvisorError(
            f"{str(file)!r} holds {type(value[other]).__name__} under {other!r}, which is no tensor; save "
            "model.state_dict() alone."
        )
    return tensors


def load_weights(
    model: torch.nn.Module, tensors: dict[str, torch.Tensor], file: pathlib.Path, what: str
) -> tuple[str, ...]:
    """Put the tensors into the model; returns notes on what stayed as it was initialised or was changed to fit.

    Where the file has a head for another number of outputs, or none, the model's own stays as initialised. A first
    convolution for another number of channels is averaged over its own. All else must fit.

    Raises:
        AdvisorError: names or shapes that do not; the message lists them.
    """
    own = model.state_dict()
    given = _without_prefix(tensors, own)
    notes = _adapt_channels(model, given, own)
    head = _head(model)
    expected = {name for name in own if not name.endswith("num_batches_tracked")}
    if _is_another_head(given, own, head):
        had = next((f"for {len(given[name])} outputs" for name in head if name in given), "missing")
        given = {name: tensor for name, tensor in given.items() if name not in head}
        expected -= set(head)
        outputs = len(own[head[0]])
        notes.append(
            f"the head in {file.name} is {had}: {', '.join(head)} for {outputs} outputs are left as initialised"
        )
    missing = sorted(expected - set(given))
    unexpected = sorted(set(given) - set(own))
    shared = sorted(set(own) & set(given))
    shapes = [
        f"{name} is {tuple(given[name].shape)} in the file and {tuple(own[name].shape)} in the model"
        for name in shared if own[name].shape != given[name].shape
    ]  # fmt: skip
    if missing or unexpected or shapes:
        raise AdvisorError(
            f"The weights in {str(file)!r} do not fit {what}: "
            f"{_listed('missing', missing)}; {_listed('unexpected', unexpected)}; {_listed('other shapes', shapes)}. "
            "Name the model and the arguments that the file was saved from."
        )
    model.load_state_dict(given, strict=False)
    return tuple(notes)


def _read_safetensors(file: pathlib.Path) -> Any:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError:
        raise missing_library("safetensors", f"Reading {str(file)!r}") from None
    try:
        return load_file(file)
    except SafetensorError as error:
        raise AdvisorError(f"{str(file)!r} cannot be read as safetensors: {error}; save it again.") from None


def _read_torch(file: pathlib.Path) -> Any:
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickles of another protocol
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = next((line for line in str(error).splitlines() if "GLOBAL" in line or "global" in line), "")
        raise AdvisorError(
            f"{str(file)!r} holds more than tensors, and objects are never unpickled ({reason.strip()[:200]}); save "
            "model.state_dict() with torch.save, or as safetensors."
        ) from None
    except Exception as error:  # a damaged file fails in any way
        line = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise AdvisorError(f"{str(file)!r} cannot be read as weights: {line}; save them again.") from None


def _without_prefix(tensors: dict[str, torch.Tensor], own: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors without what a wrapper put before all their names, as long as the model knows no such names."""
    for prefix in PREFIXES * 2:
        if tensors and all(name.startswith(prefix) and name not in own for name in tensors):
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return dict(tensors)


def _head(model: torch.nn.Module) -> list[str]:
    """The names of the last layer's tensors, or of what the model itself calls its classifier."""
    from torch import nn

    ask: Any = getattr(model, "get_classifier", None)
    classifier = ask() if callable(ask) else None
    found = [module for module in (classifier if isinstance(classifier, tuple) else (classifier,)) if module]
    if not all(isinstance(module, (nn.Linear, nn.Conv2d)) for module in found) or not found:
        spared = {id(norm) for norm in norms(model)}
        found = [layer for layer in layers(model) if id(layer) not in spared][-1:]
    chosen = {id(module) for module in found}
    return [
        f"{place}.{name}" if place else name
        for place, module in model.named_modules() if id(module) in chosen
        for name, _ in module.named_parameters(recurse=False)
    ]  # fmt: skip


def _is_another_head(given: dict[str, torch.Tensor], own: dict[str, torch.Tensor], head: list[str]) -> bool:
    """Whether the file's head only gives another number of outputs, or there is none and all else is known."""
    present = [name for name in head if name in given]
    if not present:
        return bool(head) and set(given) <= set(own)
    return all(given[name].shape[1:] == own[name].shape[1:] for name in present) and any(
        given[name].shape[:1] != own[name].shape[:1] for name in present
    )


def _adapt_channels(model: torch.nn.Module, given: dict[str, torch.Tensor], own: dict[str, torch.Tensor]) -> list[str]:
    """Let a first convolution read the model's number of channels: on equal channels its answers stay the same."""
    place, first = first_convolution(model)
    name = f"{place}.weight" if place else "weight"
    if first is None or first.groups != 1 or name not in given or given[name].ndim != 4:
        return []
    had, has = given[name].shape[1], own[name].shape[1]
    if had == has or given[name][:, 0].shape != own[name][:, 0].shape:
        return []
    mean = given[name].mean(1, keepdim=True) * (had / has)
    given[name] = mean.expand(own[name].shape).clone()
    return [f"{name} was for {had} channels: each of the {has} now gets their mean, scaled to the same sum"]


def _listed(what: str, items: list[str]) -> str:
    more = f" and {len(items) - NAMED_KEYS} more" if len(items) > NAMED_KEYS else ""
    return f"{len(items)} {what}{' (' if items else ''}{', '.join(items[:NAMED_KEYS])}{more}{')' if items else ''}"
