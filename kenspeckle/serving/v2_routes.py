"""The Open Inference Protocol, version 2: what other programs ask servers of models with."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

import kenspeckle
from kenspeckle.errors import ServingError
from kenspeckle.serving.bodies import Unfit
from kenspeckle.serving.desk import ServingDesk


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
        about = {"name": "kenspeckle", "version": kenspeckle.__version__}
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

    async def load(request: Request) -> Response:
        known(request)
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
        Route("/v2/repository/models/{name}/load", load, methods=["POST"]),
    ]
