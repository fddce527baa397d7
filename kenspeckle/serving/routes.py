"""The names by which requests are counted; a path that is none of ours counts as "other"."""

from __future__ import annotations

_WHOLE = {"/", "/predict", "/metrics", "/v2", "/v2/health/live", "/v2/health/ready", "/runs",
          "/insight", "/recent", "/review", "/about.json", "/runs.json"}  # fmt: skip
_WITHIN = ("/page", "/runs", "/recent", "/insight")


def route_of(path: str) -> str:
    """One of a closed list, because whoever asks chooses the path."""
    if path in _WHOLE:
        return path
    if path.startswith("/v2/models/"):
        last = path.rpartition("/")[2]
        return f"/v2/models/{last}" if last in ("infer", "ready") else "/v2/models"
    if path.startswith("/v2/repository/"):
        return "/v2/repository"
    for start in _WITHIN:
        if path.startswith(f"{start}/"):
            return start
    return "other"
