"""Names of classes and files are text that nobody vouches for, and stay text on every page."""

import pytest
from briefings import briefing
from hostile_names import hostile_names

from kenspeckle.pages import html
from kenspeckle.pages.html import visible
from kenspeckle.pages.run_page import run_page


class Visit:
    """What a browser noticed while it showed a page."""

    def __init__(self, browser, path, *, scripts=True):
        self.noticed = []
        self.requests = []
        self.view = browser.new_page(viewport={"width": 1400, "height": 900})
        self.view.on("console", lambda line: self.noticed.append(line.text))
        self.view.on("pageerror", lambda error: self.noticed.append(str(error)))
        self.view.on("dialog", lambda dialog: self.noticed.append(dialog.message))
        self.view.on("request", lambda request: self.requests.append(request.url))
        self.view.goto(path.as_uri())
        self.view.wait_for_timeout(200)

    @property
    def outward(self):
        """What it asked of anybody else."""
        return [url for url in self.requests if not url.startswith(("file:", "data:"))]

    def texts(self, selector):
        return self.view.eval_on_selector_all(selector, "all => all.map(one => one.textContent)")


def shown(name):
    return visible(name).replace("\n", "\\n")


@pytest.fixture(scope="module")
def names():
    return hostile_names()


@pytest.fixture(scope="module")
def visit(browser, names, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_bytes(run_page(briefing(names, file_names=names, each=3)).encode())
    return Visit(browser, path)


def test_there_are_two_hundred_different_names(names):
    assert len(set(names)) == 200


def test_no_name_runs_a_script_asks_for_anything_or_disturbs_the_browser(visit):
    assert visit.view.title().startswith("a run: ")
    assert visit.noticed == []
    assert visit.outward == []


def test_every_name_stands_on_the_page_as_it_is(visit, names):
    assert {shown(name) for name in names} <= set(visit.texts("bdi"))
    cells = visit.texts("#data details th[scope=row] bdi")
    assert cells[:200] == [shown(name) for name in names]


def test_no_name_becomes_an_element_or_leaves_its_place(visit):
    assert visit.view.locator("script, iframe, object, base, form, link, h1 ~ h1").count() == 0
    assert visit.view.locator("main > section").count() == 8
    assert visit.view.evaluate("document.querySelectorAll('bdi *').length") == 0
    kinds = visit.view.evaluate(
        "[...new Set([...document.querySelectorAll('*')].flatMap("
        "one => one.getAttributeNames()))].filter(name => name.startsWith('on') || name == 'style')"
    )
    assert kinds == []


def test_long_names_do_not_make_the_page_wider_than_the_window(visit):
    for width in (400, 1400):
        visit.view.set_viewport_size({"width": width, "height": 900})
        assert visit.view.evaluate("document.documentElement.scrollWidth") == width


def test_without_escaping_the_same_names_would_break_the_page(
    browser, names, tmp_path, monkeypatch
):
    plain = html.Environment
    monkeypatch.setattr(
        html, "Environment", lambda **settings: plain(**{**settings, "autoescape": False})
    )
    monkeypatch.setattr(html, "name", lambda text: f"<bdi>{visible(text)}</bdi>")
    path = tmp_path / "report.html"
    path.write_bytes(run_page(briefing(names, file_names=names, each=3)).encode())
    control = Visit(browser, path)
    assert control.noticed  # the policy refuses scripts and styles, and the browser says so
    assert control.view.locator("script, iframe").count() > 0
    assert not {shown(name) for name in names} <= set(control.texts("bdi"))


def test_without_a_policy_a_script_that_got_in_would_run(browser, tmp_path):
    path = tmp_path / "page.html"
    path.write_text("<!doctype html><title>still</title><script>document.title = 'ran'</script>")
    assert Visit(browser, path).view.title() == "ran"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\x00b", "a\\x00b"),
        ("\u202eabc", "\\u202eabc"),
        ("\udcff", "\\udcff"),
        ("\U0001fffe", "\\U0001fffe"),
        ("two\nlines", "two\nlines"),
        ("👩‍👩‍👧 עברית é", "👩‍👩‍👧 עברית é"),
    ],
)
def test_what_does_not_show_is_written_out_and_nothing_else(text, expected):
    assert visible(text) == expected
