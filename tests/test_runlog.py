"""The run log: rows by run, best first, readable while others write."""

import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from kenspeckle import runlog, storage
from kenspeckle.errors import RunError
from kenspeckle.runlog import LOCK, LogRow


def row(name, status="finished", **values):
    return LogRow(
        run=name, started="2026-01-01T00:00:00+00:00", source="mnist", recipe="swift", seed=0,
        status=status, **values,
    )  # fmt: skip


def test_a_row_replaces_the_earlier_one_of_its_run(tmp_path):
    runlog.record(tmp_path, row("a", epochs=1))
    runlog.record(tmp_path, row("a", epochs=2))
    assert [found.epochs for found in runlog.rows(tmp_path)] == [2]


def test_the_best_come_first_and_the_unknown_last(tmp_path):
    for name, accuracy in (("a", 0.5), ("b", None), ("c", 0.9)):
        runlog.record(tmp_path, row(name, validation_accuracy=accuracy))
    assert [found.run for found in runlog.rows(tmp_path)] == ["c", "a", "b"]


def test_a_training_that_no_process_does_was_killed(tmp_path):
    (tmp_path / "a").mkdir()
    runlog.record(tmp_path, row("a", "training"))
    with storage.lock(tmp_path / "a" / LOCK, "training"):
        assert runlog.find(tmp_path, "a").status == "training"
    assert runlog.find(tmp_path, "a").status == "killed"


def test_a_name_with_quotes_is_only_a_name(tmp_path):
    name = "a'); DROP TABLE runs; --"
    runlog.record(tmp_path, row(name))
    assert runlog.find(tmp_path, name).run == name


def test_a_folder_without_a_log_is_named(tmp_path):
    with pytest.raises(RunError, match=rf"{tmp_path}: no run log here \(missing log.sqlite\)"):
        runlog.rows(tmp_path)
    assert runlog.find(tmp_path, "a") is None


def test_a_damaged_log_is_named(tmp_path):
    (tmp_path / runlog.FILE_NAME).write_bytes(b"not a data base" * 100)
    with pytest.raises(RunError, match="the run log cannot be used"):
        runlog.rows(tmp_path)


def test_many_processes_write_at_once_and_no_row_is_lost(tmp_path):
    code = (
        "import sys\nfrom pathlib import Path\nfrom kenspeckle.runlog import LogRow, record\n"
        "for number in range(20):\n"
        "    record(Path(sys.argv[1]), LogRow(run=f'{sys.argv[2]}-{number}', started='', source='',"
        " recipe='', seed=0, status='finished'))"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(name)])
        for name in range(4)
    ]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0, 0]
    assert len(runlog.rows(tmp_path)) == 80


def test_reading_never_creates_or_locks_the_log(tmp_path):
    runlog.record(tmp_path, row("a"))
    reader = sqlite3.connect(tmp_path / runlog.FILE_NAME)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM runs").fetchall()
    runlog.record(tmp_path, row("b"))
    assert len(runlog.rows(tmp_path)) == 2
    reader.close()


def test_those_that_begin_a_log_at_the_same_moment_wait_for_each_other(tmp_path):
    """Without waiting, more than half of such moments cost a run its row."""
    for number in range(30):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        together = threading.Barrier(4)

        def begin(name, folder=folder, together=together):
            together.wait()
            runlog.record(folder, row(name))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(begin, "abcd"))  # raises what one of them raised
        assert len(runlog.rows(folder)) == 4
