"""All routes of the server, behind its guard."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from kenspeckle.serving.asgi import Application, Message, Receive, Send, error_answer
from kenspeckle.serving.batching import Refused
from kenspeckle.serving.bodies import Unfit
from kenspeckle.serving.desk import ServingDesk
from kenspeckle.serving.guards import Guard
from kenspeckle.serving.predict_route import Predict
from kenspeckle.serving.tokens import TokenGate
from kenspeckle.serving.v2_routes import v2_routes


def application(
    desk: ServingDesk,
    *,
    hosts: frozenset[bytes] | None,
    gate: TokenGate | None = None,
    routes: Sequence[BaseRoute] = (),
) -> Application:
    """What answers every request; `routes` are those of the page."""
    predict = Predict(desk)

    async def metrics(_: Request) -> Response:
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return Response(desk.metrics.text(), media_type=kind)

    rest = Starlette(
        routes=[Route("/metrics", metrics), *v2_routes(desk), *routes],
        exception_handlers={HTTPException: _http_error, Unfit: _unfit, Refused: _refused},
    )
    rest.router.redirect_slashes = False

    async def dispatch(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/predict":
            if scope["method"] == "POST":
                await predict(scope, receive, send)
                return
            for message in error_answer(405, "use POST", [(b"allow", b"POST")]):
                await send(message)
        else:
            await rest(scope, receive, send)

    return Guard(dispatch, hosts=hosts, gate=gate)


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    texts = {404: "there is nothing at this address", 405: "this method is not for this address"}
    text = texts.get(error.status_code, error.detail)
    return JSONResponse({"error": text}, error.status_code, headers=error.headers)


async def _unfit(_: Request, error: Exception) -> Response:
    assert isinstance(error, Unfit)
    return JSONResponse({"error": error.text}, error.status)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    headers = {"retry-after": str(error.after)}
    return JSONResponse({"error": error.reason}, error.status, headers=headers)
