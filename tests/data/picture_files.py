"""Picture files written by hand, for the kinds that Pillow reads and does not write."""

import io
import itertools
import struct
import zlib

import numpy as np
from PIL import Image

ORIENTATION = 0x0112


def encoded(image, form, **options):
    """`image`, an array or a picture, as the bytes of a file by Pillow."""
    buffer = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(buffer, form, **options)
    return buffer.getvalue()


def exif(orientation):
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    return tags


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(size, *, depth, colour, rows, interlaced=0, extra=b"", behind=b"", parts=1, filtered=False):
    """A PNG of scan lines `rows`, which bring their filter's byte with them if `filtered`."""
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, interlaced)
    lines = b"".join(row if filtered else b"\0" + row for row in rows)
    packed = zlib.compress(lines)
    step = -(-len(packed) // parts)
    pieces = [packed[start : start + step] for start in range(0, len(packed), step)]
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + extra
        + b"".join(png_chunk(b"IDAT", piece) for piece in pieces)
        + behind
        + png_chunk(b"IEND", b"")
    )


def scan_line(levels, depth):
    """`levels` (W,) or (W, C) of `depth` bits each, packed."""
    levels = np.asarray(levels).reshape(-1)
    if depth == 16:
        return levels.astype(">u2").tobytes()
    bits = np.unpackbits(levels.astype(np.uint8)[:, np.newaxis], axis=1)[:, 8 - depth :]
    return np.packbits(bits.reshape(-1)).tobytes()


def adam7(levels, depth):
    """The scan lines of `levels` (H, W) or (H, W, C) in the seven passes of an interlaced PNG."""
    starts = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)]
    for top, left, down, right in [*starts, (1, 0, 2, 1)]:
        part = levels[top::down, left::right]
        yield from (scan_line(row, depth) for row in part if row.size)


def filtered_rows(pixels, kind):
    """The scan lines of `pixels` (H, W, C) with filter `kind` of PNG, 0 to 4."""
    height, width, channels = pixels.shape
    padded = np.zeros((height + 1, width + 1, channels), np.int64)
    padded[1:, 1:] = pixels
    left, up, corner = padded[1:, :-1], padded[:-1, 1:], padded[:-1, :-1]
    guess = left + up - corner
    off = [np.abs(guess - side) for side in (left, up, corner)]
    paeth = np.where(
        (off[0] <= off[1]) & (off[0] <= off[2]), left, np.where(off[1] <= off[2], up, corner)
    )
    predicted = (np.zeros_like(left), left, up, (left + up) // 2, paeth)[kind]
    return [bytes([kind]) + row.tobytes() for row in (pixels - predicted).astype(np.uint8)]


def bmp(size, rows, *, bits, palette=(), top_down=False, compression=0, masks=(), packed=b""):
    """A BMP of unpadded `rows` from the top, or of `packed` bytes."""
    width, height = size
    lines = [row + bytes(-len(row) % 4) for row in rows]
    data = packed or b"".join(lines if top_down else lines[::-1])
    table = b"".join(struct.pack("<BBBx", *colour[::-1]) for colour in palette)
    table += b"".join(struct.pack("<I", mask) for mask in masks)
    start = 54 + len(table)
    signed = -height if top_down else height
    return (
        struct.pack("<2sIHHI", b"BM", start + len(data), 0, 0, start)
        + struct.pack("<IiiHHIIiiII", 40, width, signed, 1, bits, compression, len(data), 0, 0,
                      len(palette), 0)
        + table + data
    )  # fmt: skip


_TIFF_TYPES = {1: "B", 3: "H", 4: "I"}


def tiff(size, data, tags, *, order="<", strips=None, following=0):
    """A TIFF of one directory; `tags` are number: (type, values), and win over what is usual."""
    width, height = size
    pieces = strips or [data]
    places = list(itertools.accumulate(map(len, pieces), initial=8))[:-1]
    usual = {
        256: (3, [width]),
        257: (3, [height]),
        258: (3, [8]),
        259: (3, [1]),
        262: (3, [1]),
        273: (4, places),
        277: (3, [1]),
        278: (3, [-(-height // len(pieces))]),
        279: (4, [len(piece) for piece in pieces]),
    }
    entries = {number: entry for number, entry in {**usual, **tags}.items() if entry}
    body = b"".join(pieces)
    body += bytes(len(body) % 2)
    directory, far = b"", b""
    start = 8 + len(body)
    end = start + 2 + 12 * len(entries) + 4
    for number, (kind, values) in sorted(entries.items()):
        value = struct.pack(f"{order}{len(values)}{_TIFF_TYPES[kind]}", *values)
        if len(value) > 4:
            pointer = struct.pack(f"{order}I", end + len(far))
            far += value + bytes(len(value) % 2)
        else:
            pointer = value.ljust(4, b"\0")
        directory += struct.pack(f"{order}HHI", number, kind, len(values)) + pointer
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return (
        mark
        + struct.pack(f"{order}I", start)
        + body
        + struct.pack(f"{order}H", len(entries))
        + directory
        + struct.pack(f"{order}I", following)
        + far
    )
