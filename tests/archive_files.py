"""Zip and tar archives byte by byte, so that tests can write what no program would."""

import struct
import zlib
from dataclasses import dataclass

FULL = 0xFFFFFFFF


@dataclass(frozen=True, kw_only=True)
class Zipped:
    """A zip member; every field that is given is written, true or not."""

    name: bytes
    content: bytes = b"picture"
    method: int = 0
    flags: int = 0
    mode: int = 0o100644
    unpacked: int | None = None
    packed: int | None = None
    header: int | None = None
    local_mark: bytes = b"PK\3\4"
    local_method: int | None = None
    checksum: int | None = None
    wide: bool = False  # sizes and offset in a zip64 field
    extra: bytes = b""


def zipped(*members, count=None, comment=b"", disk=0, wide=False, start=None, junk=b"", size=None):
    """A zip archive of `members`; `junk` comes before its directory."""
    data, directory = bytearray(), bytearray()
    for member in members:
        content = member.content
        if member.method == 8:
            packer = zlib.compressobj(9, zlib.DEFLATED, -15)
            content = packer.compress(content) + packer.flush()
        packed = len(content) if member.packed is None else member.packed
        unpacked = len(member.content) if member.unpacked is None else member.unpacked
        header = len(data) if member.header is None else member.header
        extra = member.extra
        checksum = zlib.crc32(member.content) if member.checksum is None else member.checksum
        method = member.method if member.local_method is None else member.local_method
        data += struct.pack(
            "<4s5HL2L2H", member.local_mark, 20, member.flags, method, 0, 0, checksum,
            min(packed, FULL), min(unpacked, FULL), len(member.name), 0,
        )  # fmt: skip
        data += member.name + content
        if member.wide:
            extra = struct.pack("<2H3Q", 1, 24, unpacked, packed, header)
            packed = unpacked = header = FULL
        directory += struct.pack(
            "<4s4B4HL2L5H2L", b"PK\1\2", 20, 3, 20, 0, member.flags, member.method, 0, 0, checksum,
            packed, unpacked, len(member.name), len(extra), 0, 0, 0, member.mode << 16, header,
        )  # fmt: skip
        directory += member.name + extra
    data += junk
    begin = len(data) if start is None else start
    count = len(members) if count is None else count
    size = len(directory) if size is None else size
    data += directory
    if wide:
        end = len(data)
        data += struct.pack(
            "<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, disk, disk, count, count, size, begin
        )
        data += struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
        count, size, begin = 0xFFFF, FULL, FULL
    data += struct.pack(
        "<4s4H2LH", b"PK\5\6", disk, disk, count & 0xFFFF, count & 0xFFFF, size, begin, len(comment)
    )
    return bytes(data + comment)


def member(name, content=b"picture", *, kind=b"0", size=None, link=b"", prefix=b"", magic=b"ustar"):
    """A tar member with a right checksum; `size` may be a number or the bytes of the field."""
    size = len(content) if size is None else size
    field = size if isinstance(size, bytes) else b"%011o\0" % size
    header = bytearray(512)
    header[:100] = name[:100].ljust(100, b"\0")
    header[100:124] = b"0000644\0" + b"0000000\0" * 2
    header[124:136] = field.ljust(12, b"\0")
    header[136:148] = b"00000000000\0"
    header[156:157] = kind
    header[157:257] = link[:100].ljust(100, b"\0")
    header[257:265] = magic.ljust(6, b"\0") + b"00"
    header[345:500] = prefix.ljust(155, b"\0")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + content + bytes(-len(content) % 512)


def tarred(*members):
    return b"".join(members) + bytes(1024)


def long_name(name, content=b"picture", **fields):
    """GNU's way to write names of over 100 bytes."""
    return member(b"././@LongLink", name + b"\0", kind=b"L") + member(name, content, **fields)


def record(key, value):
    """One record of a PAX header, which starts with its own length."""
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest) + 1
    while len(b"%d" % length) + len(rest) != length:
        length += 1
    return b"%d" % length + rest


def pax(records, *, kind=b"x"):
    return member(b"PaxHeaders/x", b"".join(record(*each) for each in records.items()), kind=kind)
