"""Operations on whole batches of images, each image by its own magnitude: what RandAugment and its kin draw from.

Conventions (centres, signs, units, rounding) are those of torchvision.transforms.v2 on float images.

Every operation takes `images` (N, C, H, W) of any floating type with values in [0, 1] and `magnitudes` (N,) on the same
device, and returns images of the same shape and type; it never writes into its input but may return it. None waits for
the device. A NaN pixel spoils its neighbourhood, channel or image as far as the operation mixes pixels; `equalize`
takes it for some gray.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from advisor.errors import AdvisorError, unknown

if TYPE_CHECKING:
    import torch

    ImageOp = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    MatrixOf = Callable[[torch.Tensor, int, int], torch.Tensor]

Interpolation = Literal["nearest", "bilinear"]


def apply_ops(
    images: torch.Tensor, names: Sequence[str], magnitudes: torch.Tensor, *, interpolation: Interpolation = "nearest"
) -> torch.Tensor:
    """Each image by its own operation and magnitude.

    names: for each image one of `OPS`, drawn on the CPU so that nothing waits for the device. Images with the same
    operation are treated together, and those of all geometric operations are sampled in one go.

    Raises:
        AdvisorError: the images are not (N, C, H, W) floats, a name is unknown, or an operation cannot take this number
            of channels.
    """
    import torch

    _check(images)
    assert len(names) == len(images) == len(magnitudes), (len(names), len(images), len(magnitudes))
    order, sizes = _grouped(names)
    if set(sizes) <= {"identity"}:
        return images
    back = sorted(range(len(order)), key=order.__getitem__)
    there_and_back = torch.tensor([order, back]).to(images.device, non_blocking=True)
    ordered = images.index_select(0, there_and_back[0])
    strengths = torch.split(magnitudes.index_select(0, there_and_back[0]), list(sizes.values()))
    moving = [name for name in sizes if name in MATRICES]
    moved = sum(sizes[name] for name in moving)

    results = []
    if moving:
        height, width = images.shape[2:]
        matrices = [MATRICES[name](some, height, width) for name, some in zip(moving, strengths, strict=False)]
        results.append(sample_affine(ordered[:moved], torch.cat(matrices), interpolation))
    others = list(sizes)[len(moving) :]
    parts = torch.split(ordered[moved:], [sizes[name] for name in others])
    for name, part, some in zip(others, parts, strengths[len(moving) :], strict=True):
        results.append(OPS[name](part, some))
    return torch.cat(results).index_select(0, there_and_back[1])


def _grouped(names: Sequence[str]) -> tuple[list[int], dict[str, int]]:
    """The places of the images operation by operation, the geometric ones first, and how many each has."""
    places: dict[str, list[int]] = {name: [] for name in (*MATRICES, *OPS)}
    for place, name in enumerate(names):
        if name not in places:
            raise unknown("image operation", name, OPS)
        places[name].append(place)
    used = {name: members for name, members in places.items() if members}
    return [place for members in used.values() for place in members], {name: len(used[name]) for name in used}


def sample_affine(
    images: torch.Tensor, matrices: torch.Tensor, interpolation: Interpolation = "nearest"
) -> torch.Tensor:
    """Fetch each pixel from where the matrix of its image points; zero where that lies outside.

    matrices: (N, 2, 3), from (x, y, 1) in the result to (x, y) in the image, in pixels right of and below the centre.
    """
    import torch
    from torch.nn import functional

    _check(images)
    height, width = images.shape[2:]
    # half precision is too coarse for places, and the detour leaves the values as they are
    dtype = torch.float64 if images.dtype == torch.float64 else torch.float32
    x = torch.arange(width, dtype=dtype, device=images.device) - (width - 1) / 2
    y = torch.arange(height, dtype=dtype, device=images.device).unsqueeze(1) - (height - 1) / 2
    to_x, to_y = matrices.to(dtype).unbind(1)
    halves = torch.stack([to_x / (width / 2), to_y / (height / 2)], 1)  # grid_sample counts in half sides
    by_x, by_y, offset = halves.view(-1, 2, 3, 1, 1).unbind(2)
    # summed in torchvision's order, so that a place half-way between two pixels falls to the same one
    grid = ((by_x * x + by_y * y) + offset).permute(0, 2, 3, 1)
    sampled = functional.grid_sample(images.to(dtype), grid, interpolation, "zeros", align_corners=False)
    return sampled.to(images.dtype)


def shear_x_matrix(magnitudes: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Each row is moved left by its distance from the top times the magnitude."""
    slope = _precise(magnitudes)
    return _matrices(slope, 1, slope, slope * (height / 2), 0, 1, 0)


