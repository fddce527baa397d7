"""Damage to picture files that knows their parts: chunks, segments, blocks, directories."""

import itertools
import struct
import zlib

import numpy as np
from mutations import TELLING, truncate

SIGNATURES = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0",
    b"GIF89a",
    b"BM",
    b"RIFF\x00\x10\x00\x00WEBP",
    b"II*\0\x08\0\0\0",
    b"MM\0*\0\0\0\x08",
)


def parts(data):
    """`data` cut where its format has a border; one after the other they are `data` again."""
    if data.startswith(b"\x89PNG"):
        cuts = list(_chunks(data, 8, ">I", 12))
    elif data.startswith(b"RIFF"):
        cuts = list(_chunks(data, 12, "<4xI", 8))
    elif data.startswith(b"\xff\xd8"):
        cuts = list(_segments(data))
    elif data.startswith(b"GIF"):
        cuts = [6, 13, *(place for place in range(13, len(data)) if data[place] in b"\x21\x2c\x3b")]
    elif data.startswith(b"BM"):
        cuts = [2, 14, 18, 22, 26, 30, 34, 54, int.from_bytes(data[10:14], "little")]
    else:
        cuts = list(_directory(data))
    cuts = sorted({0, len(data), *(cut for cut in cuts if 0 < cut < len(data))})
    return [data[start:stop] for start, stop in itertools.pairwise(cuts)]


def _chunks(data, place, form, overhead):
    while place < len(data) - 8:
        yield place
        place += overhead + struct.unpack_from(form, data, place)[0]
        place += place % 2 if form == "<4xI" else 0


def _segments(data):
    place = 2
    while place < len(data) - 4 and data[place] == 0xFF:
        yield place
        if data[place + 1] == 0xDA:
            place = data.find(b"\xff\xda", place + 2)
            if place < 0:
                return
            continue
        place += 2 + struct.unpack_from(">H", data, place + 2)[0]


def _directory(data):
    order = "<" if data[:2] == b"II" else ">"
    start = struct.unpack_from(f"{order}I", data, 4)[0]
    yield start
    for number in range(struct.unpack_from(f"{order}H", data, start)[0]):
        yield start + 2 + 12 * number


def _mended(pieces):
    """Joined; the checksums of PNG and the length of RIFF are made right, so that more is read."""
    if pieces and pieces[0].startswith(b"\x89PNG"):
        pieces = [pieces[0], *(_summed(piece) for piece in pieces[1:])]
    data = b"".join(pieces)
    if data.startswith(b"RIFF"):
        data = data[:4] + struct.pack("<I", len(data) - 8) + data[8:]
    return data


def _summed(chunk):
    if len(chunk) < 12:
        return chunk
    return chunk[:-4] + struct.pack(">I", zlib.crc32(chunk[4:-4]))


def _pick(pieces, rng):
    return int(rng.integers(1, len(pieces))) if len(pieces) > 1 else 0


def remove_part(data, other, rng):
    pieces = parts(data)
    del pieces[_pick(pieces, rng)]
    return _mended(pieces)


def repeat_part(data, other, rng):
    pieces = parts(data)
    place = _pick(pieces, rng)
    pieces[place:place] = [pieces[place]] * int(rng.choice([1, 2, 50, 500]))
    return _mended(pieces)


def swap_parts(data, other, rng):
    pieces = parts(data)
    one, two = _pick(pieces, rng), _pick(pieces, rng)
    pieces[one], pieces[two] = pieces[two], pieces[one]
    return _mended(pieces)


def foreign_part(data, other, rng):
    pieces, others = parts(data), parts(other)
    pieces.insert(_pick(pieces, rng), others[_pick(others, rng)])
    return _mended(pieces)


def damage_part(data, other, rng):
    """Other bytes within a part, its checksum right."""
    pieces = parts(data)
    place = _pick(pieces, rng)
    piece = bytearray(pieces[place])
    for _ in range(int(rng.integers(1, 5))):
        piece[int(rng.integers(len(piece)))] = int(rng.choice([0, 1, 127, 128, 255, 7, 64]))
    pieces[place] = bytes(piece)
    return _mended(pieces)


def change_number(data, other, rng):
    """Another number where a part has its length, size or tag, its checksum right."""
    pieces = parts(data)
    place = _pick(pieces, rng)
    piece = pieces[place]
    at = int(rng.integers(min(len(piece), 24)))
    word = TELLING[rng.integers(len(TELLING))][: int(rng.integers(1, 5))]
    pieces[place] = piece[:at] + word + piece[at + len(word) :]
    return _mended(pieces)


def cut_part(data, other, rng):
    pieces = parts(data)
    place = _pick(pieces, rng)
    pieces[place] = truncate(pieces[place], other, rng)
    return _mended(pieces)


def other_format(data, other, rng):
    """The signature of one format before the content of another."""
    signature = SIGNATURES[rng.integers(len(SIGNATURES))]
    return signature + data[len(signature) :]


def random_bytes(data, other, rng):
    """Noise, half of the time behind a signature."""
    start = SIGNATURES[rng.integers(len(SIGNATURES))] if rng.random() < 0.5 else b""
    return start + rng.bytes(int(rng.integers(1, 400)))


PICTURE_DAMAGES = (
    remove_part,
    repeat_part,
    swap_parts,
    foreign_part,
    damage_part,
    change_number,
    cut_part,
    other_format,
    random_bytes,
)


def noise(*shape, top=256, seed=0):
    return np.random.default_rng(seed).integers(0, top, shape)
