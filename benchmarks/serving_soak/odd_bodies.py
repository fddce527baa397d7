"""Bodies of requests that are no pictures, no JSON, no forms, or nearly."""

from __future__ import annotations

import random

from serving_load.messages import BOUNDARY


def odd_body(chooser: random.Random, picture: bytes) -> bytes:
    """One of them; some are pictures."""
    damaged = bytearray(picture)
    for _ in range(chooser.randrange(1, 8)):
        damaged[chooser.randrange(len(damaged))] = chooser.randrange(256)
    deep = chooser.choice((10, 1000, 100_000))
    part = b"--" + BOUNDARY.encode()
    return chooser.choice(
        (
            b"",
            picture,
            bytes(damaged),
            picture[: chooser.randrange(len(picture))],
            chooser.randbytes(chooser.randrange(1, 5000)),
            b"{",
            b"{}",
            b"null",
            b"[]",
            b'"x"',
            b"\xff\xfe",
            b"[" * deep,
            b'{"a":' * deep,
            b'{"inputs": []}',
            b'{"inputs": 3}',
            b'{"inputs": [{}]}',
            b'{"inputs": [{"name": "picture", "datatype": "BYTES", "shape": [1], "data": ["!"]}]}',
            b'{"inputs": [{"name": "picture", "datatype": "BYTES", "shape": [-1], "data": []}]}',
            b'{"inputs": [{"name": "picture", "datatype": "UINT8", "shape": [1, 1e9, 1e9, 3]}]}',
            b'{"inputs": [{"name": "x", "datatype": "UINT8", "shape": [9999999999999999999]}]}',
            b'{"inputs": [{"name": "x", "datatype": "FP64", "shape": "no", "data": {}}]}',
            b'{"inputs": [{"name": "picture", "datatype": "BYTES", "shape": [1], '
            b'"parameters": {"binary_data_size": 99999999999}}]}',
            part,
            part + b"--",
            part + b"\r\n\r\n",
            part + b'\r\nContent-Disposition: form-data; name="',
            part
            + b'\r\nContent-Disposition: form-data; name="f"; filename="../../x.png"\r\n\r\n'
            + bytes(damaged)
            + b"\r\n"
            + part
            + b"--\r\n",
            (part + b'\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\nx\r\n')
            * 300,
            part + b"\r\nX: " + b"y" * 20_000 + b"\r\n\r\nx\r\n" + part + b"--\r\n",
        )
    )
