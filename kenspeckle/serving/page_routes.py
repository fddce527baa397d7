"""The page over HTTP: its files, the insight into a picture, recent answers and their review.

The files are read once, from a table; no path of a request touches the disk.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
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
    page = _Page(desk)
    return [
        *(Route(path, page.page) for path in _PAGES),
        Route("/page/{file}", page.part),
        Route("/favicon.ico", page.icon),  # asked for beside what names no icon, such as a report
        Route("/about.json", page.about),
        Route("/insight", page.insight, methods=["POST"]),
        Route("/recent", page.recent),
        Route("/recent/picture", page.thumbnail),
        Route("/review", page.review, methods=["POST"]),
    ]


class _Page:
    """What a desk answers to each of them."""

    def __init__(self, desk: PageDesk) -> None:
        self._desk = desk
        folder = files("kenspeckle.serving").joinpath("page")
        names = [*_PAGES.values(), *_FILES]
        self._files = {name: folder.joinpath(name).read_bytes() for name in names}

    async def page(self, request: Request) -> Response:
        return self._file(_PAGES[request.url.path], "text/html; charset=utf-8")

    async def part(self, request: Request) -> Response:
        name = request.path_params["file"]
        if name not in _FILES:
            return as_error("no such file of the page", 404)
        return self._file(name, _FILES[name])

    async def icon(self, _: Request) -> Response:
        return RedirectResponse("/page/icon.svg")

    async def about(self, _: Request) -> Response:
        return as_json({**self._desk.about, "most_bytes": _MOST_PICTURE})

    async def insight(self, request: Request) -> Response:
        body = await _body(request, _MOST_PICTURE)
        if body is None:
            return as_error(f"a picture may have at most {_MOST_PICTURE >> 20} MiB", 413)
        asked = request.query_params.get("parts", ",".join(PARTS))
        classes = self._desk.about["class_names"]
        target = request.query_params.get("class", "")
        if target and not (target.isascii() and target.isdigit() and int(target) < len(classes)):
            return as_error(f"class must be a number below {len(classes)}", 400)
        parts = tuple(part for part in asked.split(",") if part)
        if not set(parts) <= set(PARTS):
            return as_error(f"parts must be some of {', '.join(PARTS)}", 400)
        label = classes[int(target)] if target else ""
        try:
            return as_json(await self._desk.insight(body, label=label, parts=parts))
        except ServingError as error:
            return as_error(str(error), 503)
        except KenspeckleError as error:
            return as_error(str(error).removeprefix("picture: "), 422)

    async def recent(self, _: Request) -> Response:
        return as_json(
            [
                {
                    "key": item.key,
                    "name": item.answer.name,
                    "label": item.answer.label,
                    "probability": item.answer.probability,
                    "marked": item.marked,
                }
                for item in self._desk.recent()
            ]
        )

    async def thumbnail(self, request: Request) -> Response:
        key = request.query_params.get("key", "")
        found = next((item for item in self._desk.recent() if item.key == key), None)
        if found is None:
            return as_error("no such answer any more", 404)
        is_png = found.thumbnail.startswith(b"\x89PNG")
        kind = "image/png" if is_png else "image/jpeg"
        return Response(found.thumbnail, media_type=kind, headers={"Cache-Control": "no-store"})

    async def review(self, request: Request) -> Response:
        told = _object(await _body(request, _MOST_REVIEW))
        if told is None:
            return as_error('expected {"key": "...", "label": "..."} as application/json', 400)
        if told["label"] not in self._desk.about["class_names"]:
            return as_error("no class of the model is called so", 422)
        try:
            self._desk.mark_wrong(told["key"], told["label"])
        except KeyError:
            return as_error("no such answer any more", 404)
        except StorageError as error:
            return as_error(str(error), 500)
        except KenspeckleError as error:
            return as_error(str(error), 422)
        return as_json({"key": told["key"], "marked": told["label"]})

    def _file(self, name: str, kind: str) -> Response:
        headers = {"Content-Type": kind, "Cache-Control": "no-cache"}
        return Response(self._files[name], headers=headers)


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
