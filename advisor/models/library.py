"""What models of other libraries need here: other numbers of channels, small images, and a look at whether they run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ConfigDict, Field

from advisor.contract import Frozen
from advisor.errors import AdvisorError, nearest
from advisor.models.task import ModelTask

if TYPE_CHECKING:
    import torch

# What would download something, or is set by the data.
NETWORK = ("pretrained", "weights", "weights_backbone", "checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay")
SET_BY_DATA = ("num_classes", "in_chans")
OFFERED_NAMES = 8  # a library has up to a thousand


class LibraryArguments(Frozen):
    """Arguments of a library's model: `stem` is ours, all others go to the library."""

    model_config = ConfigDict(frozen=True, extra="allow")

    stem: Literal["library", "small"] = Field(
        "library",
        description="small: a 3x3 first convolution of stride 1 and no pooling after it, for images under 64 pixels",
    )

    def keywords(self, name: str) -> dict[str, Any]:
        """What goes to the library's function.

        Raises:
            AdvisorError: an argument would download weights or contradict the data.
        """
        given = dict(self.model_extra or {})
        for argument in given:
            if argument in NETWORK:
                raise AdvisorError(
                    f"Argument {argument!r} of model {name!r} is not allowed, for nothing is downloaded; save the "
                    "weights to a file and name it in model.weights."
                )
            if argument in SET_BY_DATA:
                raise AdvisorError(f"Argument {argument!r} of model {name!r} follows from the data; leave it out.")
        return given


def require_name(library: str, name: str, known: Iterable[str]) -> str:
    """The library's own name in "library:name".

    Raises:
        AdvisorError: the library has no such model.
    """
    own = name.partition(":")[2]
    names = set(known)
    if own not in names:
        close = ", ".join(nearest(own, names)[:OFFERED_NAMES])
        raise AdvisorError(f"Unknown {library} model {own!r}; of the {len(names)} known, nearest first: {close}, ...")
    return own


def call(name: str, build: Any, keywords: dict[str, Any]) -> torch.nn.Module:
    """`build(**keywords)`.

    Raises:
        AdvisorError: the library refuses the arguments.
    """
    try:
        model: torch.nn.Module = build(**keywords)
    except (TypeError, ValueError, AssertionError, RuntimeError, KeyError, AttributeError) as error:
        given = ", ".join(f"{key}={value!r}" for key, value in keywords.items())
        raise AdvisorError(
            f"Model {name!r} cannot be built with {given}: {_first_line(error)}. Change model.arguments."
        ) from error
    return model


def small_stem(model: torch.nn.Module, name: str) -> None:
    """Let a network that halves the image at once keep it whole: see `LibraryArguments.stem`.

    Raises:
        AdvisorError: it does not start with such a convolution.
    """
    from torch import nn

    place, first = first_convolution(model)
    if first is None or first.kernel_size == first.stride or first.groups != 1:
        raise AdvisorError(
            f"Model {name!r} does not start with a convolution that could be narrowed to 3x3; leave stem out."
        )
    replace(model, place, _convolution(first, first.in_channels, small=True))
    for place, module in model.named_modules():
        if isinstance(module, nn.MaxPool2d):
            replace(model, place, nn.Identity())
            return
        if isinstance(module, nn.Conv2d) and module is not first_convolution(model)[1]:
            return  # pooling further inside is no part of the stem


def set_channels(model: torch.nn.Module, channels: int, name: str) -> None:
    """Replace a first convolution that reads another number of channels by a fresh one.

    Raises:
        AdvisorError: the model does not start with a plain convolution.
    """
    place, first = first_convolution(model)
    if first is None or first.groups != 1:
        raise AdvisorError(
            f"Model {name!r} does not start with a convolution, so it cannot be made to read {channels} channels; "
            "give images of 3 channels or choose another model."
        )
    if first.in_channels != channels:
        replace(model, place, _convolution(first, channels, small=False))


def first_convolution(model: torch.nn.Module) -> tuple[str, torch.nn.Conv2d | None]:
    """The first convolution in the order of registration, with its name."""
    from torch import nn

    for place, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            return place, module
    return "", None


def replace(model: torch.nn.Module, place: str, module: torch.nn.Module) -> None:
    """Put `module` where the name `place` points."""
    parent, _, own = place.rpartition(".")
    setattr(model.get_submodule(parent), own, module)


def require_running(model: torch.nn.Module, task: ModelTask, name: str) -> torch.nn.Module:
    """The model, seen to take two examples in evaluation mode.

    Raises:
        AdvisorError: it does not, mostly because the images are too small or of a size that it was not made for.
    """
    import torch

    was_training = model.training
    try:
        with torch.no_grad():
            model.eval()(torch.zeros(2, *task.input_shape))
    except (RuntimeError, ValueError, AssertionError, TypeError, IndexError) as error:
        size = "x".join(map(str, task.input_shape))
        raise AdvisorError(
            f"Model {name!r} cannot take images of {size}: {_first_line(error)}. Resize the images, give it the "
            "arguments for that size, or choose another model."
        ) from error
    model.train(was_training)
    return model


def _convolution(like: torch.nn.Conv2d, channels: int, *, small: bool) -> torch.nn.Conv2d:
    """A fresh convolution as `like`, its weights normal and such that its answers spread as those of `like` do."""
    import torch
    from torch import nn

    fresh = nn.Conv2d(
        channels,
        like.out_channels,
        3 if small else like.kernel_size,  # type: ignore[arg-type]
        stride=1 if small else like.stride,  # type: ignore[arg-type]
        padding=1 if small else like.padding,  # type: ignore[arg-type]
        bias=like.bias is not None,
    )
    with torch.no_grad():
        ratio = like.weight[0].numel() / fresh.weight[0].numel()
        fresh.weight.normal_(std=float(like.weight.std()) * ratio**0.5)
        if like.bias is not None and fresh.bias is not None:
            fresh.bias.copy_(like.bias)
    return fresh


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300].rstrip(".")
