"""The run browser over HTTP: the leaderboard, one run, two runs, and the report of a run.

A run is asked for by `?run=NAME`, never by a path.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kenspeckle.errors import KenspeckleError, RunError
from kenspeckle.serving.json_answers import as_error, as_json

if TYPE_CHECKING:
    from kenspeckle.serving.run_shelf import RunShelf

# whoever wrote it: no script, no form, no other window, an origin of its own, nothing loaded
REPORT_POLICY = (
    "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def run_routes(folder: Path | None) -> list[Route]:
    """What the page at `/runs` asks of the runs in `folder`; without one there are none."""

    @cache
    def shelf() -> RunShelf:
        # numpy and scipy take half a second, for which no start of a server should wait
        from kenspeckle.serving.run_shelf import RunShelf

        if folder is None:
            raise RunError("this model came without a run folder, so there are no runs")
        return RunShelf(folder)

    async def told(make: Callable[[RunShelf], Any]) -> Response:
        try:
            return as_json(await run_in_threadpool(lambda: make(shelf())))
        except KenspeckleError as error:
            return as_error(str(error), 404)
        except OSError as error:
            return as_error(f"the runs cannot be read: {error.strerror}", 503)

    async def board(_: Request) -> Response:
        return await told(lambda found: found.board())

    async def one(request: Request) -> Response:
        name = request.query_params.get("run", "")
        return await told(lambda found: found.run(name))

    async def comparison(request: Request) -> Response:
        first, second = (request.query_params.get(key, "") for key in ("first", "second"))
        return await told(lambda found: found.comparison(first, second))

    async def report(request: Request) -> Response:
        name = request.query_params.get("run", "")
        try:
            page = await run_in_threadpool(lambda: shelf().report(name))
        except KenspeckleError as error:
            return as_error(str(error), 404)
        except OSError as error:
            return as_error(f"the report cannot be read: {error.strerror}", 503)
        return Response(
            page,
            media_type="text/html; charset=utf-8",
            headers={
                "Content-Security-Policy": REPORT_POLICY,
                "X-Content-Type-Options": "nosniff",
                "Referrer-Policy": "no-referrer",
                # a browser refuses a sandboxed page that asks to be alone among windows
                "Cross-Origin-Opener-Policy": "unsafe-none",
                "Cache-Control": "no-store",
            },
        )

    return [
        Route("/runs.json", board),
        Route("/runs/one.json", one),
        Route("/runs/comparison.json", comparison),
        Route("/runs/report", report),
    ]
