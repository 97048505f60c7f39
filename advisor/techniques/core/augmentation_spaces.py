"""The operations of RandAugment, TrivialAugment and AugMix and their ranges of magnitude, as torchvision sets them.

RandAugment: Cubuk et al. 2020; TrivialAugment: Müller and Hutter 2021; AugMix: Hendrycks et al. 2020. A space maps the
name of an operation of `image_ops` to its `Scale`, in torchvision's order. Without torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

import numpy as np

Space = Mapping[str, "Scale"]


@dataclass(frozen=True)
class Scale:
    """How the magnitude of an operation grows with its bin: evenly from `start` to `end`.

    `side`: the side of the image that `end` is a multiple of; None where `end` is the magnitude itself. `signed`: the
    sign is to be drawn too. `whole`: rounded to integers. An operation without a magnitude goes from 0 to 0.
    """

    start: float = 0.0
    end: float = 0.0
    side: Literal["height", "width"] | None = None
    signed: bool = False
    whole: bool = False

    def magnitudes(self, height: int, width: int, bins: int = 31) -> tuple[float, ...]:
        """The magnitude of each bin, without sign, for images of height x width pixels; bins >= 2."""
        assert bins >= 2, bins
        if self.whole:
            return _whole_steps(self.start, self.end, bins)
        sides = {"height": height, "width": width, None: 1}
        return _even_steps(self.start, self.end * sides[self.side], bins)


@lru_cache(maxsize=256)
def _even_steps(start: float, end: float, count: int) -> tuple[float, ...]:
    """The float32 values of torch.linspace, to the last bit on processors that fuse multiply and add.

    They matter because translations are cut to whole pixels. Not taken from torch, whose tensors have no values to
    read while a training step is traced.
    """
    first, last = float(np.float32(start)), float(np.float32(end))
    step = float(np.float32(last - first) / np.float32(count - 1))
    low = [first + step * place for place in range(count // 2)]
    high = [last - step * (count - 1 - place) for place in range(count // 2, count)]
    return tuple(float(np.float32(value)) for value in low + high)


@lru_cache(maxsize=256)
def _whole_steps(start: float, end: float, count: int) -> tuple[float, ...]:
    """Integers from `start` down to `end`, rounded half to even as torch and numpy do."""
    down = np.arange(count, dtype=np.float32) / np.float32((count - 1) / (start - end))
    return tuple(float(value) for value in np.round(np.float32(start) - down))


def _geometric(shear: float, shift: float, side: bool, angle: float) -> dict[str, Scale]:
    """The scales of the five geometric operations; `shift` is a multiple of the image's side, or pixels."""
    return {
        "shear_x": Scale(0.0, shear, signed=True),
        "shear_y": Scale(0.0, shear, signed=True),
        "translate_x": Scale(0.0, shift, side="width" if side else None, signed=True),
        "translate_y": Scale(0.0, shift, side="height" if side else None, signed=True),
        "rotate": Scale(0.0, angle, signed=True),
    }


def _blends(end: float) -> dict[str, Scale]:
    """The scales of the four operations that blend an image with a plainer one."""
    return {name: Scale(0.0, end, signed=True) for name in ("brightness", "color", "contrast", "sharpness")}


def _tones(most_bits: int, fewest_bits: int) -> dict[str, Scale]:
    """The scales of the operations on the values of the pixels."""
    return {
        "posterize": Scale(most_bits, fewest_bits, whole=True),
        "solarize": Scale(1.0, 0.0),
        "autocontrast": Scale(),
        "equalize": Scale(),
    }


RAND_AUGMENT: Space = MappingProxyType(
    {"identity": Scale(), **_geometric(0.3, 150.0 / 331.0, True, 30.0), **_blends(0.9), **_tones(8, 4)}
)
TRIVIAL_AUGMENT_WIDE: Space = MappingProxyType(
    {"identity": Scale(), **_geometric(0.99, 32.0, False, 135.0), **_blends(0.99), **_tones(8, 2)}
)
# AugMix's paper leaves the blends out, because they overlap with the corruptions it is tested on.
AUG_MIX: Space = MappingProxyType({**_geometric(0.3, 1.0 / 3.0, True, 30.0), **_tones(4, 0)})
AUG_MIX_ALL: Space = MappingProxyType({**AUG_MIX, **_blends(0.9)})
