"""The page as `ken serve` serves it: under its policy, from its processes."""

import io
import json

import pytest
from page_server import Visit
from PIL import Image
from servers import served


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


def test_the_icon_that_a_browser_asks_for_is_there(server):
    status, fields, _ = server.ask("GET", "/favicon.ico")
    assert (status, fields["location"]) == (307, "/page/icon.svg")
    status, fields, icon = server.ask("GET", fields["location"])
    assert (status, fields["content-type"]) == (200, "image/svg+xml")
    assert icon.startswith(b"<svg")
    assert server.ask("GET", "/favicon.png")[0] == 404  # the control


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


TOKEN = "a-token-that-nobody-guesses"


@pytest.fixture(scope="module")
def guarded(run, tmp_path_factory):
    """A server that asks for a token."""
    file = tmp_path_factory.mktemp("token") / "token"
    file.write_text(TOKEN)
    with served(run.path, "--port", "0", "--token-file", file) as found:
        yield f"http://127.0.0.1:{found.port}"


def test_the_page_behind_a_token_works_once_the_browser_has_been_told_it(browser, guarded):
    login = {"username": "anyone", "password": TOKEN}
    visit = Visit(browser, f"{guarded}/", http_credentials=login)
    visit.give("drop", "upright.png", upright())
    visit.wait_for("#called", "upright")
    visit.wait_for("#recent-list", "upright.png")
    visit.view.goto(f"{guarded}/runs")
    visit.view.wait_for_selector(".board tbody th")
    assert visit.noticed == []
    visit.view.close()


def test_a_browser_with_a_wrong_token_sees_nothing_of_the_page(browser, guarded):
    page = browser.new_page(http_credentials={"username": "anyone", "password": "wrong" * 4})
    answer = page.goto(f"{guarded}/")
    assert answer.status == 401
    assert page.locator("#canvas").count() == 0
    page.close()
