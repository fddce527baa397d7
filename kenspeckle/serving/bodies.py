"""Pictures out of the bodies of requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from kenspeckle.serving.asgi import Message, Receive

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_PICTURES = 64  # in one request
_MAX_PARTS = 2 * MAX_PICTURES  # of a form, fields that are no files among them
_RAW = (b"application/octet-stream", b"application/x-www-form-urlencoded")  # curl's --data-binary


class Unfit(Exception):
    """Why a request cannot be answered: its status and one line."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture as it came, with the name that the client gave it."""

    name: str
    data: bytes | bytearray


def content_type(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The content type in lower case, with its parameters; `Unfit` for what is compressed."""
    found = b""
    for name, value in headers:
        if name == b"content-type":
            found = value
        elif name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
            raise Unfit(415, "compressed bodies are not accepted; send the picture as it is")
    return found


def is_raw(kind: bytes) -> bool:
    """Whether a body of this content type is one picture; `Unfit` for what is neither."""
    plain = kind.partition(b";")[0].strip().lower()
    if not plain or plain in _RAW or plain.startswith(b"image/"):
        return True
    if plain == b"multipart/form-data":
        return False
    raise Unfit(
        415,
        "send a picture (Content-Type image/* or application/octet-stream) or multipart/form-data",
    )


async def admitted(
    scope: Message, receive: Receive, *, admit: Callable[[], None]
) -> bytes | bytearray | None:
    """The body, if `admit` does not raise before it is here; None where the client has gone."""
    if not any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"]):
        raise Unfit(411, "a body with its Content-Length is needed")
    admit()
    message = await receive()
    return message["body"] if message["type"] == "http.request" else None


def uploads(kind: bytes, body: bytes | bytearray) -> list[Upload]:
    """The file parts of a multipart body; `Unfit` where it is malformed or has none."""
    boundary = parse_options_header(kind)[1].get(b"boundary", b"")
    if not 1 <= len(boundary) <= 70:
        raise Unfit(400, "multipart/form-data without a boundary of 1 to 70 characters")
    parts = _Parts()
    try:
        parser = MultipartParser(boundary, parts.callbacks())
        parser.write(bytes(body))
        parser.finalize()
    except MultipartParseError as error:
        raise Unfit(400, "malformed multipart/form-data") from error
    if not parts.is_ended:
        raise Unfit(400, "malformed multipart/form-data: its end is missing")
    if not parts.found:
        raise Unfit(422, "no picture in it; send each as a part with a filename")
    return parts.found


class _Parts:
    """Collects what the parser finds."""

    def __init__(self) -> None:
        self.found: list[Upload] = []
        self.is_ended = False
        self._count = 0
        self._name: str | None = None
        self._field = self._value = b""
        self._pieces: list[bytes] = []

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": lambda: None,
            "on_end": self._finish,
        }

    def _begin(self) -> None:
        self._count += 1
        if self._count > _MAX_PARTS:  # each takes longer than its bytes
            raise Unfit(413, f"over {_MAX_PARTS} parts in one form")
        self._name = None
        self._field = self._value = b""
        self._pieces = []

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._field.lower() == b"content-disposition":
            options = parse_options_header(self._value)[1]
            if b"filename" in options:
                self._name = options[b"filename"].decode("utf-8", errors="replace")[:200]
        self._field = self._value = b""

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._pieces.append(data[start:end])

    def _end(self) -> None:
        if self._name is None:
            return  # an ordinary field of a form
        if len(self.found) == MAX_PICTURES:
            raise Unfit(413, f"over {MAX_PICTURES} pictures in one request")
        self.found.append(Upload(self._name, b"".join(self._pieces)))

    def _finish(self) -> None:
        self.is_ended = True