def shear_y_matrix(magnitudes: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Each column is moved up by its distance from the left times the magnitude."""
    slope = _precise(magnitudes)
    return _matrices(slope, 1, 0, 0, slope, 1, slope * (width / 2))


def translate_x_matrix(magnitudes: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Moved right by `magnitudes` pixels, cut to whole ones."""
    shift = _precise(magnitudes).trunc()
    return _matrices(shift, 1, 0, -shift, 0, 1, 0)


def translate_y_matrix(magnitudes: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Moved down by `magnitudes` pixels, cut to whole ones."""
    shift = _precise(magnitudes).trunc()
    return _matrices(shift, 1, 0, 0, 0, 1, -shift)


def rotate_matrix(magnitudes: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Turned counter-clockwise about the centre by `magnitudes` degrees."""
    angle = _precise(magnitudes).deg2rad()
    cosine, sine = angle.cos(), angle.sin()
    return _matrices(angle, cosine, -sine, 0, sine, cosine, 0)


def identity(images: torch.Tensor, magnitudes: torch.Tensor) -> torch.Tensor:
    """The images themselves."""
    _check(images)
    return images


def brightness(images: torch.Tensor, magnitudes: torch.Tensor) -> torch.Tensor:
    """Brighter by the factor 1 + magnitude; -1 gives black."""
    _check(images)
    return (images * _per_image(1 + magnitudes, images)).clamp_(0, 1)


def color(images: torch.Tensor, magnitudes: torch.Tensor) -> torch.Tensor:
    """More colorful by the factor 1 + magnitude; -1 gives gray. Images of one channel stay as they are."""
    _check(images)
    return images if images.shape[1] == 1 else _blend(_gray(images), images, magnitudes)


def contrast(images: torch.Tensor, magnitudes: torch.Tensor) -> torch.Tensor:
    """Further from the mean gray of the image by the factor 1 + magnitude; -1 gives that gray alone."""
    _check(images)
    return _blend(_gray(images.mean((2, 3), keepdim=True)), images, magnitudes)


def sharpness(images: torch.Tensor, magnitudes: torch.Tensor) -> torch.Tensor:
    """Further from a smoothed image by the factor 1 + magnitude; -1 gives the smoothed one. The border stays."""
    _check(images)
    height, width = images.shape[2:]
    if min(height, width) <= 2:
        return images
    threes = (images[..., :-2] + images[..., 1:-1]).add_(images[..., 2:])
    nines = (threes[..., :-2, :] + threes[..., 1:-1, :]).add_(threes[..., 2:, :])
    smooth = images.clone()
    smooth[..., 1:-1, 1:-1] = nines.add_(images[..., 1:-1, 1:-1], alpha=4).div_(13)
    return _blend(smooth, images, magnitudes)


def posterize(images: torch.Tensor, magnitudes: torch.Tensor) -> torch.Tensor:
    """Rounded down to 2 ** magnitude levels; magnitudes: bits, cut to whole ones, in [0, 8]. 0 bits give black."""
    import torch

    _check(images)
    bits = magnitudes.long()
    levels = _per_image(torch.ones_like(bits) << bits, images)
    return (images * levels).floor_().minimum(levels - 1) / levels


def solarize(images: torch.Tensor, magnitudes: torch.Tensor) -> torch.Tensor:
    """Inverted where at least as bright as the magnitude."""
    _check(images)
    return (1 - images).where(images >= _per_image(magnitudes, images), images)


def autocontrast(images: torch.Tensor, magnitudes: torch.Tensor) -> torch.Tensor:
    """Stretched so that each channel reaches from 0 to 1; a channel of one value stays. Magnitudes do not matter."""
    _check(images)
    low, high = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
    flat = low == high
    return ((images - low.masked_fill(flat, 0)) / (high - low).masked_fill(flat, 1)).clamp_(0, 1)


def equalize(images: torch.Tensor, magnitudes: torch.Tensor) -> torch.Tensor:
    """In 256 levels, each about equally frequent in its channel, by Pillow's scheme. Magnitudes do not matter."""
    import torch

    _check(images)
    count, channels, height, width = images.shape
    # 255.999 is 256 in half precision; by way of uint8 no value, not even NaN, points outside the histogram
    wide = images if images.dtype == torch.float64 else images.float()
    level = (wide * 255.999).to(torch.uint8).reshape(count * channels, height * width).long()
    histogram = level.new_zeros(count * channels, 256)
    histogram.scatter_add_(1, level, level.new_ones(1).expand_as(level))
    below = histogram.cumsum(1) - histogram  # pixels darker than each level
    # pixels that are not of the brightest level in use, shared out to 255 steps
    step = below.where(histogram > 0, 0).amax(1, keepdim=True) // 255
    equal = ((below + step // 2) // step.clamp(min=1)).clamp_(max=255)
    table = equal.where(step > 0, torch.arange(256, device=images.device))  # too few pixels to share out: stays
    return (table.to(images.dtype) * (1 / 255)).gather(1, level).view(images.shape)


def invert(images: torch.Tensor, magnitudes: torch.Tensor) -> torch.Tensor:
    """Dark for bright. Magnitudes do not matter."""
    _check(images)
    return 1 - images


def _check(images: torch.Tensor) -> None:
    if images.ndim != 4 or not images.is_floating_point():
        raise AdvisorError(
            f"Image operations need a batch of images (N, channels, height, width) of floats but got "
            f"{tuple(images.shape)} {images.dtype}; convert the images first."
        )


def _precise(magnitudes: torch.Tensor) -> torch.Tensor:
    """In double precision where the device has it, as a place half-way between two pixels hangs on the last bit."""
    return magnitudes if magnitudes.device.type == "mps" else magnitudes.double()


def _matrices(like: torch.Tensor, *entries: torch.Tensor | int) -> torch.Tensor:
    """(N, 2, 3) from the six entries row by row, numbers or (N,) as `like` is."""
    import torch

    columns = [entry if isinstance(entry, torch.Tensor) else torch.full_like(like, entry) for entry in entries]
    return torch.stack(columns, 1).view(-1, 2, 3)


def _per_image(values: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Values (N,) to calculate with images."""
    return values.to(images.dtype).view(-1, 1, 1, 1)


def _blend(plain: torch.Tensor, images: torch.Tensor, magnitudes: torch.Tensor) -> torch.Tensor:
    """From `plain` to the images and beyond by the factor 1 + magnitude, clipped to [0, 1]."""
    return plain.lerp(images, _per_image(1 + magnitudes, images)).clamp_(0, 1)


def _gray(images: torch.Tensor) -> torch.Tensor:
    """The luminance (N, 1, H, W) of images of three channels; those of one are gray already."""
    if images.shape[1] == 1:
        return images
    if images.shape[1] != 3:
        raise AdvisorError(
            f"Color and contrast are defined for images of 1 or 3 channels but got {images.shape[1]}; "
            f"leave both operations out for such images."
        )
    red, green, blue = images.unbind(1)
    return (red * 0.2989 + green * 0.587 + blue * 0.114).unsqueeze(1)


def _moved(matrix: MatrixOf) -> ImageOp:
    """The operation of a matrix, by the nearest pixel."""

    def op(images: torch.Tensor, magnitudes: torch.Tensor) -> torch.Tensor:
        _check(images)
        return sample_affine(images, matrix(magnitudes, images.shape[2], images.shape[3]))

    return op


MATRICES: Mapping[str, MatrixOf] = MappingProxyType(
    {
        "shear_x": shear_x_matrix,
        "shear_y": shear_y_matrix,
        "translate_x": translate_x_matrix,
        "translate_y": translate_y_matrix,
        "rotate": rotate_matrix,
    }
)
OPS: Mapping[str, ImageOp] = MappingProxyType(
    {
        "identity": identity,
        **{name: _moved(matrix) for name, matrix in MATRICES.items()},
        "brightness": brightness,
        "color": color,
        "contrast": contrast,
        "sharpness": sharpness,
        "posterize": posterize,
        "solarize": solarize,
        "autocontrast": autocontrast,
        "equalize": equalize,
        "invert": invert,
    }
)
