"""Small files that claim to be huge, or that cost far more than their size to read."""

import gzip
import struct
import zlib

import numpy as np
from picture_files import bmp, encoded, png, png_chunk, tiff
from PIL import Image

HUGE = (20_000, 50_000, 65_500)
MAX_PIXELS = 100_000_000
NOTHING = zlib.compress(bytes(20 << 20))  # 20 MB of zeros in 20 kB


def png_bombs():
    for side in (*HUGE, 2**31 - 1):
        for colour, depth in ((0, 1), (0, 16), (2, 8), (3, 8), (6, 16)):
            palette = png_chunk(b"PLTE", b"abc") if colour == 3 else b""
            data = png((side, side), depth=depth, colour=colour, rows=[b"\0"], extra=palette)
            yield f"PNG of {side} a side, colour {colour}, depth {depth}", data
    small = {"depth": 8, "colour": 0, "rows": [b"\0" * 4] * 4}
    chunks = {
        "zTXt": png_chunk(b"zTXt", b"key\0\0" + NOTHING),
        "iTXt": png_chunk(b"iTXt", b"key\0\1\0\0\0" + NOTHING),
        "iCCP": png_chunk(b"iCCP", b"key\0\0" + NOTHING),
    }
    for name, chunk in chunks.items():
        yield f"PNG with inflating {name}", png((4, 4), extra=chunk, **small)
        yield f"PNG with inflating {name} at its end", png((4, 4), behind=chunk, **small)
        part = png_chunk(chunk[4:8], chunk[8:-4].replace(NOTHING, zlib.compress(bytes(1_000_000))))
        yield f"PNG with 500 of inflating {name}", png((4, 4), extra=part * 500, **small)
    yield (
        "PNG with 100,000 chunks",
        png((4, 4), extra=png_chunk(b"tEXt", b"a\0b") * 100_000, **small),
    )
    rows = [bytes(1000)] * 20_000
    yield "PNG with more pixels than it says", png((4, 4), **{**small, "rows": rows})


def gif(width, height, blocks):
    return struct.pack("<6sHHBBB", b"GIF89a", width, height, 0x80, 0, 0) + bytes(6) + blocks + b";"


DOT = struct.pack("<BHHHHB", 0x2C, 0, 0, 1, 1, 0) + b"\2\2\x44\1\0"  # a frame of a pixel


def gif_bombs():
    yield "GIF of 50,000 frames", gif(1, 1, DOT * 50_000)
    yield "GIF of 20,000 frames on a large canvas", gif(5000, 5000, DOT * 20_000)
    yield "GIF of 65,535 a side", gif(65_535, 65_535, DOT)
    far = struct.pack("<BHHHHB", 0x2C, 65_535, 65_535, 65_535, 65_535, 0) + b"\2\2\x44\1\0"
    yield "GIF with a frame far outside", gif(1, 1, far)
    comment = b"\x21\xfe" + (b"\xff" + b"x" * 255) * 20_000 + b"\0"
    yield "GIF with a comment of 5 MB", gif(1, 1, comment + DOT)
    yield "GIF of 200,000 empty comments", gif(1, 1, b"\x21\xfe\0" * 200_000 + DOT)


def riff(*chunks):
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for kind, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_bombs():
    for side in (12_000, 16_383):
        bits = (side - 1) | (side - 1) << 14
        yield (
            f"WEBP, lossless, of {side} a side",
            riff((b"VP8L", b"\x2f" + struct.pack("<I", bits) + bytes(20))),
        )
        key = b"\x30\1\0\x9d\x01\x2a" + struct.pack("<HH", side, side) + bytes(20)
        yield f"WEBP of {side} a side", riff((b"VP8 ", key))
    for side in (12_000, 1 << 24):
        canvas = struct.pack("<I", 2) + struct.pack("<I", side - 1)[:3] * 2
        inner = encoded(Image.new("RGB", (4, 4)), "WEBP")[12:]
        yield (
            f"WEBP with a canvas of {side} a side",
            riff((b"VP8X", canvas), (b"ANIM", bytes(6)), (b"ANMF", bytes(16) + inner)),
        )


def bmp_bombs():
    for side in (*HUGE, 2**31 - 1):
        yield f"BMP of {side} a side", bmp((side, side), [b"\0" * 12], bits=24)
        yield f"BMP, packed, of {side} a side", bmp((side, side), [b"\0\1"], bits=8, compression=1)
    data = bytearray(bmp((4, 4), [b"\0" * 12] * 4, bits=24))
    data[14:18] = b"\xff\xff\xff\x7f"
    yield "BMP with a huge header", bytes(data)


