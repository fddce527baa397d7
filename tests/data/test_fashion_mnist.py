"""Fashion-MNIST: fetched from the first mirror that has it unharmed, or an error that helps.

The mirrors are servers on this machine that hand out the files of Debian's package, because only
the published files have the published SHA-256 sums.
"""

import gzip
import hashlib
import http.server
import threading
from contextlib import contextmanager

import numpy as np
import pytest

from kenspeckle.data.sources.detect import open_dataset
from kenspeckle.data.sources.fashion_mnist import (
    CLASS_NAMES,
    CONTENT_SHA256,
    DEBIAN_FOLDER,
    MAX_CONTENT,
    MAX_DOWNLOAD,
    cache_folder,
    fetch,
)
from kenspeckle.errors import DataError, KenspeckleError

FIRST, *OTHERS = (f"{name}.gz" for name in CONTENT_SHA256)
SMALL = "t10k-labels-idx1-ubyte.gz"

needs_debian = pytest.mark.skipif(
    not (DEBIAN_FOLDER / FIRST).is_file(), reason="Debian's dataset-fashion-mnist is not installed"
)


class Reply:
    """What a server says: `data` `repeats` times, announced as `length` bytes."""

    def __init__(self, data, *, repeats=1, status=200, length=None):
        self.chunks, self.status = [data] * repeats, status
        self.length = str(len(data) * repeats) if length is None else length
        self.sent = 0

    def send(self, handler):
        handler.send_response(self.status)
        if self.length:
            handler.send_header("Content-Length", self.length)
        handler.end_headers()
        for chunk in self.chunks:
            handler.wfile.write(chunk)
            self.sent += len(chunk)


