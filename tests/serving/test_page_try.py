"""The page in a real browser: a digit is drawn and told, whatever the hand holds."""

import asyncio
import itertools
import re

import pytest
from page_server import SEVEN, Serving, Visit, application, desk_of, drawn_seven
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


def test_a_drawn_seven_is_told_with_all_that_is_seen_of_it(visit):
    visit.draw(*SEVEN)
    visit.wait_for("#spoken", "7")
    assert visit.text("#called") == "7"
    assert visit.text("#sentence").startswith(
        ("The network says 7, with probability", "Probably 7")
    )
    assert visit.texts("#bars bdi") == list("0123456789")
    assert visit.view.locator("#bars .best").inner_text().split()[0] == "7"
    assert visit.view.locator("#seen-picture").evaluate("one => one.naturalWidth") == 28
    assert visit.view.locator("#overlay").is_visible()
    visit.view.wait_for_selector("#neighbour-list li")
    assert visit.view.locator("#neighbour-list li").count() == 5
    assert visit.view.locator("#layer-list code").all_inner_texts()[0] == "block1.activation"
    assert visit.noticed == []
    assert visit.outward == []


def test_the_answer_comes_while_the_pen_is_down(visit):
    box = visit.view.locator("#canvas").bounding_box()
    place = lambda x, y: (box["x"] + x * box["width"], box["y"] + y * box["height"])  # noqa: E731
    visit.view.mouse.move(*place(0.5, 0.2))
    visit.view.mouse.down()
    visit.view.mouse.move(*place(0.5, 0.8), steps=8)
    visit.wait_for("#called", "1")
    visit.view.mouse.up()


def test_a_stroke_is_taken_back_and_the_rest_cleared(visit):
    visit.draw(*SEVEN)
    visit.wait_for("#spoken", "7")
    told = visit.text("#sentence")
    visit.view.click("#undo")
    before = "told => document.querySelector('#sentence').textContent !== told"
    visit.view.wait_for_function(before, arg=told)
    visit.view.click("#clear")
    visit.wait_for("#called", "?")
    assert visit.view.locator("#hint").is_visible()
    assert visit.view.locator("#neighbours").is_hidden()


@pytest.mark.parametrize("kind", ["drop", "paste", "open"])
def test_a_picture_from_elsewhere_is_told_and_kept_among_recent_answers(visit, kind):
    if kind == "open":
        given = {"name": "seven.png", "mimeType": "image/png", "buffer": drawn_seven()}
        visit.view.set_input_files("#file", given)
    else:
        visit.give(kind, "seven.png", drawn_seven())
    visit.wait_for("#called", "7")
    assert visit.view.locator("#preview").is_visible()
    visit.wait_for("#recent-list", "seven.png")
    assert visit.noticed == []


def test_a_wrong_answer_is_noted_with_its_right_class(visit, desk):
    visit.give("drop", "seven.png", drawn_seven())
    visit.view.click("text=This is wrong")
    visit.view.select_option("select", label="1")
    visit.view.click("text=Note it")
    visit.wait_for("#recent-list", "Noted: 1")
    assert desk.reviewed == [("seven.png", "1")]


def test_a_drawing_is_called_wrong_where_its_answer_stands(visit, desk):
    visit.draw(*SEVEN)
    visit.wait_for("#spoken", "7")
    assert visit.view.locator("#recent").is_hidden()  # drawings are nobody's business until then
    visit.view.click("#wrong")
    visit.view.select_option("#recent-list select", label="1")
    assert visit.view.locator("#wrong").is_hidden()  # once for each drawing
    visit.view.click("text=Note it")
    visit.wait_for("#recent-list", "Noted: 1")
    assert desk.reviewed == [("drawing.png", "1")]
    visit.view.click("#clear")
    assert visit.view.locator("#wrong").is_hidden()


def test_a_drawing_that_is_not_kept_marks_no_other(visit, desk):
    visit.give("drop", "drawing.png", drawn_seven())  # of the name that drawings get
    visit.wait_for("#recent-list", "drawing.png")
    visit.view.click("#clear")
    visit.wait_for("#called", "?")
    visit.draw(*SEVEN)
    visit.wait_for("#spoken", "7")
    refusal = {"status": 422, "json": {"error": "not today"}}
    visit.view.route("**/predict", lambda route: route.fulfill(**refusal))
    visit.view.click("#wrong")
    visit.wait_for("#notice", "This answer is not among the recent ones. Try again.")
    assert visit.view.locator("#recent-list form").count() == 0
    visit.view.unroute("**/predict")
    visit.view.click("#wrong")
    visit.view.wait_for_selector("#recent-list li:first-child form")
    assert visit.view.locator("#recent-list li").count() == 2