def tiff_bombs():
    for side in (*HUGE, 2**31 - 1):
        size = {256: (4, [side]), 257: (4, [side])}
        for compression in (1, 5, 8, 32773):
            tags = {**size, 259: (3, [compression])}
            yield (
                f"TIFF of {side} a side, compression {compression}",
                tiff((1, 1), b"\0" * 8, tags),
            )
    grey = bytes(16)
    for compression in (1, 5, 8):
        kind = {259: (3, [compression])}
        packed = NOTHING if compression == 8 else grey
        huge_strip = {**kind, 278: (4, [2**32 - 1]), 279: (4, [2**31 - 1])}
        yield (
            f"TIFF with a huge strip, compression {compression}",
            tiff((4, 4), packed, huge_strip),
        )
        tiles = {**kind, 322: (4, [65_520]), 323: (4, [32_000]), 324: (4, [8]), 325: (4, [16])}
        tiles |= {273: None, 278: None, 279: None}
        yield f"TIFF with a huge tile, compression {compression}", tiff((4, 4), packed, tiles)
    yield "TIFF with a directory that follows itself", tiff((4, 4), grey, {}, following=24)
    yield "TIFF of 50,000 directories", chain(50_000)
    yield "TIFF of 60,000 strips", tiff((4, 4), b"", {}, strips=[b"\0"] * 60_000)
    counts = {270: (1, [65] * 2_000_000)}
    yield "TIFF with a long description", tiff((4, 4), grey, counts)
    huge_count = bytearray(tiff((4, 4), grey, {270: (4, [1, 2])}))
    place = huge_count.index(struct.pack("<HHI", 270, 4, 2))
    huge_count[place + 4 : place + 8] = b"\xff\xff\xff\x7f"
    yield "TIFF with a tag of 2,000 million values", bytes(huge_count)


def chain(count):
    """A TIFF of `count` directories, each of one picture of a pixel."""
    entries = [(256, 3, 1), (257, 3, 1), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8),
               (277, 3, 1), (278, 3, 1), (279, 4, 1)]  # fmt: skip
    size = 2 + 12 * len(entries) + 4
    body = struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHII", number, kind, 1, value) for number, kind, value in entries
    )
    first = 16
    directories = b"".join(
        body + struct.pack("<I", first + size * (number + 1) if number + 1 < count else 0)
        for number in range(count)
    )
    return b"II*\0" + struct.pack("<I", first) + bytes(8) + directories


def jpeg(image, **options):
    return encoded(image, "JPEG", **options)


def jpeg_bombs():
    for progressive in (False, True):
        data = bytearray(jpeg(Image.new("RGB", (16, 16)), progressive=progressive))
        frame = data.index(b"\xff\xc2" if progressive else b"\xff\xc0")
        for side in HUGE:
            data[frame + 5 : frame + 9] = struct.pack(">HH", side, side)
            how = "progressive" if progressive else "baseline"
            yield f"JPEG, {how}, of {side} a side", bytes(data)
    grey = jpeg(Image.new("L", (4000, 4000), 128), progressive=True)
    last = grey.rfind(b"\xff\xda")
    yield "JPEG of 500 scans", grey[:-2] + grey[last:-2] * 500 + grey[-2:]
    small = jpeg(Image.new("L", (8, 8)))
    yield "JPEG of 50,000 comments", small[:2] + b"\xff\xfe\0\3x" * 50_000 + small[2:]
    exif = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x69\x87\x04\0\1\0\0\0\x08\0\0\0" * 5000
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    yield "JPEG with EXIF that leads back to itself", small[:2] + segment + small[2:]
    yield "JPEG behind a megabyte of padding", small[:2] + b"\xff" * (1 << 20) + small[2:]
    yield "JPEG before 50 MB of nothing", small + bytes(50 << 20)


def other_bombs():
    yield "gz", gzip.compress(bytes(20 << 20))
    yield "gz of a PNG", gzip.compress(png((20_000, 20_000), depth=8, colour=0, rows=[b"\0"]))
    yield "50 MB of zeros", bytes(50 << 20)
    yield "noise", np.random.default_rng(0).bytes(5 << 20)


def bombs():
    """(name, data) of each."""
    for group in (png_bombs, gif_bombs, webp_bombs, bmp_bombs, tiff_bombs, jpeg_bombs, other_bombs):
        yield from group()


def pictures(max_pixels=MAX_PIXELS):
    """What the trial decodes."""
    for name, data in bombs():
        yield name, data, max_pixels