@contextmanager
def mirror(replies):
    """The address of a server on this machine, and the list of the names that it was asked for."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path.strip("/"))
            reply = replies(asked[-1])
            try:
                reply.send(self)
            except ConnectionError:  # the client has heard enough
                self.close_connection = True

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def real(name):
    return Reply((DEBIAN_FOLDER / name).read_bytes())


def refusal(folder, *mirrors):
    with pytest.raises(DataError) as caught:
        fetch(folder, mirrors=mirrors)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture(scope="module")
def fetched(tmp_path_factory):
    """Fetched with a second mirror behind one that damages all but the first file."""
    folder, heard = tmp_path_factory.mktemp("cache") / "new" / "fashion-mnist", []

    def damaged(name):
        data = bytearray((DEBIAN_FOLDER / name).read_bytes())
        data[len(data) // 2] ^= name != FIRST
        return Reply(bytes(data))

    with mirror(damaged) as (bad, asked_bad), mirror(real) as (good, asked_good):
        fetch(folder, mirrors=(bad, good), progress=lambda *news: heard.append(news))
    return folder, heard, asked_bad, asked_good


@needs_debian
def test_a_damaged_file_is_fetched_from_the_next_mirror(fetched):
    _, _, asked_bad, asked_good = fetched
    assert asked_bad == [FIRST, *OTHERS]
    assert asked_good == OTHERS


@needs_debian
def test_only_the_four_published_files_are_left_in_the_folder(fetched):
    folder = fetched[0]
    sums = {
        path.name.removesuffix(".gz"): hashlib.sha256(
            gzip.decompress(path.read_bytes())
        ).hexdigest()
        for path in folder.iterdir()
    }
    assert sums == CONTENT_SHA256


@needs_debian
def test_progress_is_told_file_by_file_up_to_the_size(fetched):
    _, heard, _, _ = fetched
    for name in (FIRST, *OTHERS):
        size = (DEBIAN_FOLDER / name).stat().st_size
        counts = [done for told, done, total in heard if told == name and total == size]
        assert counts[-1] == size
        assert all(0 < done <= size for done in counts)
    first = [done for told, done, _ in heard if told == FIRST]
    assert first == sorted(set(first)), "one mirror, so it only grows"


@needs_debian
def test_the_whole_data_set_has_seventy_thousand_pictures_with_named_classes():
    data = open_dataset("fashion-mnist")
    assert data.images.shape == (70_000, 28, 28, 1)
    assert data.class_names == CLASS_NAMES
    assert np.bincount(data.labels).tolist() == [7000] * 10
    assert np.flatnonzero(data.official_test).tolist() == list(range(60_000, 70_000))


def test_without_a_good_mirror_the_error_says_how_to_get_the_files(tmp_path):
    missing, other = Reply(b"", status=404), Reply(gzip.compress(b"other"))
    with mirror(lambda _: missing) as (first, _), mirror(lambda _: other) as (second, _):
        message = refusal(tmp_path, first, second)
    assert message == (
        f"fashion-mnist is not on this machine and {FIRST} could not be fetched "
        f"({first}: HTTP Error 404: Not Found; {second}: its SHA-256 is not the published one); "
        "install Debian's dataset-fashion-mnist "
        f"or put the four .gz files into {tmp_path}"
    )


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(b"<html>sign in</html>"), "Not a gzipped file (b'<h')"),
        (Reply(b""), "its SHA-256 is not the published one"),
        (Reply(gzip.compress(b"other")[:-3]), "Compressed file ended before"),
        (Reply(gzip.compress(b"other"), length="900"), "its SHA-256 is not the published one"),
        (Reply(gzip.compress(b"other"), length=""), "its SHA-256 is not the published one"),
        (Reply(gzip.compress(b"other"), length="many"), "its SHA-256 is not the published one"),
        (Reply(gzip.compress(b"other") + b"x"), "Not a gzipped file"),
        (
            Reply(b"\x1f\x8b\x08" + bytes(7) + b"\xff" * 30),
            "Error -3 while decompressing data: invalid block type",
        ),
        (Reply(b"", status=500), "HTTP Error 500: Internal Server Error"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_answer_is_named_and_nothing_of_it_is_kept(tmp_path, reply, reason):
    with mirror(lambda _: reply) as (address, _):
        message = refusal(tmp_path, address)
    assert f"({address}: {reason}" in message
    assert list(tmp_path.iterdir()) == []


def test_nobody_at_the_address_is_one_line(tmp_path):
    with mirror(real) as (address, _):
        pass  # and closed again
    assert f"({address}: <urlopen error [Errno 111] Connection refused>)" in refusal(
        tmp_path, address
    )


def test_an_answer_that_does_not_end_is_cut_off(tmp_path):
    reply = Reply(bytes(1 << 20), repeats=400, length="")
    with mirror(lambda _: reply) as (address, _):
        message = refusal(tmp_path, address)
    assert f"({address}: more than {MAX_DOWNLOAD:,} bytes)" in message
    assert reply.sent < MAX_DOWNLOAD + (16 << 20), "what is in the buffers of the sockets"


def test_an_answer_that_grows_when_it_is_decompressed_is_cut_off(tmp_path):
    bomb = gzip.compress(bytes(MAX_CONTENT + 1), compresslevel=1)
    with mirror(lambda _: Reply(bomb)) as (address, _):
        message = refusal(tmp_path, address)
    assert f"({address}: more than {MAX_CONTENT:,} bytes after decompression)" in message


@needs_debian
def test_what_is_there_already_is_kept_when_the_next_file_cannot_be_had(tmp_path):
    with mirror(lambda name: real(name) if name == FIRST else Reply(b"", status=404)) as (some, _):
        assert OTHERS[0] in refusal(tmp_path, some)
    assert [path.name for path in tmp_path.iterdir()] == [FIRST]


def test_a_folder_that_cannot_be_made_is_explained(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(KenspeckleError):
        fetch(tmp_path / "file" / "fashion-mnist", mirrors=())


def test_the_cache_is_where_the_desktop_wants_it(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "kenspeckle" / "fashion-mnist"


def test_the_cache_is_in_the_home_folder_otherwise(tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "kenspeckle" / "fashion-mnist"
