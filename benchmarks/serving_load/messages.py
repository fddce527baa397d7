"""HTTP/1.1 requests as bytes, made once, and answers taken apart with as little work as will do."""

from __future__ import annotations

from typing import NamedTuple

# statuses of requests that got no answer
LOST = 0  # the connection was closed instead
RESET = -1
REFUSED = -2  # no connection could be had
LATE = -3  # the client gave up
ABANDONED = -4  # the client went away on purpose

BOUNDARY = "kenspeckle-benchmark"


class Answer(NamedTuple):
    """What came back, and when; of a failure the status alone."""

    status: int
    head: bytes
    body: bytes
    arrived: float  # seconds of time.monotonic

    def header(self, name: str) -> str:
        """The value of a header; empty where there is none."""
        wanted = name.lower().encode() + b":"
        for line in self.head.split(b"\r\n")[1:]:
            if line.lower().startswith(wanted):
                return line[len(wanted) :].strip().decode("latin-1")
        return ""


def picture_request(port: int, body: bytes, *, path: str = "/predict", kind: str = "png") -> bytes:
    """A POST whose body is the picture."""
    return _post(port, path, f"image/{kind}", body)


def upload_request(port: int, body: bytes, *, path: str = "/predict", kind: str = "png") -> bytes:
    """A POST of a form with the one file `file`."""
    part = (
        f"--{BOUNDARY}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="picture.{kind}"\r\n'
        f"Content-Type: image/{kind}\r\n\r\n"
    ).encode() + body
    form = part + f"\r\n--{BOUNDARY}--\r\n".encode()
    return _post(port, path, f"multipart/form-data; boundary={BOUNDARY}", form)


def get_request(port: int, path: str) -> bytes:
    """A GET."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()


def _post(port: int, path: str, content_type: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def take(buffer: bytes, arrived: float) -> tuple[Answer, bytes] | None:
    """The first whole answer in `buffer` and what lies behind it; None where more must come.

    Raises `ValueError` where it is no HTTP.
    """
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        if len(buffer) > 65536 or (len(buffer) >= 7 and not buffer.startswith(b"HTTP/1.")):
            raise ValueError(f"no head of an answer: {buffer[:40]!r}")
        return None
    head = buffer[:end]
    lower = head.lower()
    if not lower.startswith(b"http/1."):
        raise ValueError(f"no head of an answer: {buffer[:40]!r}")
    status = int(lower[9:12])
    if status == 100:
        return take(buffer[end + 4 :], arrived)
    place = lower.find(b"\r\ncontent-length:")
    if place < 0:
        if b"\r\ntransfer-encoding:" in lower:
            return _chunked(status, head, buffer, end + 4, arrived)
        if status not in (204, 304):
            raise ValueError("an answer without its length")
        return Answer(status, head, b"", arrived), buffer[end + 4 :]
    stop = lower.find(b"\r\n", place + 2)
    length = int(lower[place + 17 : stop if stop >= 0 else None])
    if len(buffer) < end + 4 + length:
        return None
    whole = end + 4 + length
    return Answer(status, head, buffer[end + 4 : whole], arrived), buffer[whole:]


def _chunked(
    status: int, head: bytes, buffer: bytes, place: int, arrived: float
) -> tuple[Answer, bytes] | None:
    parts = []
    while (line := buffer.find(b"\r\n", place)) >= 0:
        size = int(buffer[place:line].split(b";")[0], 16)
        if len(buffer) < line + 2 + size + 2:
            return None
        parts.append(buffer[line + 2 : line + 2 + size])
        place = line + 2 + size + 2
        if not size:
            return Answer(status, head, b"".join(parts), arrived), buffer[place:]
    return None
