"""The one door to durable disk: whole or not at all, and honest when it fails."""

import errno
import fcntl
import json
import os
import resource
import shutil
import subprocess
import threading

import pytest
from crash import (
    MODES,
    Failing,
    InPlace,
    Recording,
    WithoutFileSync,
    WithoutFolderSync,
    contents,
    states,
)

from kenspeckle import storage
from kenspeckle.errors import RunError, StorageError

OLD, NEW = b"old " * 400, b"new and longer " * 400
FILES = {"a.bin": bytes(range(256)) * 8, "b.json": b"{}"}


def crashes_of_a_file(disk, mode):
    """(whether the write had returned, content of the file or None) for every crash."""
    path = disk.root / "file"
    storage.write_file(path, OLD, disk=disk)
    begin = len(disk.operations)
    storage.write_file(path, NEW, disk=disk)
    end = len(disk.operations)
    for count in range(begin, end + 1):
        for state in states(disk.operations[:count], mode):
            yield count == end, state.get("file")


def is_safe(returned, content):
    return content == NEW if returned else content in (OLD, NEW)


@pytest.mark.parametrize("mode", MODES)
def test_a_crash_leaves_the_old_file_or_the_new_one(tmp_path, mode):
    found = list(crashes_of_a_file(Recording(tmp_path), mode))
    assert len(found) >= 5
    assert all(is_safe(*crash) for crash in found)


@pytest.mark.parametrize("broken", [WithoutFileSync, WithoutFolderSync, InPlace])
def test_control_a_crash_spoils_a_file_without_one_of_the_protections(tmp_path, broken):
    found = []
    for mode in MODES:
        found += crashes_of_a_file(broken(made(tmp_path / mode)), mode)
    assert not all(is_safe(*crash) for crash in found)


@pytest.mark.parametrize("mode", MODES)
def test_a_crash_leaves_a_whole_folder_or_none(tmp_path, mode):
    disk = Recording(made(tmp_path / "disk"))
    storage.write_folder(disk.root / "folder", FILES, about={"kind": "test"}, disk=disk)
    whole = contents(disk.root)
    for count in range(len(disk.operations) + 1):
        for state in states(disk.operations[:count], mode):
            visible = {name: data for name, data in state.items() if name.startswith("folder")}
            assert visible == whole or not visible
            assert visible or count < len(disk.operations)


def test_a_folder_is_read_as_it_was_written(tmp_path):
    storage.write_folder(tmp_path / "folder", FILES, about={"kind": "test"})
    manifest, files = storage.read_folder(tmp_path / "folder")
    assert files == FILES
    assert manifest["kind"] == "test"


def test_a_file_is_replaced_and_nothing_else_stays(tmp_path):
    storage.write_file(tmp_path / "file", OLD)
    storage.write_file(tmp_path / "file", NEW)
    assert contents(tmp_path) == {"file": NEW}


def test_json_is_readable_and_keeps_its_letters(tmp_path):
    storage.write_json(tmp_path / "file.json", {"name": "sjösjuk"})
    assert (tmp_path / "file.json").read_text(encoding="utf-8") == '{\n "name": "sjösjuk"\n}\n'


def test_what_is_no_number_becomes_null_in_json(tmp_path):
    nan = float("nan")
    document = {
        "shares": (0.5, nan, -float("inf")),
        "inside": {"recall": nan, "n": 0},
        "none": None,
    }
    storage.write_json(tmp_path / "file.json", document)

    def refuse(name):
        pytest.fail(f"{name} is not JSON")

    found = json.loads((tmp_path / "file.json").read_text(), parse_constant=refuse)
    assert found == {"shares": [0.5, None, None], "inside": {"recall": None, "n": 0}, "none": None}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("at", range(4))
