"""Image files turned into one array of pixels: decoded and resized once, the broken ones named and left out."""

from __future__ import annotations

import concurrent.futures
import io
import pathlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advisor.data.facts import IndexArray
from advisor.data.libraries import missing_library
from advisor.errors import AdvisorError

SUFFIXES = frozenset(
    {".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"}
)
DEFAULT_SIZE = 32
GREY_MODES = frozenset({"1", "L", "I", "I;16"})
MAX_PIXELS = 100_000_000
MAX_ENCODED_BYTES = 100 * 2**20
MAX_BYTES = 4 * 2**30
# More broken files than this, of all and in number, are no accident.
MOST_BROKEN_SHARE = 0.1
MOST_BROKEN = 3
NAMED = 3
THREADS = 4
Source = pathlib.Path | bytes


@dataclass(frozen=True)
class Pictures:
    """pixels: (N, C, size, size) uint8, of the sources at `kept`, in their order. `remarks`: what was left out."""

    pixels: NDArray[np.uint8]
    kept: IndexArray
    remarks: tuple[str, ...]


def decode_images(sources: Sequence[Source], names: Sequence[str], size: int, what: str) -> Pictures:
    """Decode image files or their bytes. C is 1 where all of them are grey, else 3; see `_decode` for the resizing.

    Raises:
        AdvisorError: Pillow is missing, there is no image, too many are broken, or they need too much memory.
    """
    _require_pillow()
    if not sources:
        raise AdvisorError(f"{what} holds no images; known endings: {', '.join(sorted(SUFFIXES))}.")
    needed = len(sources) * 3 * size * size
    if needed > MAX_BYTES:
        raise AdvisorError(
            f"{len(sources)} images of {size} x {size} pixels in {what} need {needed / 2**30:.1f} GiB, more than "
            f"{MAX_BYTES // 2**30}; lower image_size or give fewer."
        )
    with warnings.catch_warnings(), concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata; the size is checked here
        decoded = list(pool.map(lambda source: _try_decode(source, size), sources))
    kept = [number for number, picture in enumerate(decoded) if not isinstance(picture, str)]
    broken = [f"{names[number]} ({picture})" for number, picture in enumerate(decoded) if isinstance(picture, str)]
    remarks = remark_broken(broken, len(sources), what)
    pictures = [picture for picture in decoded if not isinstance(picture, str)]
    grey = all(is_grey for _, is_grey in pictures)
    pixels = np.stack([picture[:1] if grey else picture for picture, _ in pictures])
    return Pictures(pixels, np.asarray(kept, dtype=np.int64), remarks)


def remark_broken(broken: list[str], total: int, what: str) -> tuple[str, ...]:
    """What to say of images that were left out. `broken`: each with its name and the reason.

    Raises:
        AdvisorError: they are too many of the `total`, or all.
    """
    listed = "; ".join(broken[:NAMED])
    if len(broken) > max(MOST_BROKEN, MOST_BROKEN_SHARE * total) or len(broken) == total:
        raise AdvisorError(
            f"{len(broken)} of {total} images in {what} cannot be read, such as {listed}; mend or remove them."
        )
    return (f"{len(broken)} images cannot be read and were left out: {listed}",) if broken else ()


def why_broken(error: Exception) -> str:
    """The reason in a few words."""
    return f"{type(error).__name__}: {str(error)[:80]}" if str(error) else type(error).__name__


def _try_decode(source: Source, size: int) -> tuple[NDArray[np.uint8], bool] | str:
    """The picture and whether it is grey, or why it cannot be read."""
    try:
        return _decode(source, size)
    except Exception as error:
        return why_broken(error)


def _decode(source: Source, size: int) -> tuple[NDArray[np.uint8], bool]:
    """(3, size, size): turned upright, scaled to fill the square by area averaging, and cut to its middle."""
    from PIL import Image, ImageOps

    length = source.stat().st_size if isinstance(source, pathlib.Path) else len(source)
    if length > MAX_ENCODED_BYTES:
        raise ValueError(f"{length} bytes are too many")
    with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as file:
        image: Image.Image = file
        if image.width * image.height > MAX_PIXELS:
            raise ValueError(f"{image.width} x {image.height} pixels are too many")
        grey = image.mode in GREY_MODES
        if image.mode.startswith("I"):  # 16 bits; converting would cut off what is brighter than 255
            wide = np.asarray(image, dtype=np.float64)
            image = Image.fromarray((wide / 257.0 if wide.max() > 255 else wide).astype(np.uint8))
        upright = ImageOps.exif_transpose(image).convert("RGB")
        square = ImageOps.fit(upright, (size, size), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(square, dtype=np.uint8).transpose(2, 0, 1)), grey


def _require_pillow() -> None:
    try:
        import PIL.Image
        import PIL.ImageOps  # noqa: F401
    except ImportError:
        raise missing_library("pillow", "Reading images") from None