def test_a_picture_that_could_not_be_kept_is_kept_when_it_is_asked_for_again(visit, desk):
    refusal = {"status": 422, "json": {"error": "not today"}}
    visit.view.route("**/predict", lambda route: route.fulfill(**refusal))
    visit.give("drop", "seven.png", drawn_seven())
    visit.wait_for("#spoken", "7")
    visit.view.click("#wrong")
    visit.wait_for("#notice", "This answer is not among the recent ones. Try again.")
    visit.view.unroute("**/predict")
    visit.view.click("#wrong")
    visit.view.select_option("#recent-list select", label="1")
    visit.view.click("text=Note it")
    visit.wait_for("#recent-list", "Noted: 1")
    assert desk.reviewed == [("seven.png", "1")]


def test_of_two_pictures_of_one_name_the_one_that_is_shown_is_called_wrong(visit, desk):
    for _ in range(2):
        visit.give("drop", "image.png", drawn_seven())
        visit.wait_for("#spoken", "7")
    visit.view.click("#wrong")
    visit.view.wait_for_selector("#recent-list li:first-child form")
    visit.view.click("#bars li:nth-child(2) button")  # another look at the same picture
    visit.wait_for("#seen-words", "red speaks for 1")
    visit.view.click("#wrong")
    assert visit.view.locator("#recent-list form").count() == 1
    assert len(desk.answers) == 2


def test_another_class_can_be_explained(visit, serving):
    visit.draw(*SEVEN)
    visit.wait_for("#spoken", "7")
    visit.view.click("#bars li:nth-child(2) button")
    visit.wait_for("#seen-words", "red speaks for 1")
    assert "class=1" in serving.app.asked[-1] or "class=1" in serving.app.asked[-2]


def test_the_keyboard_alone_draws_reads_and_clears(visit):
    view = visit.view
    view.keyboard.press("d")
    assert view.evaluate("document.activeElement.id") == "canvas"
    for _ in range(3):
        view.keyboard.press("Shift+ArrowUp")
    view.keyboard.press("Space")
    for _ in range(6):
        view.keyboard.press("Shift+ArrowDown")
    view.keyboard.press("Space")
    visit.wait_for("#spoken", "1")
    view.keyboard.press("Tab")
    assert view.evaluate("document.activeElement.id") == "undo"
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert view.evaluate(outline) == "solid"
    view.keyboard.press("s")
    assert view.input_value("#strength") == "0"
    view.keyboard.press("?")
    assert view.locator("#keys").is_visible()
    view.keyboard.press("Enter")
    assert view.locator("#keys").is_hidden()
    view.keyboard.press("c")
    visit.wait_for("#called", "?")


def test_everything_that_acts_has_a_name(visit):
    visit.give("drop", "seven.png", drawn_seven())
    visit.wait_for("#recent-list", "seven.png")
    unnamed = visit.view.evaluate(
        """[...document.querySelectorAll("button, input:not([hidden]), select, a, canvas, img")]
            .filter(one => one.checkVisibility() && !one.closest("a") | one.tagName === "A")
            .filter(one => !(one.textContent.trim() || one.getAttribute("aria-label") || one.alt
                || one.labels?.length)).map(one => one.outerHTML)"""
    )
    assert unnamed == []


def test_what_is_no_picture_is_one_calm_line_and_the_page_goes_on(visit):
    visit.give("drop", "notes.txt", b"these are words", "text/plain")
    visit.view.wait_for_selector("#notice:not([hidden])")
    assert visit.text("#notice") == "Not a picture; expected PNG, JPEG, GIF, BMP, WEBP, TIFF"
    assert visit.text("#called") == "?"
    visit.view.click("#clear")
    visit.draw(*SEVEN)
    visit.wait_for("#called", "7")
    assert visit.view.locator("#notice").is_hidden()


def test_what_is_no_picture_takes_back_what_was_spoken(visit):
    visit.draw(*SEVEN)
    visit.wait_for("#spoken", "7")
    visit.give("drop", "notes.txt", b"these are words", "text/plain")
    visit.wait_for("#sentence", "This cannot be answered.")
    assert visit.text("#spoken") == ""


