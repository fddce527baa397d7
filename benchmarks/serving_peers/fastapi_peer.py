"""FastAPI with eager torch, as its documentation has it: a threadpool endpoint, the model once.

`POST /predict` takes a multipart upload, `POST /raw` the picture as the body.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import uvicorn
from answering import answers, seen
from fastapi import FastAPI, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from kenspeckle.model_file import Classifier, load


def application(classifier: Classifier) -> FastAPI:
    app = FastAPI()

    def answer(body: bytes) -> JSONResponse:
        with torch.inference_mode():
            return JSONResponse(answers(classifier, [seen(classifier, body)])[0])

    def predict(file: UploadFile) -> JSONResponse:
        return answer(file.file.read())

    async def raw(request: Request) -> JSONResponse:
        return await run_in_threadpool(answer, await request.body())

    # without the annotations of this module as text, which FastAPI could not resolve here
    predict.__annotations__ = {"file": UploadFile, "return": JSONResponse}
    raw.__annotations__ = {"request": Request, "return": JSONResponse}
    app.post("/predict")(predict)
    app.post("/raw")(raw)
    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--port", type=int, required=True)
    chosen = parser.parse_args()
    classifier = load(chosen.model)
    uvicorn.run(application(classifier), host="127.0.0.1", port=chosen.port, access_log=False)


if __name__ == "__main__":
    main()
