"""Small files that would take minutes or gigabytes, found before they do.

A picture of too many pixels is found by its size; these claim few and cost much.
"""

from __future__ import annotations

import struct

from PIL import Image, TiffImagePlugin

from kenspeckle.data.picture_bytes import format_of

MAX_SCANS = 100  # of a progressive JPEG, each over all of its pixels; usual are 3 to 20
MAX_PROFILES = 10  # of a PNG, each of which Pillow inflates; one is allowed
_MAX_TILE = 4096 * 4096  # pixels of a tile of a TIFF that may be larger than its picture
_START_OF_SCAN = b"\xff\xda"
_TILE_WIDTH, _TILE_HEIGHT = 322, 323  # of the TIFF tags


def webp_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) of the canvas, for which libwebp allocates memory when it opens the file."""
    if format_of(data) != "WEBP" or len(data) < 30:
        return None
    if data[12:16] == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def costly_to_open(data: bytes) -> str:
    """What makes reading the header of a picture too long; "" where nothing does."""
    # among pixels the four letters are as good as never
    profiles = data.count(b"iCCP") if format_of(data) == "PNG" else 0
    if profiles > MAX_PROFILES:
        return f"{profiles:,} colour profiles, at most {MAX_PROFILES} are accepted"
    return ""


def costly(data: bytes, image: Image.Image) -> str:
    """What makes decoding the opened `image` too long or too large; "" where nothing does."""
    if image.format == "JPEG" and "progressive" in image.info:
        # within a scan the mark cannot occur; within metadata it can, but hardly ever does
        scans = data.count(_START_OF_SCAN)
        if scans > MAX_SCANS:
            return f"{scans:,} scans, at most {MAX_SCANS} are accepted"
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        tile = image.tag_v2.get(_TILE_WIDTH, 0), image.tag_v2.get(_TILE_HEIGHT, 0)
        if tile[0] * tile[1] > max(_MAX_TILE, 2 * image.width * image.height):
            width, height = image.size
            return f"tiles of {tile[0]} x {tile[1]} pixels for {width} x {height}"
    return ""
