"""The run browser in a real browser: what trains is followed, and nothing leaves the folder."""

import json
import os
import re
import shutil
from urllib.parse import urlencode

import pytest
from page_server import OneProcessDesk, Serving, Visit, application, fetched

from kenspeckle.foreign import open_regular
from kenspeckle.runlog import LOCK, LogRow, record
from kenspeckle.serving import shelf_files
from kenspeckle.storage import lock

NOBODY = OneProcessDesk(about={"class_names": []}, insights=None)  # no picture is asked about
HOSTILE_REPORT = "<title>mine</title><script>document.title='ran'</script><p id=told>told</p>"


def row(name, **changes):
    told = {"started": "2026-01-02T03:04:05+00:00", "source": "bars", "recipe": "toy", "seed": 0}
    return LogRow(**{"run": name, "status": "finished", **told, **changes})


def epoch(number, accuracy):
    return {
        "epoch": number,
        "loss": 1 / number,
        "accuracy": accuracy,
        "validation_loss": 1.5 / number,
        "validation_accuracy": accuracy,
        "validation_n": 36,
        "validation_interval": {"low": accuracy - 0.02, "high": min(1, accuracy + 0.02)},
    }


def measured(run, accuracy):
    """Give `run` another accuracy on validation, by other pictures than it has kept."""
    result = json.loads((run / "result.json").read_text())
    result["validation"]["accuracy"] = accuracy
    (run / "result.json").write_text(json.dumps(result))
    for kept in run.glob("predictions*"):
        kept.unlink()


@pytest.fixture
def folder(tmp_path, run):
    """Two finished runs and one that has just begun, beside a file that is nobody's business."""
    (tmp_path / "secret.html").write_text("<p>secret</p>")
    runs = tmp_path / "runs"
    for name, seed in (("first", 0), ("second", 1)):
        shutil.copytree(run.path, runs / name)
        (runs / name / "config.toml").write_text(
            (runs / name / "config.toml").read_text().replace("seed = 0", f"seed = {seed}", 1)
        )
        accuracy = 0.9 + seed / 100
        record(runs, row(name, seed=seed, validation_accuracy=accuracy, validation_n=36, epochs=3))
    (runs / "first" / "report.html").write_text(HOSTILE_REPORT)
    (runs / "young").mkdir()
    record(runs, row("young", status="training"))
    return runs


@pytest.fixture
def serving(folder):
    server = Serving(application(NOBODY, folder))
    yield server
    server.stop()


@pytest.fixture
def visit(browser, serving):
    found = Visit(browser, f"{serving.address}/runs")
    yield found
    found.view.close()


def test_the_leaderboard_has_every_run_and_shows_the_best_of_them(visit):
    assert visit.texts(".board tbody th bdi") == ["second", "first", "young"]
    assert visit.text("#detail h2") == "second"
    assert "91.00 %" in visit.text("#detail .headline")
    assert visit.view.locator("#detail polyline").count() == 4
    assert visit.view.locator("#detail svg[role=img] text", has_text="%").count() > 1
    assert visit.noticed == []
    assert visit.outward == []


def test_two_runs_are_compared_with_an_interval(visit):
    visit.view.check("[data-key='check first']")
    visit.view.check("[data-key='check second']")
    visit.view.click("#compare")
    visit.wait_for("#detail h2", "first and second")
    assert "The two cannot be told apart on validation." in visit.text("#detail .headline")
    assert visit.texts(".changes li") == ["seed01"]
    assert visit.noticed == []


def test_the_interval_of_a_difference_goes_the_way_of_its_sentence(visit, folder):
    measured(folder / "second", 0.5)
    visit.view.goto(f"{visit.view.url.partition('#')[0]}#first=first&second=second")
    visit.wait_for("#detail .headline", "first is better than second on validation.")
    said = visit.text("#detail .headline")
    low, high = (
        float(end) for end in re.search(r"difference (\S+) to (\S+) points", said).groups()
    )
    assert 0 < low < float(said.split()[0]) < high


