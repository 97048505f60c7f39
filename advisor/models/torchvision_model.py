"""The classification models of torchvision, by "torchvision:name"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from advisor.errors import AdvisorError
from advisor.models.library import (
    LibraryArguments,
    call,
    require_name,
    require_running,
    set_channels,
    small_stem,
)
from advisor.models.task import ModelTask, NamedModel

if TYPE_CHECKING:
    import torch

# These answer with several tensors in training unless told otherwise, and warn unless told how to initialise.
AUXILIARY = ("googlenet", "inception_v3")


def build_torchvision(arguments: LibraryArguments, task: ModelTask, name: str) -> torch.nn.Module:
    """The network for images (N, C, H, W), giving (N, outputs); nothing is downloaded.

    Raises:
        AdvisorError: torchvision is missing or has no such model, or the model does not take such images.
    """
    channels, height, width = task.image(name)
    try:
        from torchvision import models
    except ImportError as error:
        raise AdvisorError(
            f"Model {name!r} needs torchvision ({error}); install the version that belongs to your torch: "
            "pip install torchvision."
        ) from None
    own = require_name("torchvision", name, models.list_models(module=models))
    keywords = {**_for_size(own, height, width), **arguments.keywords(name)}
    if own in AUXILIARY:
        keywords = {"aux_logits": False, "init_weights": True, **keywords}

    def build(**settings: Any) -> torch.nn.Module:
        built: torch.nn.Module = models.get_model(own, weights=None, num_classes=task.outputs, **settings)
        return built

    model = call(name, build, keywords)
    if arguments.stem == "small":
        small_stem(model, name)
    if channels != 3:
        set_channels(model, channels, name)
    return require_running(model, task, name)


def _for_size(own: str, height: int, width: int) -> dict[str, Any]:
    """The arguments of those that are made for one size of images."""
    if own.startswith("vit_"):
        return {"image_size": height} if height == width else {}
    if own.startswith("maxvit"):
        return {"input_size": (height, width)}
    return {}


MODEL = NamedModel(
    name="torchvision",
    title="a classification model of torchvision, such as torchvision:resnet18",
    arguments=LibraryArguments,
    build=build_torchvision,
    reads=frozenset({"image", "other"}),
)
