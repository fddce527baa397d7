"""From a decoded picture to the size and channels of the network's input.

The one function for all: decoding processes, prediction and serving frame a picture alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kenspeckle.data.decode import Header, Picture, decode_picture
from kenspeckle.data.planes import grey, to_bytes
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.data.source_config import MAX_PIXELS
from kenspeckle.errors import PictureError

Box = tuple[float, float, float, float]  # left, top, right, bottom, in pixels


def views(picture: NDArray[np.uint8], config: PreprocessConfig) -> NDArray[np.uint8]:
    """(H, W, C) as (views, height, width, C): all that pictures of a data set go through."""
    height, width = picture.shape[:2]
    if config.kind == "pad":
        return _padded(picture, config)[np.newaxis]
    if config.kind == "crop":
        return resize(picture, config.height, config.width, box=_middle(picture, config))[
            np.newaxis
        ]
    if config.kind != "crops":
        return resize(picture, config.height, config.width)[np.newaxis]
    enlarged = resize(picture, *covering(config, height, width))
    rows, columns = enlarged.shape[0] - config.height, enlarged.shape[1] - config.width
    count = config.crops if rows or columns else 1
    # evenly from end to end; a single window lies in the middle
    places = np.linspace(0, 1, count) if count > 1 else np.array([0.5])
    return np.stack(
        [
            enlarged[top : top + config.height, left : left + config.width]
            for top, left in (
                (round(place * rows), round(place * columns)) for place in places.tolist()
            )
        ]
    )


def covering(config: PreprocessConfig, height: int, width: int) -> tuple[int, int]:
    """The size to which a picture of `height` and `width` is scaled before it is cut or padded."""
    if config.kind in ("crop", "crops"):
        scale = max(config.height / height, config.width / width)
        return max(config.height, round(height * scale)), max(config.width, round(width * scale))
    if config.kind == "pad":
        scale = min(config.height / height, config.width / width)
        inside = min(config.height, round(height * scale)), min(config.width, round(width * scale))
        return max(1, inside[0]), max(1, inside[1])
    return config.height, config.width


def with_channels(picture: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """`picture` (H, W, C) with 1 channel, its luminance, or with 3."""
    if channels == 1:
        return to_bytes(grey(picture))[..., np.newaxis]
    return np.repeat(picture, 3, axis=2) if picture.shape[-1] == 1 else picture


def resize(
    picture: NDArray[np.uint8], height: int, width: int, *, box: Box | None = None
) -> NDArray[np.uint8]:
    """(H, W, C), or the part of it in `box`, as (height, width, C), antialiased.

    A whole picture that has this size already is returned as it is.
    """
    whole = (0.0, 0.0, float(picture.shape[1]), float(picture.shape[0]))
    if picture.shape[:2] == (height, width) and box in (None, whole):
        return picture
    if picture.shape[2] == 1:
        plane = Image.fromarray(picture[..., 0]).convert("F")
        scaled = np.asarray(_scaled(plane, height, width, box or whole), dtype=np.float32)
        grey_levels = np.rint(scaled)
        return grey_levels.astype(np.uint8)[..., np.newaxis]
    # of colour in 8 bits: three times as fast as plane by plane, and at most one level apart
    return np.asarray(_scaled(Image.fromarray(picture), height, width, box or whole))


def _scaled(image: Image.Image, height: int, width: int, box: Box) -> Image.Image:
    """Across and then down, by two calls: which comes first is else up to the version of Pillow.

    What lies between is rounded, so the order is seen in the last bit, and an exported model
    (`kenspeckle.exporting`) has to know it.
    """
    left, top, right, bottom = box
    bilinear = Image.Resampling.BILINEAR
    narrow = image.resize((width, image.height), bilinear, box=(left, 0, right, image.height))
    return narrow.resize((width, height), bilinear, box=(0, top, width, bottom))


def _middle(picture: NDArray[np.uint8], config: PreprocessConfig) -> Box:
    """The largest part of `picture` with the proportions of the input: left, top, right, bottom."""
    height, width = picture.shape[:2]
    scale = min(height / config.height, width / config.width)
    rows, columns = min(height, config.height * scale), min(width, config.width * scale)
    top, left = (height - rows) / 2, (width - columns) / 2
    return left, top, left + columns, top + rows


def _padded(picture: NDArray[np.uint8], config: PreprocessConfig) -> NDArray[np.uint8]:
    """The whole picture in the middle, its edge's median colour around it."""
    inside = resize(picture, *covering(config, *picture.shape[:2]))
    height, width, channels = inside.shape
    edge = np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]])
    canvas = np.empty((config.height, config.width, channels), dtype=np.uint8)
    canvas[...] = to_bytes(np.median(edge, axis=0))
    top, left = (config.height - height) // 2, (config.width - width) // 2
    canvas[top : top + height, left : left + width] = inside
    return canvas


def reach(config: PreprocessConfig, height: int, width: int) -> tuple[int, int] | None:
    """How large a picture must be decoded at least; None = in full, which `ink` needs."""
    return None if config.kind in ("auto", "ink") else covering(config, height, width)


def decode_for(
    data: bytes, config: PreprocessConfig, *, name: str, max_pixels: int = MAX_PIXELS
) -> Picture:
    """Decode no larger than `config` needs: the one way of a picture in training and prediction.

    Raises `PictureError` as `decode` does, and for a strip that would be enlarged beyond measure.
    """

    def needed(found: Header) -> tuple[int, int] | None:
        at_least = reach(config, found.height, found.width)
        if at_least and at_least[0] * at_least[1] > MAX_PIXELS:
            raise PictureError(
                f"{name}: {found.width} x {found.height} pixels would be scaled to "
                f"{at_least[1]} x {at_least[0]}, at most {MAX_PIXELS:,} pixels are accepted; "
                'preprocess.kind "pad" or "resize" takes such strips',
                reason="too-large",
            )
        return at_least

    return decode_picture(data, name=name, max_pixels=max_pixels, reach=needed)
