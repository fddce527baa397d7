"""Names of classes, files and runs are text that nobody vouches for, and stay text on the page."""

import base64
import shutil

import pytest
from hostile_names import hostile_names
from page_server import OneProcessDesk, Serving, Shown, Told, Visit, application

from kenspeckle.pages.html import visible
from kenspeckle.runlog import LogRow, record

DOT = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="  # noqa: E501


def shown(name):
    return visible(name).replace("\n", "\\n")


def portable(name):
    """What a name of a folder can be: an operating system takes no slash, no NUL, no surrogate."""
    kept = name.replace("/", "|").replace("\x00", "").encode("utf-8", "ignore").decode()
    return kept if kept.strip(".") else "dots"


class Echo:
    """An insight whose every word is a hostile name."""

    def __init__(self, names):
        self.names = names

    def of(self, picture, *, label="", parts=()):
        top = [
            {"label": name, "index": place, "probability": 0.1}
            for place, name in enumerate(self.names[:10])
        ]
        answer = {"label": self.names[0], "probability": 0.1, "value": None, "classes": 200}
        saliency = {"method": self.names[1], "about": self.names[2], "signed": True}
        layer = {"name": self.names[3], "units": 4, "shown": 4, "height": 1, "width": 1}
        near = {"label": self.names[5], "distance": 0.1, "agrees": False, "picture": DOT}
        return {
            "answer": {**answer, "top": top},
            "seen": {"picture": DOT, "height": 1, "width": 1, "channels": 1, "views": 1},
            "saliency": {**saliency, "label": self.names[0], "overlay": DOT},
            "activations": {
                "layers": [
                    {**layer, "active": 4, "sheet": DOT, "sheet_width": 1, "sheet_height": 1}
                ]
            },
            "neighbours": {"searched": 9, "layer": self.names[4], "pictures": [near]},
        }


@pytest.fixture(scope="module")
def names():
    return hostile_names()


@pytest.fixture(scope="module")
def run_names(names):
    return list(dict.fromkeys(portable(name) for name in names if len(portable(name)) < 60))


@pytest.fixture(scope="module")
def serving(names, run_names, tmp_path_factory):
    runs = tmp_path_factory.mktemp("names") / "runs"
    for place, name in enumerate(run_names):
        (runs / name).mkdir(parents=True)
        told = {"source": names[place], "recipe": names[place], "mark": ""}
        told = {key: portable(value) for key, value in told.items()}
        record(runs, LogRow(run=name, started="", seed=0, status="finished", **told))
    about = {
        "name": names[0],
        "version": "0123456789ab",
        "class_names": names,
        "kind": "resize",
        "shape": [1, 28, 28],
        "task": "classes",
        "card": {"source": names[1]},
    }
    dot = base64.b64decode(DOT.partition(",")[2])
    desk = OneProcessDesk(about=about, insights=Echo(names))
    desk.answers = [
        Shown(f"{place}<&", Told(name, name, 0.5), dot, name) for place, name in enumerate(names)
    ]
    desk.answers.append(Shown("last", Told("last", "none of them", 0.5), dot))
    server = Serving(application(desk, runs))
    yield server
    server.stop()
    shutil.rmtree(runs)


@pytest.fixture(scope="module")
def page(browser, serving):
    visit = Visit(browser, f"{serving.address}/")
    visit.view.click("#more")
    visit.give("drop", "<img src=x onerror=1>.png", b"anything")
    visit.view.wait_for_selector("#neighbour-list li")
    visit.view.click("text=This is wrong")
    return visit


@pytest.fixture(scope="module")
def board(browser, serving):
    return Visit(browser, f"{serving.address}/runs")


def harmless(visit):
    """What must hold of any page, whatever stands on it."""
    assert visit.noticed == []
    assert visit.outward == []
    assert visit.view.locator("iframe, object, base, h1 ~ h1, style, bdi *").count() == 0
    attributes = "[...document.querySelectorAll('*')].flatMap(one => one.getAttributeNames())"
    told = visit.view.evaluate(f"[...new Set({attributes})].filter(name => name.startsWith('on'))")
    assert told == []
    assert visit.view.locator("script").count() == 1


def test_no_name_acts_on_the_page(page):
    harmless(page)
    assert page.view.title().endswith("· Kenspeckle")


def test_every_class_can_be_chosen_by_its_name_as_it_is(page, names):
    # all but the first, because that is what was answered
    assert page.texts("select option")[1:] == [shown(name) for name in names[1:]]


def test_every_file_is_called_by_its_name_as_it_is(page, names):
    assert {shown(name) for name in names} <= set(page.texts("#recent-list small:not(.noted) bdi"))


def test_no_name_of_a_run_acts_in_the_browser_of_runs(board, run_names):
    harmless(board)
    told = board.texts(".board tbody th bdi")
    assert sorted(told) == sorted(shown(name) for name in run_names)


def test_a_run_is_opened_by_whatever_name_it_has(board, run_names):
    for name in run_names[:8]:
        board.view.locator(".board tbody a").nth(run_names.index(name)).click()
        board.wait_for("#detail h2", shown(name))


def test_long_names_make_neither_page_wider_than_a_phone(page, board):
    for visit in (page, board):
        visit.view.set_viewport_size({"width": 400, "height": 900})
        assert visit.overflow <= 0


def test_a_page_that_parsed_names_would_be_noticed(browser, serving, names):
    visit = Visit(browser, f"{serving.address}/")
    visit.view.evaluate("names => { document.body.innerHTML = names.join(' '); }", names)
    visit.view.wait_for_timeout(200)
    with pytest.raises(AssertionError):
        harmless(visit)
    visit.view.close()
