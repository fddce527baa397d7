"""The page with a run that knows digits, in a browser."""

import pytest
from page_server import Serving, Visit, application, desk_of
from starlette.responses import JSONResponse

import kenspeckle as ks
from kenspeckle.model_file import load


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A run that knows digits after half a second of training."""
    settings = ["threads=1", "train.epochs=0", "train.steps=60"]
    place = tmp_path_factory.mktemp("digits") / "run"
    return ks.train("mnist", recipe="blink", settings=settings, out=place)


class Troubles:
    """An application that refuses when it is told to."""

    def __init__(self, app):
        self.app, self.refusals, self.asked, self.largest = app, 0, [], 0

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and scope["path"] == "/insight":
            self.asked.append(scope["query_string"].decode())
            length = int(dict(scope["headers"]).get(b"content-length", 0))
            self.largest = max(self.largest, length)
            if self.refusals:
                self.refusals -= 1
                headers = {"Retry-After": "0"}
                answer = JSONResponse({"error": "too many wait"}, 429, headers=headers)
                await answer(scope, receive, send)
                return
        await self.app(scope, receive, send)


@pytest.fixture(scope="module")
def desk(digits):
    return desk_of(load(digits.model_file), digits.path, "digits")


@pytest.fixture(scope="module")
def serving(desk):
    app = Troubles(application(desk))
    server = Serving(app)
    server.app = app
    yield server
    server.stop()


@pytest.fixture
def visit(browser, serving, desk):
    desk.answers.clear()
    desk.reviewed.clear()
    found = Visit(browser, f"{serving.address}/")
    yield found
    found.view.close()
