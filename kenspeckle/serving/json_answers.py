"""Answers in JSON: every letter ASCII, so that half a surrogate in a name cannot break them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response


def as_json(content: Any, status: int = 200) -> Response:
    """`content` as a document; a number that is none becomes null."""
    return Response(
        json.dumps(finite(content), allow_nan=False, separators=(",", ":")),
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def as_error(text: str, status: int) -> Response:
    """The one line that says what was wrong."""
    return as_json({"error": " ".join(text.split())[:1000]}, status)


def finite(content: Any) -> Any:
    """`content` with null in the place of NaN and infinity."""
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, Mapping):
        return {str(key): finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [finite(value) for value in content]
    return content
