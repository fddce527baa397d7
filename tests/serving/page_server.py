"""The page over a desk in this process: what `ken serve` does, without its other processes."""

import asyncio
import base64
import io
import itertools
import socket
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import uvicorn
from PIL import Image
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.routing import Route

from kenspeckle.errors import DataError
from kenspeckle.serving.insight import PARTS, Insight
from kenspeckle.serving.json_answers import as_json
from kenspeckle.serving.page_routes import page_routes
from kenspeckle.serving.run_routes import run_routes
from kenspeckle.serving.run_shelf import RunShelf

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass
class Told:
    name: str
    label: str
    probability: float


@dataclass
class Shown:
    key: str
    answer: Told
    thumbnail: bytes
    marked: str = ""


@dataclass
class OneProcessDesk:
    """Answers where it is asked; keeps what was called wrong."""

    about: dict
    insights: Insight
    answers: list = field(default_factory=list)
    reviewed: list = field(default_factory=list)
    _keys: itertools.count = field(default_factory=itertools.count)

    async def insight(self, picture, *, label="", parts=PARTS):
        return await asyncio.to_thread(self.insights.of, picture, label=label, parts=parts)

    def recent(self):
        return self.answers

    def mark_wrong(self, key, label):
        place = next((n for n, each in enumerate(self.answers) if each.key == key), None)
        if place is None:
            raise KeyError(key)
        self.answers[place] = replace(self.answers[place], marked=label)
        self.reviewed.append((self.answers[place].answer.name, label))

    def predict(self, name, picture):
        try:
            found = self.insights.of(picture, parts=("answer", "seen"))
        except DataError as error:
            return {"name": name, "error": str(error)}
        answer = found["answer"]
        thumbnail = base64.b64decode(found["seen"]["picture"].split(",")[1])
        key = str(next(self._keys))
        told = Told(name, answer["label"], answer["probability"])
        self.answers.insert(0, Shown(key, told, thumbnail))
        return {"name": name, "label": answer["label"], "error": ""}


def desk_of(classifier, run: Path | None, name="model") -> OneProcessDesk:
    return OneProcessDesk(
        about={
            "name": name,
            "version": "0123456789ab",
            "classes": list(classifier.class_names),
            "kind": classifier.preprocess.kind,
            "shape": list(classifier.shape),
            "task": classifier.task,
            "card": dict(classifier.card),
        },
        insights=Insight(classifier, run),
    )


class Guard:
    """The policy of the server, where an answer does not bring its own."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        async def sent(message):
            if message["type"] == "http.response.start":
                names = {name.lower() for name, _ in message["headers"]}
                if b"content-security-policy" not in names:
                    message["headers"].append((b"content-security-policy", POLICY.encode()))
            await send(message)

        await self.app(scope, receive, sent)


def application(desk, shelf: RunShelf | None = None):
    async def predict(request: Request):
        form = await request.form()
        parts = [(part.filename, await part.read()) for part in form.getlist("picture")]
        done = [await asyncio.to_thread(desk.predict, *part) for part in parts]
        return as_json({"predictions": done})

    routes = [*page_routes(desk), *run_routes(shelf), Route("/predict", predict, methods=["POST"])]
    return Starlette(routes=routes, middleware=[Middleware(Guard)])


class Serving:
    """An application on a free port of this machine, in a thread."""

    def __init__(self, app, port=0):
        self.socket = socket.create_server(("127.0.0.1", port))
        self.port = self.socket.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        settings = uvicorn.Config(app, log_level="critical", lifespan="off", ws="none")
        self.server = uvicorn.Server(settings)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]})
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)

    def stop(self):
        self.server.should_exit = self.server.force_exit = True
        self.thread.join()
        self.socket.close()


def picture_file(drawing: Image.Image) -> bytes:
    buffer = io.BytesIO()
    drawing.save(buffer, format="PNG")
    return buffer.getvalue()


