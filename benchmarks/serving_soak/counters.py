"""What a server says that it has counted."""

from __future__ import annotations

import re

from serving_load.connection import ask_once
from serving_load.messages import get_request


async def counter(port: int, name: str) -> int | None:
    """The sum of the lines of /metrics that begin with `name` after a prefix; None without any."""
    text = (await ask_once(port, get_request(port, "/metrics"))).body.decode(errors="replace")
    found = re.findall(rf"^[a-z]*_{re.escape(name)}.*? ([0-9.e+]+)$", text, re.MULTILINE)
    return int(sum(map(float, found))) if found else None
