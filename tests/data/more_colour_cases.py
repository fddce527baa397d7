"""Pictures of GIF, BMP, WebP and TIFF, and for each the pixels that its format means."""

import numpy as np
from colour_cases import (
    CASES,
    COLOUR,
    DARK,
    DEEP,
    DEEP_COLOUR,
    GREY,
    HEIGHT,
    LIGHT,
    PALETTE,
    SOLID,
    TURNED,
    WIDTH,
    noise,
    on_paper,
    with_alpha,
    without_black,
)
from picture_files import bmp, encoded, exif, scan_line, tiff
from PIL import Image


def add_gif():
    image = Image.fromarray(GREY).convert("P")
    image.putpalette(PALETTE.tobytes())
    CASES["GIF"] = encoded(image, "GIF", interlace=0), PALETTE[GREY]
    CASES["GIF interlaced"] = encoded(image, "GIF", interlace=1), PALETTE[GREY]
    others = [Image.new("RGB", (WIDTH, HEIGHT), "red"), Image.new("RGB", (WIDTH, HEIGHT), "blue")]
    CASES["GIF animated"] = (
        encoded(image, "GIF", save_all=True, append_images=others),
        PALETTE[GREY],
    )
    mask = Image.fromarray(SOLID.astype(np.uint8)).convert("P")
    mask.putpalette([200, 200, 200, 40, 40, 40])
    expected = on_paper(np.full_like(COLOUR, 40), 255)
    CASES["GIF transparent"] = encoded(mask, "GIF", transparency=0), expected


