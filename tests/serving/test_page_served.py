"""The page as `ken serve` serves it: under its policy, from its processes."""

import io
import json

import pytest
from page_server import Visit
from PIL import Image


def upright():
    sheet = Image.new("L", (56, 56), 20)
    sheet.paste(230, (25, 0, 31, 56))
    held = io.BytesIO()
    sheet.save(held, "PNG")
    return held.getvalue()


@pytest.fixture(scope="module")
def address(server):
    return f"http://127.0.0.1:{server.port}"


def test_a_picture_that_is_dropped_is_answered_and_kept(browser, address):
    visit = Visit(browser, f"{address}/")
    visit.give("drop", "upright.png", upright())
    visit.wait_for("#called", "upright")
    visit.wait_for("#recent-list", "upright.png")
    visit.view.wait_for_selector("#layer-list img")
    visit.wait_for("#neighbour-words", "They cannot be shown")  # these bars were made in memory
    assert visit.noticed == []
    assert visit.outward == []
    visit.view.close()


def test_the_runs_beside_the_model_are_there(browser, address, run):
    visit = Visit(browser, f"{address}/runs")
    assert visit.texts(".board tbody th bdi") == [run.name]
    visit.wait_for("#detail h2", run.name)
    assert visit.noticed == []
    visit.view.close()


def test_the_answer_of_the_page_is_that_of_a_prediction(server):
    kind = {"Content-Type": "image/png"}
    told = json.loads(server.ask("POST", "/insight?parts=answer", upright(), kind)[2])["answer"]
    status, document = server.predict(upright())
    assert status == 200
    assert told["label"] == document["predictions"][0]["label"] == "upright"
    probability = document["predictions"][0]["probability"]
    assert told["probability"] == pytest.approx(probability, abs=1e-6)


def test_what_looks_inside_is_no_picture_of_another_site(server):
    foreign = {"Origin": "http://example.org", "Content-Type": "image/png"}
    assert server.ask("POST", "/insight", upright(), foreign)[0] == 403
    assert server.ask("POST", "/review", b"{}", foreign)[0] == 403
    assert server.ask("GET", "/runs.json", None, foreign)[0] == 403
