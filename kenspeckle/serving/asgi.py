"""The words of ASGI, and an error as an answer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]
Fields = list[tuple[bytes, bytes]]


def error_answer(status: int, text: str, fields: Fields) -> tuple[Message, Message]:
    """The messages of `{"error": text}`, with `fields` in its header."""
    body = json.dumps({"error": text}).encode()
    start = {
        "type": "http.response.start",
        "status": status,
        "headers": [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            *fields,
        ],
    }
    return start, {"type": "http.response.body", "body": body}
