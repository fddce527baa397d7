"""Requests taken apart by a reader that refuses whatever is not quite right."""

from __future__ import annotations

from typing import NamedTuple

LARGEST_HEAD, LARGEST_BODY = 16384, 16 << 20  # bytes


class Request(NamedTuple):
    """A whole request."""

    method: str
    path: str
    body: bytes


class Refused(Exception):
    """What is no request, with the status of the answer."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def take_request(buffer: bytearray) -> Request | None:
    """The first whole request, removed from `buffer`; None where more must come.

    Raises `Refused`.
    """
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        if len(buffer) > LARGEST_HEAD:
            raise Refused(431)
        return None
    try:
        method, path, length = _head(bytes(buffer[:end]).decode("ascii"))
    except ValueError:
        raise Refused(400) from None
    if length > LARGEST_BODY:
        raise Refused(413)
    whole = end + 4 + length
    if len(buffer) < whole:
        return None
    body = bytes(buffer[end + 4 : whole])
    del buffer[:whole]
    return Request(method, path, body)


def _head(text: str) -> tuple[str, str, int]:
    """Method, path and length of the body; `ValueError` where anything is odd."""
    first, *lines = text.split("\r\n")
    method, path, protocol = first.split(" ")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip() or not value.isprintable():
            raise ValueError(line)
        headers[name.lower()] = value.strip()
    length = int(headers.get("content-length", "0"))
    if protocol != "HTTP/1.1" or not path.startswith("/") or "host" not in headers:
        raise ValueError(first)
    if length < 0 or "transfer-encoding" in headers or not method.isalpha():
        raise ValueError(first)
    return method, path, length
