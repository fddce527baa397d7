"""The Open Inference Protocol, version 2: what other programs ask servers of models with."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from kenspeckle.errors import ServingError
from kenspeckle.release import VERSION
from kenspeckle.serving.bodies import Unfit, content_type, has_length
from kenspeckle.serving.desk import ServingDesk
from kenspeckle.serving.v2_tensors import errors, question, told


def v2_routes(desk: ServingDesk) -> list[BaseRoute]:
    """All paths under /v2."""

    def known(request: Request) -> None:
        """Raise `Unfit` where the model or the version of the path is not ours."""
        name = request.path_params["name"]
        version = request.path_params.get("version", desk.version)
        if name != desk.name:
            raise Unfit(404, f"no model of this name; this server has {desk.name}")
        if version != desk.version:
            raise Unfit(404, f"no such version; this server has {desk.version}")

    async def server(_: Request) -> Response:
        about = {"name": "kenspeckle", "version": VERSION}
        return JSONResponse({**about, "extensions": ["binary_tensor_data", "model_repository"]})

    async def live(_: Request) -> Response:
        return JSONResponse({"live": True})

    async def ready(_: Request) -> Response:
        return JSONResponse({"ready": desk.is_ready}, status_code=200 if desk.is_ready else 503)

    async def model_ready(request: Request) -> Response:
        known(request)
        return JSONResponse(
            {"name": desk.name, "ready": desk.is_ready}, status_code=200 if desk.is_ready else 503
        )

    async def model(request: Request) -> Response:
        known(request)
        channels, height, width = desk.worker.facts["shape"]
        return JSONResponse(
            {
                "name": desk.name,
                "versions": [desk.version],
                "platform": "kenspeckle",
                "inputs": [{"name": "picture", "datatype": "BYTES", "shape": [-1]}],
                "outputs": [
                    {
                        "name": "probabilities",
                        "datatype": "FP32",
                        "shape": [-1, len(desk.class_names)],
                    },
                    {"name": "label", "datatype": "BYTES", "shape": [-1]},
                ],
                "parameters": {
                    "class_names": list(desk.class_names),
                    "input_channels": channels,
                    "input_height": height,
                    "input_width": width,
                },
            }
        )

    async def infer(request: Request) -> Response:
        known(request)
        content_type(request.scope["headers"])  # refuses what is compressed
        if not has_length(request.scope):
            raise Unfit(411, "a body with its Content-Length is needed")
        desk.batcher.admit()
        message = await request.receive()
        if message["type"] == "http.disconnect":
            return Response()
        length = request.headers.get("inference-header-content-length")
        if length is not None and not (length.isascii() and length.isdigit() and len(length) < 10):
            raise Unfit(400, "Inference-Header-Content-Length must be a number")
        asked = question(message["body"], int(length) if length else None)
        said = await desk.told(asked.pictures)
        fault = errors(said)
        if fault:
            raise Unfit(422, fault)
        body, header_length = told(asked, desk.name, said)
        if header_length is None:
            return Response(body, media_type="application/json")
        return Response(
            body,
            media_type="application/octet-stream",
            headers={"inference-header-content-length": str(header_length)},
        )

    async def index(_: Request) -> Response:
        state = "READY" if desk.is_ready else "UNAVAILABLE"
        return JSONResponse([{"name": desk.name, "version": desk.version, "state": state}])

    async def load(request: Request) -> Response:
        known(request)
        body = await request.body()
        if body.strip() not in (b"", b"{}"):
            # a file or a configuration from the network is never taken
            raise Unfit(400, "nothing can be given with this request; the file is read again")
        try:
            await desk.load()
        except ServingError as error:
            raise Unfit(400, str(error)) from error
        return JSONResponse({"name": desk.name, "version": desk.version})

    name = "/v2/models/{name}"
    both = (name, f"{name}/versions/{{version}}")
    return [
        Route("/v2", server),
        Route("/v2/health/live", live),
        Route("/v2/health/ready", ready),
        *(Route(path, model) for path in both),
        *(Route(f"{path}/ready", model_ready) for path in both),
        *(Route(f"{path}/infer", infer, methods=["POST"]) for path in both),
        Route("/v2/repository/index", index, methods=["POST"]),
        Route("/v2/repository/models/{name}/load", load, methods=["POST"]),
    ]