def test_of_several_files_those_that_are_no_pictures_are_named(visit):
    given = [
        {"name": "seven.png", "mimeType": "image/png", "buffer": drawn_seven()},
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"these are words"},
    ]
    visit.view.set_input_files("#file", given)
    visit.wait_for("#notice", "not a picture; expected PNG")
    visit.wait_for("#spoken", "7")  # the first one is answered all the same, and the line stays
    assert visit.text("#notice").startswith("notes.txt: ")
    visit.view.click("#clear")
    assert visit.view.locator("#notice").is_hidden()


def test_the_nearest_pictures_are_told_as_some_of_those_that_were_searched(visit):
    visit.draw(*SEVEN)
    visit.wait_for("#neighbour-words", "The nearest of ")
    assert re.search(r"; (all \d+|\d of \d) (is|are) (not )?of the class 7\.$",
                     visit.text("#neighbour-words"))  # fmt: skip


def test_a_full_queue_is_asked_again(visit, serving):
    serving.app.refusals = 2
    visit.draw(*SEVEN)
    visit.wait_for("#called", "7")
    assert serving.app.refusals == 0


def test_a_server_that_is_gone_is_waited_for(browser, desk):
    first = Serving(application(desk))
    visit = Visit(browser, f"{first.address}/")
    first.stop()
    visit.draw(*SEVEN)
    visit.wait_for("#notice", "The server does not answer. Trying again")
    second = Serving(application(desk), first.port)
    visit.wait_for("#called", "7")
    assert visit.view.locator("#notice").is_hidden()
    visit.view.close()
    second.stop()


def test_nothing_is_wider_than_a_phone(browser, serving):
    visit = Visit(browser, f"{serving.address}/", width=400)
    assert visit.overflow <= 0
    visit.draw(*SEVEN)
    visit.view.wait_for_selector("#neighbour-list li")
    assert visit.overflow <= 0
    visit.view.close()


def test_only_the_newest_drawing_is_asked_about(visit, desk):
    busy = []
    told = desk.insights.of

    def slow(picture, **settings):
        busy.append(picture)
        asyncio.run(asyncio.sleep(0.1))
        return told(picture, **settings)

    desk.insights.of = slow
    try:
        visit.draw(*SEVEN)
        visit.wait_for("#spoken", "7")
    finally:
        del desk.insights.of
    assert len(busy) < 20
    assert len(set(busy)) > 1


def test_a_picture_beyond_the_limit_is_refused_before_it_is_sent(visit, serving):
    visit.view.evaluate(
        """() => {
            const held = new DataTransfer();
            held.items.add(new File([new Uint8Array(20 * 1024 * 1024)], "large.png"));
            const settings = { dataTransfer: held, bubbles: true, cancelable: true };
            document.body.dispatchEvent(new DragEvent("drop", settings));
        }"""
    )
    visit.wait_for("#notice", "large.png: a picture may have at most 20 MB")
    assert 0 < serving.app.largest < 1 << 20  # drawings have been sent, and nothing large


def test_many_pictures_at_once_are_all_answered(visit, desk):
    given = [
        {"name": f"{number}.png", "mimeType": "image/png", "buffer": drawn_seven()}
        for number in range(18)
    ]
    visit.view.set_input_files("#file", given)
    visit.wait_for("#recent-list", "17.png")
    assert len(desk.answers) == 18


def finer(stroke, steps=12):
    """The points of a stroke with others between them, as a finger that moves leaves them."""
    between = [
        (x + (u - x) * n / steps, y + (v - y) * n / steps)
        for (x, y), (u, v) in itertools.pairwise(stroke)
        for n in range(steps)
    ]
    return [*between, stroke[-1]]


def test_a_finger_on_a_phone_draws_and_does_not_scroll_the_page(browser, serving):
    found = Visit(browser, f"{serving.address}/", width=390, has_touch=True, is_mobile=True)
    try:
        found.view.locator("#canvas").scroll_into_view_if_needed()
        before = found.view.evaluate("scrollY")
        found.touch(*[finer(stroke) for stroke in SEVEN])
        found.wait_for("#spoken", "7")
        assert found.view.evaluate("scrollY") == before
        assert found.overflow <= 0
        assert found.noticed == []
    finally:
        found.view.close()
