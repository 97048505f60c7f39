"""torchvision's policies of augmentation with their random draws replaced by given ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch

IDENTIFIERS = {
    "identity": "Identity",
    "shear_x": "ShearX",
    "shear_y": "ShearY",
    "translate_x": "TranslateX",
    "translate_y": "TranslateY",
    "rotate": "Rotate",
    "brightness": "Brightness",
    "color": "Color",
    "contrast": "Contrast",
    "sharpness": "Sharpness",
    "posterize": "Posterize",
    "solarize": "Solarize",
    "autocontrast": "AutoContrast",
    "equalize": "Equalize",
}


@contextmanager
def given_draws(policy: Any, draws: list[tuple[str, float]], levels: list[int] | None = None) -> Iterator[None]:
    """Let a policy draw these operations in turn, negative where the magnitude is, and magnitudes of these bins."""
    turns, bins = iter(draws), iter(levels or [])
    sign: dict[str, float] = {}

    def item(space: dict[str, Any]) -> tuple[str, Any]:
        name, magnitude = next(turns)
        sign["drawn"] = 0.0 if magnitude < 0 else 1.0
        return IDENTIFIERS[name], space[IDENTIFIERS[name]]

    def coin(*shape: int) -> torch.Tensor:
        return torch.tensor(sign["drawn"])

    def level(*bounds: Any, **more: Any) -> torch.Tensor:
        return torch.tensor(next(bins))

    with (
        mock.patch.object(policy, "_get_random_item", item),
        mock.patch("torch.rand", coin),
        mock.patch("torch.randint", level),
    ):
        yield
