"""An answer that is wrong is noted with the right class, and never that of another picture."""

from page_server import SEVEN, drawn_seven


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
