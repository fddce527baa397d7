"""Answers in JSON: every letter ASCII, so that half a surrogate in a name cannot break them."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response

from kenspeckle.storage import without_nan


def as_json(content: Any, status: int = 200) -> Response:
    """`content` as a document; a number that is none becomes null."""
    return Response(
        json.dumps(without_nan(content), allow_nan=False, separators=(",", ":")),
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def as_error(text: str, status: int) -> Response:
    """The one line that says what was wrong."""
    return as_json({"error": " ".join(text.split())[:1000]}, status)
