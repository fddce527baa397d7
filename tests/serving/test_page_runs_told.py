"""How the page tells of runs on a phone, without a result, of a transfer, and of a test split."""

import json

import pytest
from page_server import OneProcessDesk, Serving, Visit, application, fetched

from kenspeckle.runlog import LogRow, record

NOBODY = OneProcessDesk(about={"class_names": []}, insights=None)  # no picture is asked about
BROKEN = """selector => [...document.querySelectorAll(selector)].filter(one => {
    const words = document.createTreeWalker(one, NodeFilter.SHOW_TEXT), range = new Range();
    while (words.nextNode()) {
        for (const found of words.currentNode.data.matchAll(/[\\p{L}\\d]+/gu)) {
            range.setStart(words.currentNode, found.index);
            range.setEnd(words.currentNode, found.index + found[0].length);
            if (range.getClientRects().length > 1) return true;
        }
    }
    return false;
}).map(one => one.textContent)"""


def row(name, **changes):
    told = {"started": "2026-01-02T03:04:05+00:00", "source": "bars", "recipe": "transfer"}
    return LogRow(**{"run": name, "seed": 0, "status": "finished", **told, **changes})


def measured(folder, name, **entry):
    """Give a run a result on the test split."""
    result = {"test": {"accuracy": 0.8, "n": 36, **entry}}
    (folder / name / "result.json").write_text(json.dumps(result))


@pytest.fixture
def folder(tmp_path):
    for name in ("unfinished", "augmented_backbone"):
        (tmp_path / name).mkdir()
    record(tmp_path, row("unfinished", status="interrupted"))
    found = {"validation_accuracy": 0.9, "validation_n": 36, "test_accuracy": 0.8, "test_n": 36}
    record(tmp_path, row("augmented_backbone", test_openings=1, **found))
    first = {"epoch": 0, "loss": 0.1, "validation_accuracy": 0.9, "validation_n": 36}
    (tmp_path / "augmented_backbone" / "epochs.jsonl").write_text(json.dumps(first) + "\n")
    return tmp_path


@pytest.fixture
def serving(folder):
    server = Serving(application(NOBODY, folder))
    yield server
    server.stop()


@pytest.fixture
def phone(browser, serving):
    found = Visit(browser, f"{serving.address}/runs", width=390)
    yield found
    assert found.noticed == []
    found.view.close()


def test_no_word_of_a_table_breaks_on_a_phone(phone):
    assert phone.view.evaluate(BROKEN, ".board th, .board td") == []
    assert phone.overflow <= 0
    # the control: as it would be if words could break anywhere
    phone.view.evaluate(
        "document.querySelectorAll('.board th, .board td').forEach(one => {"
        "one.style.overflowWrap = 'anywhere'; one.style.maxWidth = one.style.minWidth = '2rem'; })"
    )
    assert "unfinished" in phone.view.evaluate(BROKEN, ".board th, .board td")


def test_a_table_that_is_wider_than_a_phone_has_a_shaded_edge(phone):
    place = "document.getElementById('board-place')"
    assert phone.view.evaluate(f"{place}.scrollWidth > {place}.clientWidth")
    # what covers the shades moves with the table, and the shades do not
    told = phone.view.evaluate(f"getComputedStyle({place}).backgroundAttachment")
    assert told == "local, local, scroll, scroll"


def test_a_long_name_of_a_setting_ends_a_line_after_a_dot_or_an_underscore(phone):
    made = phone.view.evaluate(
        """async () => {
            const { setting } = await import("/page/elements.js");
            const told = name => setting(name).innerHTML;
            return ["augment.rotation", "train.batch_size", "beta.0", "<b>.a"].map(told);
        }"""
    )
    assert made == [
        "augment.<wbr>rotation",
        "train.<wbr>batch_<wbr>size",
        "beta.0",
        "&lt;b&gt;.<wbr>a",
    ]


def test_a_run_without_a_result_says_so_in_letters_of_the_usual_size(phone):
    phone.view.click("text=unfinished")
    phone.wait_for("#detail .headline", "It ended without a result.")
    assert "interrupted" in phone.text("#detail .headline")
    assert phone.view.locator("#detail .headline strong").count() == 0
    phone.view.click("text=augmented_backbone")  # the control
    phone.wait_for("#detail .headline strong", "90.00 %")


def test_a_head_without_epochs_has_a_dash_and_not_no_epochs(browser, serving):
    visit = Visit(browser, f"{serving.address}/runs")
    place = visit.texts(".board thead th").index("Epochs") + 2  # the boxes have no title
    assert visit.texts(f".board tbody td:nth-child({place})") == ["–", "0"]
    assert visit.texts("#detail details td:first-child") == ["head"]
    visit.view.close()


@pytest.mark.parametrize(
    ("role", "own", "logged", "told"),
    [
        ("untouched", 1, 1, "opened once"),
        ("untouched", 1, 0, "opened once"),  # a run that was copied from elsewhere
        ("untouched", "many", 0, "opened once"),
        ("untouched", 1, 3, "opened 3 times"),  # since then by another epoch of the run
        ("opened before", 2, 2, "opened 2 times"),
        ("chosen on", 0, 2, "chosen on"),
    ],
)
def test_a_test_split_that_was_measured_is_not_called_untouched(
    serving, folder, role, own, logged, told
):
    measured(folder, "augmented_backbone", role=role, openings=own)
    record(folder, row("augmented_backbone", test_openings=logged))
    _, found = fetched(serving, "/runs/one.json?run=augmented_backbone")
    assert [each["role"] for each in json.loads(found)["results"]] == [told]
