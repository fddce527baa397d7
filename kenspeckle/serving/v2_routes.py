"""The Open Inference Protocol, version 2: what other programs ask servers of models with."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from kenspeckle.errors import ServingError
from kenspeckle.release import VERSION
from kenspeckle.serving.bodies import Unfit, admitted, content_type
from kenspeckle.serving.desk import ServingDesk
from kenspeckle.serving.v2_tensors import errors, question, told

_LENGTH_OF_JSON = "inference-header-content-length"


def v2_routes(desk: ServingDesk) -> list[BaseRoute]:
    """All paths under /v2."""
    v2 = _V2(desk)
    name = "/v2/models/{name}"
    both = (name, f"{name}/versions/{{version}}")
    return [
        Route("/v2", v2.server),
        Route("/v2/health/live", v2.live),
        Route("/v2/health/ready", v2.ready),
        *(Route(path, v2.model) for path in both),
        *(Route(f"{path}/ready", v2.model_ready) for path in both),
        *(Route(f"{path}/infer", v2.infer, methods=["POST"]) for path in both),
        Route("/v2/repository/index", v2.index, methods=["POST"]),
        Route("/v2/repository/models/{name}/load", v2.load, methods=["POST"]),
    ]


class _V2:
    """What a desk answers to each of them."""

    def __init__(self, desk: ServingDesk) -> None:
        self._desk = desk

    async def server(self, _: Request) -> Response:
        about = {"name": "kenspeckle", "version": VERSION}
        return JSONResponse({**about, "extensions": ["binary_tensor_data", "model_repository"]})

    async def live(self, _: Request) -> Response:
        return JSONResponse({"live": True})

    async def ready(self, _: Request) -> Response:
        return self._readiness({})

    async def model_ready(self, request: Request) -> Response:
        self._check_name(request)
        return self._readiness({"name": self._desk.name})

    async def model(self, request: Request) -> Response:
        self._check_name(request)
        names = list(self._desk.class_names)
        channels, height, width = self._desk.worker.facts["shape"]
        return JSONResponse(
            {
                "name": self._desk.name,
                "versions": [self._desk.version],
                "platform": "kenspeckle",
                "inputs": [{"name": "picture", "datatype": "BYTES", "shape": [-1]}],
                "outputs": [
                    {"name": "probabilities", "datatype": "FP32", "shape": [-1, len(names)]},
                    {"name": "label", "datatype": "BYTES", "shape": [-1]},
                ],
                "parameters": {
                    "class_names": names,
                    "input_channels": channels,
                    "input_height": height,
                    "input_width": width,
                },
            }
        )

    async def infer(self, request: Request) -> Response:
        self._check_name(request)
        content_type(request.scope["headers"])  # refuses what is compressed
        body = await admitted(request.scope, request.receive, admit=self._desk.batcher.admit)
        if body is None:
            return Response()
        asked = question(body, _length_of_json(request))
        said = await self._desk.told(asked.pictures)
        fault = errors(said)
        if fault:
            raise Unfit(422, fault)
        answer, length = told(asked, self._desk.name, said)
        if length is None:
            return Response(answer, media_type="application/json")
        fields = {_LENGTH_OF_JSON: str(length)}
        return Response(answer, media_type="application/octet-stream", headers=fields)

    async def index(self, _: Request) -> Response:
        state = "READY" if self._desk.is_ready else "UNAVAILABLE"
        return JSONResponse(
            [{"name": self._desk.name, "version": self._desk.version, "state": state}]
        )

    async def load(self, request: Request) -> Response:
        self._check_name(request)
        body = await request.body()
        if body.strip() not in (b"", b"{}"):
            # a file or a configuration from the network is never taken
            raise Unfit(400, "nothing can be given with this request; the file is read again")
        try:
            await self._desk.load()
        except ServingError as error:
            raise Unfit(400, str(error)) from error
        return JSONResponse({"name": self._desk.name, "version": self._desk.version})

    def _check_name(self, request: Request) -> None:
        """Raise `Unfit` where the model or the version of the path is not ours."""
        name, version = self._desk.name, self._desk.version
        if request.path_params["name"] != name:
            raise Unfit(404, f"no model of this name; this server has {name}")
        if request.path_params.get("version", version) != version:
            raise Unfit(404, f"no such version; this server has {version}")

    def _readiness(self, about: dict[str, str]) -> Response:
        is_ready = self._desk.is_ready
        return JSONResponse({**about, "ready": is_ready}, status_code=200 if is_ready else 503)


def _length_of_json(request: Request) -> int | None:
    """Where the JSON of a request ends and raw bytes begin; None where it is all JSON."""
    text = request.headers.get(_LENGTH_OF_JSON)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Unfit(400, "Inference-Header-Content-Length must be a number")
    return int(text)