def test_runs_on_other_data_are_not_called_better_or_worse(visit, folder):
    measured(folder / "second", 0.5)
    config = folder / "second" / "config.toml"
    config.write_text(re.sub(r"(?m)^source = .*$", 'source = "others"', config.read_text()))
    environment = json.loads((folder / "second" / "environment.json").read_text())
    environment["data"] = "0123456789ab" + "c" * 52
    (folder / "second" / "environment.json").write_text(json.dumps(environment))
    visit.view.goto(f"{visit.view.url.partition('#')[0]}#first=first&second=second")
    visit.wait_for("#detail .headline", "this does not tell which network is better.")
    assert "is better than" not in visit.text("#detail .headline")
    assert "0123456789ab…" in visit.text(".changes")  # of 64 digits, twelve


def test_the_interval_of_a_run_is_that_of_its_result_which_knows_of_groups(serving, folder):
    result = json.loads((folder / "first" / "result.json").read_text())
    result["validation"]["interval"] = {"low": 0.25, "high": 0.99}
    (folder / "first" / "result.json").write_text(json.dumps(result))
    _, found = fetched(serving, "/runs/one.json?run=first")
    assert json.loads(found)["validation_interval"] == [0.25, 0.99]
    _, found = fetched(serving, "/runs.json")
    (plain,) = (row for row in json.loads(found)["runs"] if row["run"] == "first")
    assert plain["validation_interval"] != [0.25, 0.99]  # the control: the log has accuracy and n


def test_sorting_and_grouping_need_no_mouse(visit):
    visit.view.focus("[data-key='sort Run']")
    visit.view.keyboard.press("Enter")
    assert visit.texts(".board tbody th bdi") == ["first", "second", "young"]
    assert visit.view.evaluate("document.activeElement.dataset.key") == "sort Run"
    visit.view.focus("#grouping")
    visit.view.keyboard.press("Enter")
    assert visit.texts(".board tbody th bdi") == ["toy"]
    assert "90.50 % ± 0.71" in visit.text(".board tbody")


def test_a_training_is_followed_while_it_runs(visit, folder):
    with lock(folder / "young" / LOCK, "this training"):
        visit.view.click("text=young")
        visit.wait_for("#detail", "No epoch is finished here.")
        with open(folder / "young" / "epochs.jsonl", "w") as epochs:
            for number, accuracy in ((1, 0.5), (2, 0.75)):
                epochs.write(json.dumps(epoch(number, accuracy)) + "\n")
                epochs.write('{"epoch": 99, "loss"')  # as it looks while it is written
                epochs.flush()
                visit.wait_for("#detail .headline", f"{accuracy:.2%}".replace("%", " %"))
                epochs.seek(epochs.tell() - len('{"epoch": 99, "loss"'))
                epochs.truncate()
        visit.wait_for("#spoken", "young, epoch 2: 75.00 %")
        assert visit.texts(".board tbody th bdi") == ["young", "second", "first"]
        assert visit.view.locator(".status.training").count() == 1
    assert visit.noticed == []


def test_a_report_is_shown_and_cannot_act(browser, serving):
    page = Visit(browser, f"{serving.address}/runs/report?run=first", ready="#told")
    assert page.view.title() == "mine"
    assert page.text("#told") == "told"
    page.view.close()


def test_the_same_report_would_act_without_its_policy(browser, tmp_path):
    (tmp_path / "report.html").write_text(HOSTILE_REPORT)
    page = Visit(browser, (tmp_path / "report.html").as_uri(), ready="#told")
    assert page.view.title() == "ran"
    page.view.close()


def answer(serving, path, **query):
    status, body = fetched(serving, f"{path}?{urlencode(query)}")
    return status, json.loads(body).get("error", "")


@pytest.mark.parametrize(
    "name",
    ["..", ".", "", "../runs/first", "first/../first", "/etc", "no\x00one", "missing", "%2e%2e"],
)
@pytest.mark.parametrize("path", ["/runs/one.json", "/runs/report"])
def test_only_names_of_the_log_are_runs(serving, path, name):
    status, error = answer(serving, path, run=name)
    assert (status, error) == (404, f"no run {name!r} here")


def test_a_name_of_the_log_that_is_a_path_is_refused(serving, folder):
    record(folder, row("../runs/first"))
    status, error = answer(serving, "/runs/one.json", run="../runs/first")
    assert status == 404
    assert error.endswith("log.sqlite: not a run log of ken (run is '../runs/first')")


def test_a_run_that_is_a_link_to_elsewhere_is_refused(serving, folder, tmp_path):
    shutil.move(folder / "first", tmp_path / "elsewhere")
    (folder / "first").symlink_to(tmp_path / "elsewhere")
    status, error = answer(serving, "/runs/one.json", run="first")
    assert (status, error) == (404, "first: lies outside the folder that is served")


