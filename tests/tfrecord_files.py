"""An independent writer of TFRecord files, bit by bit, for tests."""

import struct


def crc32c(data):
    """The definition, one bit at a time."""
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = (state >> 1) ^ (0x82F63B78 * (state & 1))
    return state ^ 0xFFFFFFFF


def masked(data):
    found = crc32c(data)
    return (((found >> 15) | (found << 17)) + 0xA282EAD8) % 2**32


def varint(number):
    number %= 2**64
    data = bytearray()
    while number >= 128:
        data.append(number % 128 + 128)
        number //= 128
    return bytes([*data, number])


def field(number, data):
    return varint(number * 8 + 2) + varint(len(data)) + data


def feature(values, *, packed=True):
    """A Feature of bytes, texts, integers or floats."""
    values = values if isinstance(values, list) else [values]
    values = [value.encode() if isinstance(value, str) else value for value in values]
    if values and isinstance(values[0], bytes):
        return field(1, b"".join(field(1, value) for value in values))
    if values and isinstance(values[0], float):
        encoded = [struct.pack("<f", value) for value in values]
        body = field(1, b"".join(encoded)) if packed else b"".join(b"\x0d" + f for f in encoded)
        return field(2, body)
    encoded = [varint(value) for value in values]
    body = field(1, b"".join(encoded)) if packed else b"".join(b"\x08" + f for f in encoded)
    return field(3, body)


def example(features, *, packed=True):
    entries = [
        field(1, field(1, name.encode()) + field(2, feature(values, packed=packed)))
        for name, values in features.items()
    ]
    return field(1, b"".join(entries))


def frame(record):
    length = struct.pack("<Q", len(record))
    return length + struct.pack("<I", masked(length)) + record + struct.pack("<I", masked(record))


def tfrecord(examples, **options):
    return b"".join(frame(example(features, **options)) for features in examples)
