"""The page over HTTP: its files, the insight into a picture, recent answers and their review.

The files are read once, from a table; no path of a request touches the disk.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kenspeckle.errors import KenspeckleError, ServingError, StorageError
from kenspeckle.serving.http_limits import HttpLimits
from kenspeckle.serving.json_answers import as_error, as_json

PARTS = ("seen", "answer", "saliency", "activations", "neighbours")
_SCRIPT, _STYLE = "text/javascript; charset=utf-8", "text/css; charset=utf-8"
_PAGES = {"/": "index.html", "/runs": "runs.html"}
_FILES = {
    "icon.svg": "image/svg+xml",
    "style.css": _STYLE,
    "runs.css": _STYLE,
    **dict.fromkeys(
        (
            "try.js",
            "pad.js",
            "strokes.js",
            "intake.js",
            "asking.js",
            "answer.js",
            "seen.js",
            "layers.js",
            "neighbours.js",
            "recent.js",
            "shortcuts.js",
            "notice.js",
            "words.js",
            "elements.js",
            "runs.js",
            "board.js",
            "run.js",
            "comparison.js",
            "curves.js",
        ),
        _SCRIPT,
    ),
}
_MOST_PICTURE = HttpLimits().body  # bytes
_MOST_REVIEW = 1 << 16


class Told(Protocol):
    """What was answered."""

    @property
    def name(self) -> str:
        """Of the picture, as the client gave it."""

    @property
    def label(self) -> str:
        """The class."""

    @property
    def probability(self) -> float:
        """Of the class."""


class Shown(Protocol):
    """A recent answer as the page shows it."""

    @property
    def key(self) -> str:
        """By which it is marked."""

    @property
    def answer(self) -> Told:
        """What was answered."""

    @property
    def thumbnail(self) -> bytes:
        """A small PNG or JPEG."""

    @property
    def marked(self) -> str:
        """The class that somebody said is right; "" where nobody did."""


class PageDesk(Protocol):
    """What the page needs of the desk that answers."""

    @property
    def about(self) -> Mapping[str, Any]:
        """`name`, `version`, `class_names`, `kind`, `shape` (C, H, W), `task` and `card`."""

    async def insight(
        self, picture: bytes, *, label: str = "", parts: Sequence[str] = PARTS
    ) -> dict[str, Any]:
        """JSON of `Insight.of`; raises a `KenspeckleError` where the picture cannot be used."""

    def recent(self) -> Sequence[Shown]:
        """Newest first."""

    def mark_wrong(self, key: str, label: str) -> None:
        """Note that the answer `key` should have been `label`; raises for an unknown one."""


def page_routes(desk: PageDesk) -> list[Route]:
    """The page, its files, and what it asks for."""
    folder = files("kenspeckle.serving").joinpath("page")
    kinds = {**_FILES, **dict.fromkeys(_PAGES.values(), "text/html; charset=utf-8")}
    loaded = {name: (folder.joinpath(name).read_bytes(), kind) for name, kind in kinds.items()}

    def file(name: str) -> Response:
        content, kind = loaded[name]
        return Response(content, headers={"Content-Type": kind, "Cache-Control": "no-cache"})

    async def page(request: Request) -> Response:
        return file(_PAGES[request.url.path])

    async def part_of_page(request: Request) -> Response:
        name = request.path_params["file"]
        return file(name) if name in _FILES else as_error("no such file of the page", 404)

    async def about(_: Request) -> Response:
        return as_json({**desk.about, "most_bytes": _MOST_PICTURE})

    async def insight(request: Request) -> Response:
        body = await _body(request, _MOST_PICTURE)
        if body is None:
            return as_error(f"a picture may have at most {_MOST_PICTURE >> 20} MiB", 413)
        asked = request.query_params.get("parts", ",".join(PARTS))
        classes = desk.about["class_names"]
        target = request.query_params.get("class", "")
        if target and not (target.isascii() and target.isdigit() and int(target) < len(classes)):
            return as_error(f"class must be a number below {len(classes)}", 400)
        parts = tuple(part for part in asked.split(",") if part)
        if not set(parts) <= set(PARTS):
            return as_error(f"parts must be some of {', '.join(PARTS)}", 400)
        label = classes[int(target)] if target else ""
        try:
            return as_json(await desk.insight(body, label=label, parts=parts))
        except ServingError as error:
            return as_error(str(error), 503)
        except KenspeckleError as error:
            return as_error(str(error).removeprefix("picture: "), 422)

    async def recent(_: Request) -> Response:
        return as_json(
            [
                {
                    "key": item.key,
                    "name": item.answer.name,
                    "label": item.answer.label,
                    "probability": item.answer.probability,
                    "marked": item.marked,
                }
                for item in desk.recent()
            ]
        )

    async def thumbnail(request: Request) -> Response:
        key = request.query_params.get("key", "")
        found = next((item for item in desk.recent() if item.key == key), None)
        if found is None:
            return as_error("no such answer any more", 404)
        is_png = found.thumbnail.startswith(b"\x89PNG")
        kind = "image/png" if is_png else "image/jpeg"
        return Response(found.thumbnail, media_type=kind, headers={"Cache-Control": "no-store"})

    async def review(request: Request) -> Response:
        body = await _body(request, _MOST_REVIEW)
        told = _object(body)
        if told is None:
            return as_error('expected {"key": "...", "label": "..."} as application/json', 400)
        if told["label"] not in desk.about["class_names"]:
            return as_error("no class of the model is called so", 422)
        try:
            desk.mark_wrong(told["key"], told["label"])
        except KeyError:
            return as_error("no such answer any more", 404)
        except StorageError as error:
            return as_error(str(error), 500)
        except KenspeckleError as error:
            return as_error(str(error), 422)
        return as_json({"key": told["key"], "marked": told["label"]})

    return [
        *(Route(path, page) for path in _PAGES),
        Route("/page/{file}", part_of_page),
        Route("/about.json", about),
        Route("/insight", insight, methods=["POST"]),
        Route("/recent", recent),
        Route("/recent/picture", thumbnail),
        Route("/review", review, methods=["POST"]),
    ]


async def _body(request: Request, most: int) -> bytes | None:
    """The body, or None where it is longer than `most`."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            return None
        parts.append(part)
    return b"".join(parts)


def _object(body: bytes | None) -> dict[str, str] | None:
    """`key` and `label`, both text; None for anything else."""
    try:
        found = json.loads(body or b"")
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or set(found) != {"key", "label"}:
        return None
    return found if all(isinstance(value, str) for value in found.values()) else None
