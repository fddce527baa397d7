"""What is on the page of a run, for two classes and for a hundred."""

import base64
import hashlib
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from briefings import briefing

from kenspeckle.pages.run_page import run_page
from kenspeckle.pages.tables import class_table, matrix
from kenspeckle.pages.verdict import verdict

HUNDRED = tuple(f"kind {number}" for number in range(100))


@pytest.fixture(scope="module")
def two():
    return run_page(briefing(("cat", "dog"), file_names=("a/cat.png", "a/dog.png")))


@pytest.fixture(scope="module")
def hundred():
    return run_page(briefing(HUNDRED))


def test_the_page_has_every_section_and_a_table_of_contents_that_leads_to_each(two):
    parts = ["training", "numbers", "confusion", "mistakes", "calibration", "data", "network",
             "repeat"]  # fmt: skip
    assert re.findall(r'<section id="(\w+)"', two) == parts
    assert re.findall(r'<a href="#(\w+)">', two)[1:] == parts


def test_the_page_is_the_same_to_the_byte_when_made_again(two):
    assert run_page(briefing(("cat", "dog"), file_names=("a/cat.png", "a/dog.png"))) == two


def test_the_policy_names_the_one_style_by_its_digest(two):
    [style] = re.findall(r"<style>(.*?)</style>", two, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in two
    assert "default-src 'none'" in two
    assert "unsafe" not in two and "<script" not in two and " style=" not in two


def test_the_page_names_no_address_but_its_own_data(two):
    sources = re.findall(r'(?:src|srcset|href|data|action)="([^"]*)"', two)
    assert {source.partition(":")[0] for source in sources if not source.startswith("#")} == {
        "data"
    }


def test_every_picture_has_an_alternative_text(two, hundred):
    for page in (two, hundred):
        images = re.findall(r"<img [^>]*>", page)
        assert images and all(re.search(r'alt="[^"]+"', image) for image in images)


def test_every_figure_is_there_in_light_and_dark(two):
    assert two.count('<img class="by-day"') == two.count('<img class="by-night"') == 3


@pytest.mark.parametrize(
    ("scheme", "medium", "expected"),
    [("light", "screen", "by-day"), ("dark", "screen", "by-night"), ("dark", "print", "by-day")],
)
def test_the_figure_that_shows_suits_the_paper(browser, two, tmp_path, scheme, medium, expected):
    path = tmp_path / "report.html"
    path.write_text(two)
    view = browser.new_page(color_scheme=scheme)
    view.goto(path.as_uri())
    view.emulate_media(media=medium)
    seen = "all => all.filter(one => one.checkVisibility() && one.naturalWidth > 100)"
    names = f"all => ({seen})(all).map(one => one.className)"
    assert view.eval_on_selector_all(".charts img", names) == [expected] * 3


def test_a_caption_says_what_was_told_the_label_and_the_probability(two):
    text = re.sub(r"<[^>]*>", "", two)
    assert re.search(r"(dog, was cat|cat, was dog), \d+\u00a0%", text)


def test_accuracy_stands_with_its_interval_and_its_n(two):
    assert re.search(r"\d\d\.\d\d % \(\d\d\.\d\d to \d\d\.\d\d, n=40\)", two)


@pytest.mark.parametrize(
    ("temperature", "words"),
    [(1.5, ", scaled by temperature 1.5<"), (1.0, ", unscaled<"), (None, "<")],
)
def test_the_page_says_whether_the_log_loss_is_that_of_scaled_probabilities(temperature, words):
    found = briefing(("cat", "dog"))
    figures = {"validation": replace(found.shown, temperature=temperature)}
    assert f"negative log-likelihood{words}" in run_page(replace(found, figures=figures))


def test_a_hundred_classes_show_the_most_confused_part_and_say_so(hundred):
    found = re.search(
        r"The 20 of 100 classes that take part in the most mistakes:\s+(\d+) of (\d+) mistakes "
        "are between two of them",
        hundred,
    )
    assert 0 < int(found[1]) < int(found[2])
    assert hundred.count("All 100 classes") == 2


def test_the_rows_of_a_part_of_the_matrix_sum_to_their_n():
    table = matrix(briefing(HUNDRED).evidence.confusion)
    for row, others, n in zip(table.rows, table.others, table.n, strict=True):
        assert sum(cell.count for cell in row) + others == n


def test_the_marks_of_a_class_lie_in_order_on_the_scale():
    table = class_table(briefing(("cat", "dog")).shown.measurement.per_class)
    for row in table.rows:
        assert 0 <= row.low <= row.place <= row.high <= 100


def said(found, **changes):
    return " ".join(verdict(replace(found, **changes)))


def test_the_verdict_says_how_untouched_the_numbers_are():
    found = briefing(("cat", "dog"))
    measured = found.figures["validation"]
    assert "chosen on these validation pictures" in said(found)
    assert "test split is untouched: ken evaluate" in said(found)
    test = {"validation": replace(measured, role="untouched")}
    assert "opened once, after all choices" in said(found, figures=test, openings=1)
    again = {"validation": replace(measured, role="opened before")}
    assert "opened 3 times; choices made after" in said(found, figures=again, openings=3)
    folds = replace(found.evidence, folds=5)
    assert "validation by 5 folds: each of 40 pictures" in said(found, evidence=folds)


@pytest.mark.parametrize(
    ("train", "other", "words"),
    [
        (0.99, 0.8, "it overfits"),
        (0.8, 0.8, "it underfits. A larger network"),
        (0.8, 0.6, "it underfits and overfits"),
        (0.995, 0.99, "it neither overfits nor underfits"),
    ],
)
def test_the_verdict_names_over_and_underfitting_only_where_it_is_there(train, other, words):
    found = briefing(("cat", "dog"))
    balance = replace(
        found.balance, train_accuracy=train, train_n=5000, other_accuracy=other, other_n=5000
    )
    assert words in said(found, balance=balance)
    assert "fits" not in said(found, balance=None)


def test_a_page_without_pictures_says_so_and_shows_the_rest():
    found = replace(
        briefing(("cat", "dog")),
        pictures=None,
        notes=("There are no pictures on this page: gone.",),
    )
    page = run_page(found)
    assert "There are no pictures on this page: gone." in page
    assert "data:image/png" not in page and 'id="confusion"' in page


def test_making_a_page_does_not_wait_for_torch():
    code = "import sys, kenspeckle.pages.run_page; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
