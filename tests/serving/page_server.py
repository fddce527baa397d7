"""The page over a desk in this process: what `ken serve` does, without its other processes."""

import asyncio
import base64
import http.client
import io
import itertools
import socket
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

from PIL import Image, ImageDraw
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.routing import Route

from kenspeckle.errors import DataError
from kenspeckle.serving.http_limits import HttpLimits
from kenspeckle.serving.http_server import HttpServer
from kenspeckle.serving.insight import Insight
from kenspeckle.serving.insight_parts import PARTS
from kenspeckle.serving.json_answers import as_json
from kenspeckle.serving.metrics import Metrics
from kenspeckle.serving.page_routes import page_routes
from kenspeckle.serving.run_routes import run_routes

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
            "class_names": list(classifier.class_names),
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


def application(desk, runs: Path | None = None):
    async def predict(request: Request):
        async with request.form() as form:
            parts = [(part.filename, await part.read()) for part in form.getlist("picture")]
        done = [await asyncio.to_thread(desk.predict, *part) for part in parts]
        return as_json({"predictions": done})

    routes = [*page_routes(desk), *run_routes(runs), Route("/predict", predict, methods=["POST"])]
    return Starlette(routes=routes, middleware=[Middleware(Guard)])


class Serving:
    """An application on a free port of this machine, behind our server, in a thread."""

    def __init__(self, app, port=0):
        self.app, self.started = app, threading.Event()
        self.socket = socket.create_server(("127.0.0.1", port))
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self.thread.start()
        self.started.wait()

    async def _serve(self):
        self.loop, self.stopping = asyncio.get_running_loop(), asyncio.Event()
        # of bodies more than the routes take, so that their own limits are seen
        limits = HttpLimits(body=64 << 20, drain_seconds=0.2, drain_idle_seconds=0.0)
        server = HttpServer(self.app, limits=limits, metrics=Metrics())
        await server.start(self.socket)
        self.started.set()
        await self.stopping.wait()
        await server.drain()

    def stop(self):
        self.loop.call_soon_threadsafe(self.stopping.set)
        self.thread.join()
        self.socket.close()


def fetched(serving, path, *, method="GET", body=None, headers=None):
    """Status and body of an answer; the path goes out as it is."""
    connection = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=20)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def picture_file(drawing: Image.Image) -> bytes:
    buffer = io.BytesIO()
    drawing.save(buffer, format="PNG")
    return buffer.getvalue()


class Visit:
    """A page in a browser, and what the browser noticed."""

    def __init__(self, browser, address, *, width=1400, ready="body[data-ready]", **options):
        self.noticed, self.outward = [], []
        self.view = browser.new_page(viewport={"width": width, "height": 900}, **options)
        self.view.set_default_timeout(15_000)
        self.view.on("console", lambda line: self.noticed.append(line.text))
        self.view.on("pageerror", lambda error: self.noticed.append(str(error)))
        self.view.on("dialog", lambda dialog: self.noticed.append(dialog.message))
        self.view.on("request", lambda asked: self._asked(asked.url, address))
        self.view.goto(address)
        self.view.wait_for_selector(ready)

    def _asked(self, url, address):
        own = "/".join(address.split("/")[:3]) + "/"
        if not url.startswith((own, "data:", "blob:")):
            self.outward.append(url)

    def text(self, selector):
        return self.view.locator(selector).inner_text()

    def texts(self, selector):
        return self.view.eval_on_selector_all(selector, "all => all.map(one => one.textContent)")

    def wait_for(self, selector, text):
        self.view.wait_for_function(
            "([selector, text]) => document.querySelector(selector)?.textContent.includes(text)",
            arg=[selector, text],
        )

    @property
    def overflow(self):
        """Pixels by which the page is wider than the window."""
        return self.view.evaluate("document.documentElement.scrollWidth - innerWidth")

    def touch(self, *strokes):
        """Strokes of points in 0..1, with a finger."""
        session = self.view.context.new_cdp_session(self.view)
        for stroke in strokes:
            points = self._on_canvas(stroke)
            for kind, place in (("Start", points[0]), *(("Move", point) for point in points[1:])):
                at = [{"x": place[0], "y": place[1]}]
                session.send(
                    "Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": at}
                )
            session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def _on_canvas(self, stroke):
        box = self.view.locator("#canvas").bounding_box()
        return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]

    def draw(self, *strokes):
        """Strokes of points in 0..1, with the mouse."""
        for stroke in strokes:
            points = self._on_canvas(stroke)
            self.view.mouse.move(*points[0])
            self.view.mouse.down()
            for point in points[1:]:
                self.view.mouse.move(*point, steps=6)
            self.view.mouse.up()

    def give(self, kind, name, data, mime="image/png"):
        """A file by an event of a browser: "drop" or "paste"."""
        self.view.evaluate(
            """([kind, name, numbers, type]) => {
                const held = new DataTransfer();
                held.items.add(new File([new Uint8Array(numbers)], name, { type }));
                const event = kind === "drop"
                    ? new DragEvent("drop", { dataTransfer: held, bubbles: true, cancelable: true })
                    : new ClipboardEvent("paste", { clipboardData: held, bubbles: true });
                document.body.dispatchEvent(event);
            }""",
            [kind, name, list(data), mime],
        )


SEVEN = (((0.28, 0.25), (0.72, 0.25)), ((0.72, 0.25), (0.6, 0.5), (0.48, 0.82)))


def drawn_seven():
    """The same on a sheet of paper."""
    sheet = Image.new("L", (200, 200), 255)
    pen = ImageDraw.Draw(sheet)
    for stroke in SEVEN:
        pen.line([(200 * x, 200 * y) for x, y in stroke], fill=0, width=16, joint="curve")
    return picture_file(sheet)
