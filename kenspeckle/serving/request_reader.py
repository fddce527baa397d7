"""Bytes to requests: the parser's callbacks, and the limits of what comes before a body."""

from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING

import httptools

from kenspeckle.serving.asgi import Message
from kenspeckle.serving.http_limits import HttpLimits

if TYPE_CHECKING:
    from kenspeckle.serving.connection import Connection

_SLACK = 1 << 16  # bytes of a header in which a single field does not end, beyond all limits


class RequestReader:
    """Feeds what arrives on a connection to its `Connection`, request by request."""

    def __init__(self, connection: Connection, limits: HttpLimits) -> None:
        self.in_header = False
        self._connection = connection
        self._limits = limits
        self._parser = httptools.HttpRequestParser(self)
        self._is_stopped = False
        self._in_body = False
        self._header_bytes = 0
        self._clear()

    def stop(self) -> None:
        """Read nothing more."""
        self._is_stopped = True
        self.in_header = False

    def feed(self, data: bytes) -> None:
        """Parse `data`; what follows something malformed is not read."""
        if self._is_stopped:
            return
        if not self.in_header and not self._in_body:
            self._begin()
        if self.in_header:
            self._header_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # a client that offers another protocol is answered in this one, and that is the end
            self.stop()
        except httptools.HttpParserError:
            self._refuse(400, "this is no HTTP/1.1 request")
        limits = self._limits
        if self.in_header and self._header_bytes > limits.target + limits.fields + _SLACK:
            self._refuse(431, f"the header fields have over {limits.fields:,} bytes")

    def on_message_begin(self) -> None:
        """A request line follows."""
        if not self.in_header and not self._is_stopped:  # several requests in one piece
            self._begin()
        self._clear()

    def on_url(self, part: bytes) -> None:
        """A piece of the address."""
        self._target += part
        if len(self._target) > self._limits.target:
            self._refuse(414, f"the address has over {self._limits.target:,} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field."""
        self._headers.append((name.lower(), value))
        size = len(name) + len(value)
        self._field_bytes += size
        limits = self._limits
        if size > limits.field:
            self._refuse(431, f"a header field has over {limits.field:,} bytes")
        elif self._field_bytes > limits.fields:
            self._refuse(431, f"the header fields have over {limits.fields:,} bytes")
        elif len(self._headers) > limits.field_count:
            self._refuse(431, f"there are over {limits.field_count} header fields")

    def on_headers_complete(self) -> None:
        """A body follows, or nothing."""
        if self._is_stopped:
            return
        self.in_header, self._in_body = False, True
        self._header_bytes = 0
        scope = self._scope()
        if scope is None:
            self._refuse(400, "the address, the Host or the version of the request is malformed")
            return
        keep_alive = self._parser.should_keep_alive() and not self._parser.should_upgrade()
        self._connection.header_read(scope, keep_alive=keep_alive)

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        if not self._is_stopped:
            self._connection.body_read(data)

    def on_message_complete(self) -> None:
        """The end of the body."""
        self._in_body = False
        if not self._is_stopped:
            self._connection.request_read()

    def _clear(self) -> None:
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._field_bytes = 0

    def _begin(self) -> None:
        self.in_header = True
        self._connection.header_begun()

    def _refuse(self, status: int, text: str) -> None:
        if not self._is_stopped:
            self.stop()
            self._connection.refuse(status, text)

    def _scope(self) -> Message | None:
        """The ASGI scope, but for the two addresses; None where there can be none."""
        version = self._parser.get_http_version()
        hosts = sum(name == b"host" for name, _ in self._headers)
        if version not in ("1.0", "1.1") or hosts > 1 or (not hosts and version == "1.1"):
            return None
        try:
            address = httptools.parse_url(self._target)
            raw_path = address.path or b"/"
            path = urllib.parse.unquote(raw_path.decode("ascii"), errors="strict")
        except (httptools.HttpParserInvalidURLError, UnicodeDecodeError):
            return None
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": version,
            "method": self._parser.get_method().decode("ascii"),
            "scheme": "http",
            "path": path,
            "raw_path": raw_path,
            "query_string": address.query or b"",
            "root_path": "",
            "headers": self._headers,
        }
