"""Decoding processes: what kills or stops one costs one picture, never the program."""

import textwrap

import pytest

from kenspeckle.data.decoders import reports
from kenspeckle.data.listing import Item, Place
from kenspeckle.errors import StorageError
from tests.photo_folders import write

pytestmark = pytest.mark.usefixtures("all_cores")

LOOK = {"work": "look", "max_pixels": 10_000}


def items(*names):
    return [Item(name=name, label="x", place=Place(path=f"/nowhere/{name}")) for name in names]


def acting(body):
    """A program that speaks as a decoding process does and acts on the name of a picture."""
    return (
        "-c",
        textwrap.dedent("""
            import json, os, signal, sys, time
            sys.stdin.readline()
            print(json.dumps({"ready": True}), flush=True)
            for line in sys.stdin:
                task = json.loads(line)
                name = task["name"]
                %s
                print(json.dumps({"row": task["row"], "name": name}), flush=True)
            """)
        % body,
    )


def by_row(found):
    return dict(sorted((report["row"], report.get("reason", "good")) for report in found))


def test_headers_are_read_and_failures_say_their_reason(tmp_path):
    good = write(tmp_path / "good.png", 1)
    (tmp_path / "text.png").write_bytes(b"text")
    places = [good, tmp_path / "text.png", tmp_path / "gone.png"]
    found = [Item(name=path.name, label="x", place=Place(path=str(path))) for path in places]
    told = {report["row"]: report for report in reports(found, [0, 1, 2], LOOK)}
    assert (told[0]["width"], told[0]["height"], told[0]["is_grey"]) == (48, 40, False)
    assert told[1]["reason"] == "not-a-picture"
    assert told[2]["reason"] == "missing"


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ("if name == 'bad': os.kill(os.getpid(), signal.SIGSEGV)", "signal 11"),
        ("if name == 'bad': os._exit(3)", "code 3"),
        ("if name == 'bad': raise RecursionError", "code 1"),
    ],
)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_picture_that_ends_its_process_is_the_only_one_lost(body, detail, workers):
    names = [f"good{number}" for number in range(30)]
    names[7] = names[19] = "bad"
    found = list(
        reports(items(*names), range(30), {}, workers=workers, program=acting(body), patience=20)
    )
    assert by_row(found) == {
        row: "crashed" if name == "bad" else "good" for row, name in enumerate(names)
    }
    assert all(detail in report["detail"] for report in found if "reason" in report)


def test_a_picture_that_takes_too_long_is_the_only_one_lost():
    names = ["good", "slow", *(f"good{number}" for number in range(8))]
    body = "if name == 'slow': time.sleep(60)"
    found = list(reports(items(*names), range(10), {}, workers=2, program=acting(body), patience=1))
    assert [report["row"] for report in found if report.get("reason") == "timed-out"] == [1]
    assert len(found) == 10


def test_a_process_that_cannot_begin_is_no_fault_of_the_pictures():
    with pytest.raises(RuntimeError, match="code 5 before it began"):
        list(reports(items("a", "b"), [0, 1], {}, program=("-c", "import os; os._exit(5)")))


def test_a_full_disk_ends_the_work():
    body = "print(json.dumps({'stop': 'pictures cannot be kept: full'}), flush=True); break"
    with pytest.raises(StorageError, match="pictures cannot be kept: full"):
        list(reports(items("a"), [0], {}, program=acting(body)))


def test_whoever_stops_listening_leaves_no_process_behind(tmp_path):
    log = tmp_path / "pids"
    body = f"open({str(log)!r}, 'a').write(str(os.getpid()) + chr(10))"
    listening = reports(items(*"abcdefgh"), range(8), {}, workers=2, program=acting(body))
    next(listening)
    listening.close()
    for pid in set(log.read_text().split()):
        with pytest.raises(ProcessLookupError):
            import os

            os.kill(int(pid), 0)
