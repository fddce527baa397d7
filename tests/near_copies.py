"""Copies of pictures as people make them: saved again, resized, moved, cropped, brightened."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from kenspeckle.data.decode import decode, read_picture
from kenspeckle.data.thumbnails import thumbnail

STAMPS = Path("/usr/share/tuxpaint/stamps")

CHANGES = ("resize", "shift", "crop", "brightness", "blur")
FORMATS = ("JPEG", "WEBP", "PNG")


@dataclass(frozen=True, kw_only=True)
class Planted:
    """Originals, then exact copies, then near copies, of which each has an original."""

    thumbnails: np.ndarray  # (N, 32, 32)
    digests: np.ndarray  # (N, 16)
    originals: int
    exact: tuple[tuple[int, int], ...]  # original and copy
    near: tuple[tuple[int, int], ...]
    changes: tuple[tuple[str, ...], ...]  # of each near copy


def planted(pictures, *, exact, near, seed, chance=0.5):
    """`pictures` with copies of some of them, drawn with replacement."""
    rng = np.random.default_rng(seed)
    sources = rng.integers(len(pictures), size=exact + near).tolist()
    copies = [near_copy(pictures[source], rng, chance=chance) for source in sources[exact:]]
    everything = [
        *pictures,
        *(pictures[source].copy() for source in sources[:exact]),
        *(copy for copy, _ in copies),
    ]
    pairs = [(source, len(pictures) + place) for place, source in enumerate(sources)]
    return Planted(
        thumbnails=np.stack([thumbnail(picture) for picture in everything]),
        digests=digests(everything),
        originals=len(pictures),
        exact=tuple(pairs[:exact]),
        near=tuple(pairs[exact:]),
        changes=tuple(changes for _, changes in copies),
    )


def digests(pictures):
    """Of their shapes and pixels; (N, 16)."""
    found = [
        hashlib.blake2b(repr(picture.shape).encode() + picture.tobytes(), digest_size=16).digest()
        for picture in pictures
    ]
    return np.frombuffer(b"".join(found), dtype=np.uint8).reshape(-1, 16)


def drawings(*, every=1):
    """Paths and pictures of drawings: stamps of Tux Paint, or rendered ones without a path."""
    paths = sorted(STAMPS.rglob("*.png"))[::every]
    if paths:
        return paths, [read_picture(path) for path in paths]
    return [], [rendered(seed) for seed in range(-(-800 // every))]


def rendered(seed):
    """A drawing (120, 160, 3) of random shapes on a random ground."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (160, 120), tuple(rng.integers(256, size=3).tolist()))
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(3, 9)):
        colour = tuple(rng.integers(256, size=3).tolist())
        corners = rng.integers(-10, 170, size=(4, 2))
        if rng.random() < 0.5:
            draw.polygon([tuple(corner) for corner in corners.tolist()], fill=colour)
        else:
            left, above = corners[:2].min(axis=0).tolist()
            right, below = corners[:2].max(axis=0).tolist()
            draw.ellipse((left, above, right, below), fill=colour)
    return np.asarray(image)


def near_copy(picture, rng, *, chance=0.5):
    """A changed copy of `picture` (H, W, C), and which changes were made to it.

    Each of CHANGES happens with probability `chance` (never shift and crop both); then it is saved
    in one of FORMATS and decoded.
    """
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    changes = [name for name in CHANGES if rng.random() < chance]
    if "shift" in changes and "crop" in changes:
        changes.remove(rng.choice(["shift", "crop"]))
    for name in changes:
        image = _CHANGE[name](image, rng)
    form = str(rng.choice(FORMATS))
    options = {} if form == "PNG" else {"quality": int(rng.integers(30, 96))}
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return decode(buffer.getvalue(), name=form), (*changes, form)


def _resized(image, rng):
    factor = 2 ** rng.uniform(-1, 1)
    size = [max(1, round(side * factor)) for side in image.size]
    return image.resize(size, Image.Resampling.BICUBIC)


def _shifted(image, rng):
    """By up to 5 % of each side; what comes in has the colour of the corner."""
    right, down = (round(side * rng.uniform(-0.05, 0.05)) for side in image.size)
    moved = Image.new(image.mode, image.size, image.getpixel((0, 0)))
    moved.paste(image, (right, down))
    return moved


def _cropped(image, rng):
    """By up to 5 % of each side in all, of which a random part on the left or above."""
    width, height = image.size
    lost = [round(side * rng.uniform(0, 0.05)) for side in image.size]
    left, above = (int(rng.integers(0, some + 1)) for some in lost)
    return image.crop((left, above, left + width - lost[0], above + height - lost[1]))


def _brightened(image, rng):
    factor = rng.uniform(0.9, 1.1)
    return image.point(lambda value: round(value * factor))


def _blurred(image, rng):
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.0)))


_CHANGE = {
    "resize": _resized,
    "shift": _shifted,
    "crop": _cropped,
    "brightness": _brightened,
    "blur": _blurred,
}
