"""The models of timm, by "timm:name"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from advisor.errors import AdvisorError
from advisor.models.library import LibraryArguments, call, require_name, require_running, small_stem
from advisor.models.task import ModelTask, NamedModel

if TYPE_CHECKING:
    import torch


def build_timm(arguments: LibraryArguments, task: ModelTask, name: str) -> torch.nn.Module:
    """The network for images (N, C, H, W), giving (N, outputs); nothing is downloaded.

    Raises:
        AdvisorError: timm is missing or has no such model, or the model does not take such images.
    """
    channels, height, width = task.image(name)
    try:
        import timm
    except ImportError as error:
        raise AdvisorError(f"Model {name!r} needs timm ({error}); install it: pip install timm.") from None
    own = require_name("timm", name, timm.list_models())
    keywords = {**_for_size(own, height, width), **arguments.keywords(name)}

    def build(**settings: Any) -> torch.nn.Module:
        built: torch.nn.Module = timm.create_model(
            own, pretrained=False, num_classes=task.outputs, in_chans=channels, **settings
        )
        return built

    model = call(name, build, keywords)
    if arguments.stem == "small":
        small_stem(model, name)
    return require_running(model, task, name)


def _for_size(own: str, height: int, width: int) -> dict[str, Any]:
    """The argument of those that are made for one size of images."""
    import timm

    config = timm.models.get_pretrained_cfg(own)
    return {"img_size": (height, width)} if config is not None and config.fixed_input_size else {}


MODEL = NamedModel(
    name="timm",
    title="a model of timm, such as timm:resnet18 or timm:vit_tiny_patch16_224",
    arguments=LibraryArguments,
    build=build_timm,
    reads=frozenset({"image", "other"}),
)