def add_bmp():
    size = WIDTH, HEIGHT
    rows = [row[:, ::-1].tobytes() for row in COLOUR]
    CASES["BMP from the bottom"] = bmp(size, rows, bits=24), COLOUR
    CASES["BMP from the top"] = bmp(size, rows, bits=24, top_down=True), COLOUR
    padded = [np.pad(row[:, ::-1], ((0, 0), (0, 1))).tobytes() for row in COLOUR]
    CASES["BMP 32"] = bmp(size, padded, bits=32), COLOUR
    for bits in (1, 4, 8):
        levels = noise(HEIGHT, WIDTH, top=1 << bits)
        packed = [scan_line(row, bits) for row in levels]
        colours = PALETTE[: 1 << bits]
        CASES[f"BMP palette {bits}"] = (
            bmp(size, packed, bits=bits, palette=colours),
            colours[levels],
        )
        greys = np.repeat(np.arange(1 << bits)[:, np.newaxis] * (255 // ((1 << bits) - 1)), 3, 1)
        CASES[f"BMP grey {bits}"] = (
            bmp(size, packed, bits=bits, palette=greys),
            greys[levels] if bits == 4 else greys[levels][..., :1],
        )
    fives = noise(HEIGHT, WIDTH, 3, top=32, kind=np.uint16)
    words = fives[..., 0] << 10 | fives[..., 1] << 5 | fives[..., 2]
    scaled = (fives.astype(int) * 255) // 31
    CASES["BMP 555"] = bmp(size, [row.astype("<u2").tobytes() for row in words], bits=16), scaled
    sixes = noise(HEIGHT, WIDTH, top=64, kind=np.uint16)
    words = fives[..., 0] << 11 | sixes << 5 | fives[..., 2]
    scaled = scaled.copy()
    scaled[..., 1] = (sixes.astype(int) * 255) // 63
    CASES["BMP 565"] = (
        bmp(
            size,
            [row.astype("<u2").tobytes() for row in words],
            bits=16,
            compression=3,
            masks=(0xF800, 0x07E0, 0x001F),
        ),
        scaled,
    )
    runs = b"".join(
        b"".join(bytes([1, level]) for level in row) + b"\0\0" for row in GREY[::-1].tolist()
    )
    CASES["BMP RLE8"] = (
        bmp(size, [], bits=8, palette=PALETTE, compression=1, packed=runs + b"\0\1"),
        PALETTE[GREY],
    )
    fours = noise(HEIGHT, WIDTH, top=16)
    runs = b"".join(
        b"".join(bytes([1, level << 4]) for level in row) + b"\0\0" for row in fours[::-1].tolist()
    )
    CASES["BMP RLE4"] = (
        bmp(size, [], bits=4, palette=PALETTE[:16], compression=2, packed=runs + b"\0\1"),
        PALETTE[fours],
    )


def add_webp():
    exact = {"lossless": True, "exact": True}
    CASES["WEBP"] = encoded(COLOUR, "WEBP", **exact), COLOUR
    CASES["WEBP with a profile, ignored"] = (
        encoded(COLOUR, "WEBP", icc_profile=b"profile", **exact),
        COLOUR,
    )
    for name, (colours, paper) in {"dark": DARK, "light": LIGHT}.items():
        data = encoded(with_alpha(colours), "WEBP", **exact)
        CASES[f"WEBP {name} and alpha"] = data, on_paper(colours, paper)
    others = [Image.new("RGB", (WIDTH, HEIGHT), "red")]
    data = encoded(COLOUR, "WEBP", save_all=True, append_images=others, lossless=True)
    CASES["WEBP animated"] = data, COLOUR
    for number, turn in TURNED.items():
        data = encoded(COLOUR, "WEBP", exif=exif(number), **exact)
        CASES[f"WEBP turned {number}"] = data, turn(COLOUR)


def add_tiff():
    size = WIDTH, HEIGHT
    rgb = {258: (3, [8, 8, 8]), 262: (3, [2]), 277: (3, [3])}
    rows = [row.tobytes() for row in COLOUR]
    for order, name in (("<", "little"), (">", "big")):
        deep = DEEP.astype(f"{order}u2").tobytes()
        CASES[f"TIFF 16, {name} end first"] = (
            tiff(size, deep, {258: (3, [16])}, order=order),
            np.round(DEEP / 257),
        )
        CASES[f"TIFF colour, {name} end first"] = (
            tiff(size, COLOUR.tobytes(), rgb, order=order),
            COLOUR,
        )
    CASES["TIFF in strips"] = tiff(size, b"", rgb, strips=rows), COLOUR
    planes = [plane.tobytes() for plane in np.moveaxis(COLOUR, -1, 0)]
    apart = {**rgb, 284: (3, [2]), 278: (3, [HEIGHT])}
    CASES["TIFF of planes"] = tiff(size, b"", apart, strips=planes), COLOUR
    bits = noise(HEIGHT, WIDTH, top=2)
    lines = b"".join(scan_line(row, 1) for row in bits)
    one = {258: (3, [1])}
    CASES["TIFF 1, black is 0"] = tiff(size, lines, one), bits * 255
    CASES["TIFF 1, white is 0"] = tiff(size, lines, {**one, 262: (3, [0])}), 255 - bits * 255
    CASES["TIFF 8, white is 0"] = tiff(size, GREY.tobytes(), {262: (3, [0])}), 255 - GREY
    fours = noise(HEIGHT, WIDTH, top=16)
    lines = b"".join(scan_line(row, 4) for row in fours)
    CASES["TIFF 4"] = tiff(size, lines, {258: (3, [4])}), fours * 17
    table = (PALETTE.T.astype(int) * 257).reshape(-1).tolist()
    indexed = {262: (3, [3]), 320: (3, table)}
    CASES["TIFF palette"] = tiff(size, GREY.tobytes(), indexed), PALETTE[GREY]
    inks = noise(HEIGHT, WIDTH, 4)
    four = {258: (3, [8] * 4), 262: (3, [5]), 277: (3, [4])}
    CASES["TIFF CMYK"] = tiff(size, inks.tobytes(), four), without_black(inks)
    alpha = {258: (3, [8] * 4), 262: (3, [2]), 277: (3, [4]), 338: (3, [2])}
    CASES["TIFF and alpha"] = tiff(size, with_alpha(DARK[0]).tobytes(), alpha), on_paper(*DARK)
    wide = (DEEP_COLOUR[..., :3]).astype("<u2")
    CASES["TIFF colour 16"] = (
        tiff(size, wide.tobytes(), {**rgb, 258: (3, [16] * 3)}),
        wide >> 8,
    )
    real = (GREY / np.float32(255)).astype("<f4")
    CASES["TIFF of real numbers"] = (
        tiff(size, real.tobytes(), {258: (3, [32]), 339: (3, [3])}),
        GREY,
    )
    pages = [Image.fromarray(np.full_like(COLOUR, level)) for level in (3, 99)]
    data = encoded(COLOUR, "TIFF", save_all=True, append_images=pages)
    CASES["TIFF of three pages"] = data, COLOUR
    for compression in ("packbits", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "zstd"):
        CASES[f"TIFF {compression}"] = encoded(COLOUR, "TIFF", compression=compression), COLOUR
    for compression in ("tiff_ccitt", "group3", "group4"):
        data = encoded(Image.fromarray(bits * 255).convert("1"), "TIFF", compression=compression)
        CASES[f"TIFF {compression}"] = data, bits * 255
    tags = exif(1)
    for number, turn in TURNED.items():
        tags[0x0112] = number
        CASES[f"TIFF turned {number}"] = encoded(COLOUR, "TIFF", exif=tags), turn(COLOUR)
        turned_rgb = {**rgb, 274: (3, [number])}
        data = encoded(COLOUR, "TIFF", exif=tags, compression="tiff_lzw")
        CASES[f"TIFF LZW turned {number}"] = data, turn(COLOUR)
        data = tiff(size, COLOUR.tobytes(), turned_rgb, order=">")
        CASES[f"TIFF by hand turned {number}"] = data, turn(COLOUR)