def test_a_write_that_fails_says_where_how_much_and_why(tmp_path, at, code):
    storage.write_file(tmp_path / "file", OLD)
    with pytest.raises(StorageError) as caught:
        storage.write_file(tmp_path / "file", NEW, disk=Failing(tmp_path, at=at, code=code))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'file'}: cannot write 6,000 bytes (")
    assert os.strerror(code) in message
    assert ("free space" in message) == (code in (errno.ENOSPC, errno.EDQUOT))
    assert contents(tmp_path) == {"file": NEW if at == 3 else OLD}  # 3: it was renamed already


@pytest.mark.parametrize("at", range(10))
def test_a_folder_that_fails_leaves_nothing_half_visible(tmp_path, at):
    path = tmp_path / "folder"
    with pytest.raises(StorageError, match=r"folder: cannot write 2,050 bytes \([\d,]+ free\)"):
        storage.write_folder(
            path, FILES, about={}, disk=Failing(tmp_path, at=at, code=errno.ENOSPC)
        )
    assert at == 9 or contents(tmp_path) == {}
    assert at < 9 or storage.read_folder(path)[1] == FILES


def test_a_full_disk_is_said_and_the_old_file_stays(tmp_path):
    if not shutil.which("mount"):
        pytest.skip("there is no mount command here")
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(tmp_path)]
    mounted = subprocess.run(command, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted: {mounted.stderr.strip()}")
    try:
        storage.write_file(tmp_path / "file", OLD)
        with pytest.raises(StorageError, match=r"100,000 bytes \(\d\d,\d{3} free\): No space left"):
            storage.write_file(tmp_path / "file", b"x" * 100_000)
        with pytest.raises(StorageError, match="No space left"):
            storage.write_folder(tmp_path / "folder", {"a": b"x" * 100_000}, about={})
        assert contents(tmp_path) == {"file": OLD}
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_short_write_is_not_taken_for_a_whole_one(tmp_path):
    storage.write_file(tmp_path / "file", b"small")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))  # writes up to there, then EFBIG
    try:
        with pytest.raises(StorageError, match=r"100,000 bytes .* File too large"):
            storage.write_file(tmp_path / "file", b"x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert contents(tmp_path) == {"file": b"small"}


def test_a_fragment_of_an_earlier_process_with_the_same_number_is_no_obstacle(tmp_path):
    (tmp_path / f".file.tmp-{os.getpid()}").write_bytes(b"half")
    storage.write_file(tmp_path / "file", NEW)
    assert contents(tmp_path) == {"file": NEW}


def test_a_folder_left_by_a_process_with_the_same_number_is_no_obstacle(tmp_path):
    (tmp_path / f".folder.tmp-{os.getpid()}").mkdir()
    storage.write_folder(tmp_path / "folder", FILES, about={})
    assert storage.read_folder(tmp_path / "folder")[1] == FILES


def test_leftovers_are_removed_and_named_and_nothing_else_is(tmp_path):
    storage.write_file(tmp_path / "file", OLD)
    (tmp_path / ".file.tmp-17").write_bytes(b"half")
    (tmp_path / ".folder.tmp-17").mkdir()
    (tmp_path / ".folder.tmp-17" / "a").write_bytes(b"half")
    (tmp_path / ".lock").touch()
    assert storage.remove_leftovers(tmp_path) == [".file.tmp-17", ".folder.tmp-17"]
    assert contents(tmp_path) == {"file": OLD, ".lock": b""}


def test_names_that_only_look_like_leftovers_are_left_alone(tmp_path):
    names = [
        ".notes.tmp-draft",
        ".tmp-3",
        ".a.tmp-",
        ".a.tmp-3.txt",
        "a.tmp-3",
        "..tmp-3",
        ".a-tmp-3",
    ]
    for name in names:
        (tmp_path / name).write_bytes(b"mine")
    assert storage.remove_leftovers(tmp_path) == []
    assert contents(tmp_path) == dict.fromkeys(names, b"mine")


def test_a_name_with_a_line_break_has_leftovers_too(tmp_path):
    (tmp_path / ".a\nb.tmp-17").touch()
    assert storage.remove_leftovers(tmp_path) == [".a\nb.tmp-17"]


def test_what_a_write_makes_before_the_rename_counts_as_a_leftover(tmp_path):
    disk = Recording(tmp_path)
    storage.write_file(tmp_path / "file", OLD, disk=disk)
    storage.write_folder(tmp_path / "folder", FILES, about={}, disk=disk)
    made = {operation.path.split("/")[0] for operation in disk.operations if operation.path}
    assert {storage.intended(name) for name in made} == {"file", "folder"}
    assert made.isdisjoint({"file", "folder"})


def test_a_leftover_that_cannot_be_deleted_is_one_line(tmp_path):
    (tmp_path / ".file.tmp-17").touch()
    with pytest.raises(StorageError) as caught:
        storage.remove_leftovers(tmp_path, disk=Failing(tmp_path, at=0, code=errno.EROFS))
    assert str(caught.value) == (
        f"{tmp_path / '.file.tmp-17'}: an interrupted write left it, and it cannot be deleted: "
        "Read-only file system"
    )


@pytest.mark.parametrize("mode", MODES)
def test_after_a_crash_a_folder_that_was_made_is_there_with_all_above_it(tmp_path, mode):
    disk = Recording(tmp_path)
    assert storage.make_folder(tmp_path / "a" / "b" / "c", disk=disk)
    everything = {"a": None, "a/b": None, "a/b/c": None}
    assert all(state == everything for state in states(disk.operations, mode))


def test_control_without_syncing_every_parent_a_crash_loses_the_folder(tmp_path):
    disk = Recording(tmp_path)
    for name in ("a", "a/b", "a/b/c"):
        disk.make_folder(tmp_path / name)
    disk.sync_folder(tmp_path / "a" / "b")
    assert {} in states(disk.operations, "lost")


def test_a_folder_is_made_by_one_caller_alone(tmp_path):
    assert storage.make_folder(tmp_path / "a" / "b") is True
    assert storage.make_folder(tmp_path / "a" / "b") is False


def test_a_folder_that_appears_meanwhile_was_made_by_another(tmp_path):
    class Late(Recording):
        def make_folder(self, path):
            path.mkdir()  # another process is faster
            super().make_folder(path)

    assert storage.make_folder(tmp_path / "a", disk=Late(tmp_path)) is False


def test_a_folder_that_cannot_be_made_says_where_and_why(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError) as caught:
        storage.make_folder(tmp_path / "file" / "a")
    assert str(caught.value) == f"{tmp_path / 'file'}: cannot be made a folder: File exists"


def test_nothing_is_removed_from_a_folder_that_does_not_exist(tmp_path):
    assert storage.remove_leftovers(tmp_path / "nowhere") == []


def test_a_lock_is_refused_soon_and_names_its_holder(tmp_path):
    message = f"^{tmp_path}: process {os.getpid()} is training here; wait for it to end"
    with (
        storage.lock(tmp_path / ".lock", "training"),
        pytest.raises(RunError, match=message),
        storage.lock(tmp_path / ".lock", "training"),
    ):
        pass


def test_a_refused_lock_says_what_its_holder_is_doing(tmp_path):
    with (
        storage.lock(tmp_path / ".lock", "evaluating"),
        pytest.raises(RunError, match=f"process {os.getpid()} is evaluating here"),
        storage.lock(tmp_path / ".lock", "training"),
    ):
        pass


def test_a_refused_lock_stays_with_its_holder(tmp_path):
    with storage.lock(tmp_path / ".lock", "training"):
        for _ in range(2):
            with pytest.raises(RunError), storage.lock(tmp_path / ".lock", "training"):
                pass


def looked_at(path, seconds):
    """Hold a shared lock on `path`, as `is_locked` does for an instant, and let it go later."""
    file = open(path, "a+b")  # noqa: SIM115 (closed by the timer)
    fcntl.flock(file, fcntl.LOCK_SH)
    timer = threading.Timer(seconds, file.close)
    timer.start()
    return timer


def test_a_look_at_a_lock_does_not_make_it_refused(tmp_path):
    timer = looked_at(tmp_path / ".lock", storage.PATIENCE / 4)
    with storage.lock(tmp_path / ".lock", "training"):
        assert storage.is_locked(tmp_path / ".lock")
    timer.join()


def test_control_without_patience_a_look_at_a_lock_makes_it_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "PATIENCE", 0.0)
    timer = looked_at(tmp_path / ".lock", 0.2)
    with (
        pytest.raises(RunError, match="another process is training here"),
        storage.lock(tmp_path / ".lock", "training"),
    ):
        pass
    timer.join()


def test_a_lock_that_cannot_be_made_says_where_and_why(tmp_path):
    path = tmp_path / "nowhere" / ".lock"
    with (
        pytest.raises(StorageError, match=f"^{path}: .*No such file or directory$"),
        storage.lock(path, "training"),
    ):
        pass


def test_a_lock_is_free_again_after_its_holder(tmp_path):
    for _ in range(2):
        with storage.lock(tmp_path / ".lock", "training"):
            pass


def made(folder):
    folder.mkdir()
    return folder
