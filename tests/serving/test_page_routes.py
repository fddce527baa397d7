"""The routes of the page: files from a table, bodies within bounds, one line for each refusal."""

import json
import re

import pytest
from page_server import Serving, application, desk_of, fetched

import kenspeckle.serving.page_routes as page_routes
from kenspeckle.model_file import load

PAGE = page_routes.files("kenspeckle.serving").joinpath("page")
FILES = sorted(each.name for each in PAGE.iterdir())


@pytest.fixture(scope="module")
def serving(run):
    server = Serving(application(desk_of(load(run.model_file), None)))
    yield server
    server.stop()


def test_every_file_of_the_page_is_served_and_needed(serving):
    pages = {"index.html": "/", "runs.html": "/runs"}
    texts = []
    for name in FILES:
        status, body = fetched(serving, pages.get(name, f"/page/{name}"))
        assert (status, body) == (200, PAGE.joinpath(name).read_bytes()), name
        texts.append(body.decode())
    unused = [name for name in FILES if name not in pages and not any(name in t for t in texts)]
    assert unused == []


@pytest.mark.parametrize(
    "path",
    [
        "/page/../insight.py",
        "/page/..%2finsight.py",
        "/page/%2e%2e/insight.py",
        "/page//etc/passwd",
        "/page/index.html",
        "/page/style.css/",
        "/page/style.css%00",
        "/page/",
        "/page/__init__.py",
    ],
)
def test_nothing_else_is_a_file_of_the_page(serving, path):
    assert fetched(serving, path)[0] in (404, 307)
    assert b"import" not in fetched(serving, path)[1]


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith((".js", ".html"))])
def test_nothing_is_ever_parsed_and_nothing_stands_inline(name):
    text = PAGE.joinpath(name).read_text()
    ways = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|eval\(|new Function"
    assert not re.search(ways, text)
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=|javascript:", text)
    assert not re.search(r"https?://(?!www\.w3\.org)", text)


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        ("/insight", b"words", 422, "not a picture; expected PNG, JPEG, GIF, BMP, WEBP, TIFF"),
        (
            "/insight?parts=sean",
            b"",
            400,
            "parts must be some of seen, answer, saliency, activations, neighbours",
        ),
        ("/insight?class=3", b"", 400, "class must be a number below 3"),
        ("/insight?class=-1", b"", 400, "class must be a number below 3"),
        ("/insight?class=%C2%B2", b"", 400, "class must be a number below 3"),
        ("/review", b"[]", 400, 'expected {"key": "...", "label": "..."} as application/json'),
        (
            "/review",
            b"[" * 9999,
            400,
            'expected {"key": "...", "label": "..."} as application/json',
        ),
        ("/review", b'{"key": "1", "label": "x"}', 422, "no class of the model is called so"),
        ("/review", b'{"key": "1", "label": "flat"}', 404, "no such answer any more"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(serving, path, body, status, error):
    told, answer = fetched(serving, path, method="POST", body=body)
    assert (told, json.loads(answer)) == (status, {"error": error})


def test_a_body_without_end_is_not_read_to_its_end(serving):
    body = b"0" * ((1 << 16) + 1)
    assert fetched(serving, "/review", method="POST", body=body)[0] == 400
    told, answer = fetched(serving, "/insight", method="POST", body=b"0" * ((20 << 20) + 1))
    error = {"error": "a picture may have at most 20 MiB"}
    assert (told, json.loads(answer)) == (413, error)