@pytest.mark.parametrize(
    ("file", "path", "query"),
    [
        ("report.html", "/runs/report", {"run": "first"}),
        ("epochs.jsonl", "/runs/one.json", {"run": "first"}),
        ("config.toml", "/runs/one.json", {"run": "first"}),
        ("result.json", "/runs/comparison.json", {"first": "first", "second": "second"}),
        ("predictions-x.npz", "/runs/comparison.json", {"first": "second", "second": "first"}),
    ],
)
def test_a_file_of_a_run_that_is_a_link_to_elsewhere_is_refused(
    serving, folder, tmp_path, file, path, query
):
    (folder / "first" / file).unlink(missing_ok=True)
    (folder / "first" / file).symlink_to(tmp_path / "secret.html")
    status, error = answer(serving, path, **query)
    assert (status, error) == (404, f"first: {file} leads outside the folder that is served")


def test_a_link_within_the_run_is_no_reason_to_refuse(serving, folder):
    report = folder / "first" / "report.html"
    report.rename(folder / "first" / "other.html")
    report.symlink_to("other.html")
    assert fetched(serving, "/runs/report?run=first") == (200, HOSTILE_REPORT.encode())


def test_a_report_that_is_a_circle_of_links_is_refused(serving, folder):
    (folder / "first" / "report.html").unlink()
    (folder / "first" / "report.html").symlink_to("report.html")
    status, error = answer(serving, "/runs/report", run="first")
    assert (status, error) == (404, "first: report.html cannot be followed")


def test_a_report_that_is_a_pipe_is_not_waited_for(serving, folder):
    (folder / "first" / "report.html").unlink()
    os.mkfifo(folder / "first" / "report.html")
    status, error = answer(serving, "/runs/report", run="first")
    assert (status, error) == (404, "first: no report here; `ken report` writes one")


def test_a_file_that_is_too_large_is_refused_before_it_is_read(serving, folder):
    with open(folder / "first" / "report.html", "wb") as report:
        report.truncate((1 << 26) + 1)
    status, error = answer(serving, "/runs/report", run="first")
    assert (status, error) == (404, "first: report.html is too large to be shown")


def test_a_link_that_is_put_there_after_the_look_is_refused(serving, folder, tmp_path, monkeypatch):
    report = folder / "first" / "report.html"

    def swapped(path, **options):
        if path == report:
            report.unlink()
            report.symlink_to(tmp_path / "secret.html")
        return open_regular(path, **options)

    monkeypatch.setattr(shelf_files, "open_regular", swapped)
    status, error = answer(serving, "/runs/report", run="first")
    assert (status, error) == (404, "first: report.html cannot be followed")
    with open_regular(report) as found:  # the control: it leads to what must not be told
        assert found.read() == b"<p>secret</p>"


@pytest.mark.parametrize("text", ["[1, 2]", "{", '{"a": NaN}', '{"validation": 3}', "[" * 10_000])
def test_files_that_are_none_of_a_training_do_no_harm(serving, folder, text):
    (folder / "first" / "result.json").write_text(text)
    (folder / "first" / "epochs.jsonl").write_text(f"{text}\n" * 3)
    assert answer(serving, "/runs/one.json", run="first")[0] in (200, 404)
    status, _ = answer(serving, "/runs/comparison.json", first="first", second="second")
    assert status in (200, 404)


@pytest.mark.parametrize("number", ["NaN", "1e999", "-1", "9" * 400, "true", '"many"', "null"])
def test_a_number_that_is_none_does_not_stop_the_leaderboard(serving, folder, number):
    with lock(folder / "young" / LOCK, "this training"):
        told = ", ".join(
            f'"{key}": {number}'
            for key in ("epoch", "validation_accuracy", "validation_n", "seconds", "loss")
        )
        (folder / "young" / "epochs.jsonl").write_text(f"{{{told}}}\n")
        status, body = fetched(serving, "/runs.json")
    assert status == 200
    assert [row["run"] for row in json.loads(body)["runs"]] == ["young", "second", "first"]


def test_without_a_run_folder_there_are_no_runs():
    server = Serving(application(NOBODY))
    try:
        error = "this model came without a run folder, so there are no runs"
        assert answer(server, "/runs.json") == (404, error)
    finally:
        server.stop()
