"""Copies of pictures as people make them: saved again, resized, moved, cropped, brightened."""

import io

from PIL import Image, ImageFilter

from kenspeckle.data.decode import decode

CHANGES = ("resize", "shift", "crop", "brightness", "blur")
FORMATS = ("JPEG", "WEBP", "PNG")


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
