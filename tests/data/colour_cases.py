"""Pictures of PNG and JPEG, and for each the pixels that its format means.

The expected arrays are computed here, from the pixels that went into the file.
"""

import zlib

import numpy as np
from picture_files import adam7, encoded, exif, filtered_rows, png, png_chunk, scan_line
from PIL import Image

WIDTH, HEIGHT = 13, 10


def noise(*shape, top=256, kind=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, top, shape).astype(kind)


GREY = noise(HEIGHT, WIDTH)
COLOUR = noise(HEIGHT, WIDTH, 3)
DEEP = noise(HEIGHT, WIDTH, top=65536, kind=np.uint16)
DEEP_COLOUR = noise(HEIGHT, WIDTH, 4, top=65536, kind=np.uint16)
PALETTE = noise(256, 3, seed=1)
SOLID = noise(HEIGHT, WIDTH, seed=2) > 100  # where a picture with transparency is opaque
DARK = (COLOUR // 3, 255)  # colours, and the paper that contrasts with them
LIGHT = (255 - COLOUR // 3, 0)
SIZES = [(1, 1), (1, 9), (9, 1), (17, 5), (33, 31)]

# as an array, what each orientation of EXIF wants shown
TURNED = {
    1: lambda pixels: pixels,
    2: np.fliplr,
    3: lambda pixels: np.rot90(pixels, 2),
    4: np.flipud,
    5: lambda pixels: np.swapaxes(pixels, 0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.swapaxes(np.rot90(pixels, 2), 0, 1),
    8: np.rot90,
}
CASES = {}  # name: (bytes of the file, expected array (H, W) or (H, W, C))


def on_paper(colours, paper):
    return np.where(SOLID[..., np.newaxis], colours, paper).astype(np.uint8)


def with_alpha(colours, full=255):
    alpha = (SOLID * full)[..., np.newaxis].astype(colours.dtype)
    return np.concatenate([colours, alpha], axis=2)


def simple_png(levels, *, depth, colour, interlaced=0, **options):
    height, width = levels.shape[:2]
    rows = adam7(levels, depth) if interlaced else [scan_line(row, depth) for row in levels]
    size = width, height
    return png(size, depth=depth, colour=colour, rows=rows, interlaced=interlaced, **options)


def palette_chunks(depth, *, transparent=None, palette=PALETTE):
    chunks = png_chunk(b"PLTE", palette[: 1 << depth].tobytes())
    if transparent is not None:
        chunks += png_chunk(b"tRNS", b"\xff" * transparent + b"\0")
    return chunks


def add_png():
    for interlaced, how in ((0, ""), (1, ", interlaced")):
        for depth in (1, 2, 4, 8):
            levels = noise(HEIGHT, WIDTH, top=1 << depth)
            options = {"depth": depth, "interlaced": interlaced}
            step = 255 // ((1 << depth) - 1)
            CASES[f"PNG grey {depth}{how}"] = simple_png(levels, colour=0, **options), levels * step
            CASES[f"PNG palette {depth}{how}"] = (
                simple_png(levels, colour=3, extra=palette_chunks(depth), **options),
                PALETTE[levels],
            )
            ink = np.full((256, 3), 40, np.uint8)  # dark, so that the paper is white
            CASES[f"PNG palette {depth} with tRNS{how}"] = (
                simple_png(
                    levels,
                    colour=3,
                    extra=palette_chunks(depth, transparent=1, palette=ink),
                    **options,
                ),
                np.where(levels == 1, 255, 40)[..., np.newaxis].repeat(3, axis=2),
            )
        options = {"interlaced": interlaced}
        CASES[f"PNG grey 16{how}"] = (
            simple_png(DEEP, depth=16, colour=0, **options),
            np.round(DEEP / 257),  # scaled
        )
        rgb, rgba = DEEP_COLOUR[..., :3], with_alpha(DEEP_COLOUR[..., :3] // 3, 65535)
        CASES[f"PNG colour 16{how}"] = (
            simple_png(rgb, depth=16, colour=2, **options),
            rgb >> 8,  # the upper byte, as Pillow reads it
        )
        CASES[f"PNG colour and alpha 16{how}"] = (
            simple_png(rgba, depth=16, colour=6, **options),
            on_paper(rgba[..., :3] >> 8, 255),
        )
        CASES[f"PNG colour 8{how}"] = simple_png(COLOUR, depth=8, colour=2, **options), COLOUR
        for name, (colours, paper) in {"dark": DARK, "light": LIGHT}.items():
            CASES[f"PNG {name} and alpha{how}"] = (
                simple_png(with_alpha(colours), depth=8, colour=6, **options),
                on_paper(colours, paper),
            )
    grey = (GREY // 3)[..., np.newaxis]
    CASES["PNG grey and alpha 8"] = (
        simple_png(with_alpha(grey), depth=8, colour=4),
        on_paper(grey.repeat(3, axis=2), 255),
    )
    deep = (DEEP // 3)[..., np.newaxis]
    CASES["PNG grey and alpha 16"] = (
        simple_png(with_alpha(deep, 65535), depth=16, colour=4),
        on_paper((deep >> 8).repeat(3, axis=2), 255),
    )
    level = int(GREY[0, 0])
    dark = np.where(level == GREY, level, GREY // 4)
    CASES["PNG grey with tRNS"] = (
        simple_png(dark, depth=8, colour=0, extra=png_chunk(b"tRNS", bytes([0, level]))),
        np.where(dark == level, 255, dark)[..., np.newaxis].repeat(3, axis=2),
    )
    key = b"".join(bytes([0, channel]) for channel in DARK[0][0, 0])
    CASES["PNG colour with tRNS"] = (
        simple_png(DARK[0], depth=8, colour=2, extra=png_chunk(b"tRNS", key)),
        np.where((DARK[0] == DARK[0][0, 0]).all(axis=2, keepdims=True), 255, DARK[0]),
    )
    for kind in range(5):
        data = png(
            (WIDTH, HEIGHT), depth=8, colour=2, rows=filtered_rows(COLOUR, kind), filtered=True
        )
        CASES[f"PNG filter {kind}"] = data, COLOUR
    CASES["PNG in many parts"] = simple_png(COLOUR, depth=8, colour=2, parts=9), COLOUR
    gamma = png_chunk(b"gAMA", (22_000).to_bytes(4, "big"))
    CASES["PNG gamma, ignored"] = simple_png(COLOUR, depth=8, colour=2, extra=gamma), COLOUR
    profile = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(b"profile"))
    CASES["PNG with a profile, ignored"] = (
        simple_png(COLOUR, depth=8, colour=2, extra=profile),
        COLOUR,
    )
    frames = [Image.fromarray(np.full_like(COLOUR, level)) for level in (10, 200)]
    CASES["PNG animated"] = (
        encoded(COLOUR, "PNG", save_all=True, append_images=frames),
        COLOUR,
    )
    CASES["PNG animated, its default picture apart"] = (
        encoded(COLOUR, "PNG", save_all=True, append_images=frames, default_image=True),
        COLOUR,
    )
    for width, height in SIZES:
        levels = noise(height, width, 3)
        CASES[f"PNG {width} x {height}"] = simple_png(levels, depth=8, colour=2), levels
    for number, turn in TURNED.items():
        tags = png_chunk(b"eXIf", exif(number).tobytes()[6:])
        options = {"depth": 8, "colour": 2}
        CASES[f"PNG turned {number}"] = simple_png(COLOUR, extra=tags, **options), turn(COLOUR)
    CASES["PNG turned behind its pixels"] = (
        simple_png(COLOUR, depth=8, colour=2, behind=tags),
        np.rot90(COLOUR),
    )


def blocks(*shape, seed=3):
    """Flat blocks of 8 x 8, of which JPEG at quality 100 keeps every level."""
    return np.kron(noise(*shape, seed=seed), np.ones((8, 8, 1))).astype(np.uint8)


def from_ycc(planes):
    """Of (H, W, 3) luminance and colour differences the colours, as JFIF defines them."""
    y, cb, cr = np.moveaxis(planes.astype(float) - (0, 128, 128), -1, 0)
    colours = [y + 1.402 * cr, y - 0.344136286 * cb - 0.714136286 * cr, y + 1.772 * cb]
    return np.clip(np.round(np.stack(colours, axis=-1)), 0, 255).astype(np.uint8)


def without_black(cmyk):
    """The colours that inks (H, W, 4), 255 = full, leave of white; no profile, as Pillow does."""
    paper = 255 - cmyk[..., 3:].astype(float)
    return np.clip(np.round(paper - cmyk[..., :3] * paper / 255), 0, 255)


def adobe(data, transform):
    """Set the byte of a JPEG's Adobe segment that says what the channels are."""
    place = data.index(b"Adobe") + 11
    return data[:place] + bytes([transform]) + data[place + 1 :]


def add_jpeg():
    exact = {"quality": 100, "subsampling": 0}
    grey, planes = blocks(2, 3, 1), blocks(2, 3, 3)
    ycc = Image.fromarray(planes, "YCbCr")
    CASES["JPEG grey"] = encoded(grey[..., 0], "JPEG", **exact), grey
    CASES["JPEG colour"] = encoded(ycc, "JPEG", **exact), from_ycc(planes)
    CASES["JPEG progressive"] = encoded(ycc, "JPEG", progressive=True, **exact), from_ycc(planes)
    CASES["JPEG grey, progressive"] = encoded(grey[..., 0], "JPEG", progressive=True, **exact), grey
    cmyk = blocks(2, 3, 4)
    inks = Image.frombytes("CMYK", (24, 16), cmyk.tobytes())
    CASES["JPEG CMYK"] = encoded(inks, "JPEG", **exact), without_black(cmyk)
    # Adobe's files hold 255 minus the ink; of YCCK so much of cyan, magenta and yellow as colours
    ycck = adobe(encoded(inks, "JPEG", **exact), 2)
    inverted = 255 - cmyk
    colours = from_ycc(inverted[..., :3])
    CASES["JPEG YCCK"] = ycck, without_black(np.dstack([colours, cmyk[..., 3:]]))
    for name, profile in {"short": b"profile", "long": bytes(100_000)}.items():
        data = encoded(ycc, "JPEG", icc_profile=profile, **exact)
        CASES[f"JPEG with a {name} profile, ignored"] = data, from_ycc(planes)
    for number, turn in TURNED.items():
        data = encoded(ycc, "JPEG", exif=exif(number), **exact)
        CASES[f"JPEG turned {number}"] = data, turn(from_ycc(planes))
    for width, height in SIZES:
        levels = np.full((height, width), 77, np.uint8)
        CASES[f"JPEG {width} x {height}"] = encoded(levels, "JPEG", quality=100), levels
