"""What the server accepts of one request, and how long it waits for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class HttpLimits:
    """Sizes in bytes, times in seconds."""

    target: int = 8192  # of the request line: path and query
    field: int = 8192  # of one header field, name and value
    fields: int = 32768  # of all header fields together
    field_count: int = 100
    body: int = 20 << 20
    held: int = 64 << 20  # of all bodies in memory together
    connections: int = 4000
    header_seconds: float = 10.0  # from the first byte to the end of the header
    body_seconds: float = 10.0  # from there to the end of the body
    answer_seconds: float = 30.0  # from there to the answer
    idle_seconds: float = 75.0  # between two requests
    linger_seconds: float = 2.0  # for a client to read an answer before it has sent all
    drain_seconds: float = 8.0  # for all answers after the order to stop
    drain_idle_seconds: float = 1.0  # that connections without a request are kept then
