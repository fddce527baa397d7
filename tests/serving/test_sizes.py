"""Every limit, just within it, at it, and just beyond it."""

import gzip
import re

import pytest
from raw_http import connect, reply, request, send
from servers import stand_in

LIMITS = {"target": 100, "field": 200, "fields": 600, "field_count": 10, "body": 1000}
BOUNDARY = "b" * 10


@pytest.fixture(scope="module")
def small():
    with stand_in(http=LIMITS) as server:
        yield server


def form(count, data=b"x"):
    part = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n'
    return (part.encode() + data + b"\r\n") * count + f"--{BOUNDARY}--\r\n".encode()


FORM = [("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")]


@pytest.mark.parametrize(("size", "status"), [(999, 200), (1000, 200), (1001, 413)])
def test_a_body_may_have_so_many_bytes(small, size, status):
    assert send(small, request(small, body=b"x" * size))[0] == status


@pytest.mark.parametrize(("size", "status"), [(999, 200), (1000, 200), (1001, 413)])
def test_a_body_in_chunks_may_have_so_many_bytes(small, size, status):
    head = request(small, body=None, fields=[("Transfer-Encoding", "chunked")])
    chunks = b"".join(b"1\r\nx\r\n" for _ in range(size))
    assert send(small, head + chunks + b"0\r\n\r\n")[0] == status


CHUNK = b"258\r\n" + b"x" * 600 + b"\r\n"


@pytest.mark.parametrize(
    ("chunks", "second"), [(CHUNK, 200), (CHUNK + CHUNK, 413), (b"no number\r\n", 400)]
)
def test_a_refusal_waits_for_the_answers_before_it(chunks, second):
    """Or it would be taken for the answer to what was asked before."""
    with stand_in(seconds=0.2, http=LIMITS) as server, connect(server) as connection:
        head = request(server, body=None, fields=[("Transfer-Encoding", "chunked")])
        connection.sendall(request(server) + head + chunks + b"0\r\n\r\n")
        held, statuses = b"", []
        while len(statuses) < 2 and (piece := connection.recv(65536)):
            held += piece
            statuses = re.findall(rb"HTTP/1\.1 (\d{3}) ", held)
    assert statuses == [b"200", b"%d" % second]


@pytest.mark.parametrize(("size", "status"), [(99, 200), (100, 200), (101, 414)])
def test_an_address_may_have_so_many_bytes(small, size, status):
    path = "/predict?" + "q" * (size - len("/predict?"))
    assert send(small, request(small, path))[0] == status


@pytest.mark.parametrize(("size", "status"), [(199, 200), (200, 200), (201, 431)])
def test_a_field_may_have_so_many_bytes(small, size, status):
    fields = [("X", "v" * (size - 1))]
    assert send(small, request(small, fields=fields))[0] == status


@pytest.mark.parametrize(("count", "status"), [(9, 200), (10, 200), (11, 431)])
def test_a_header_may_have_so_many_fields(small, count, status):
    fields = [(f"X{number}", "v") for number in range(count - 2)]  # Host and Content-Length too
    assert send(small, request(small, fields=fields))[0] == status


@pytest.mark.parametrize(("extra", "status"), [(-1, 200), (0, 200), (1, 431)])
def test_the_fields_together_may_have_so_many_bytes(small, extra, status):
    own = len(f"Host127.0.0.1:{small.port}Content-Length1")
    left = 600 - own + extra - 3 * 2
    fields = [(f"X{n}", "v" * size) for n, size in enumerate([190, 190, left - 380])]
    assert send(small, request(small, fields=fields))[0] == status


def test_a_field_that_never_ends_is_cut_off(small):
    data = request(small, fields=[("X", "v" * 200_000)])
    with connect(small) as connection:
        connection.sendall(data[:180_000])
        assert reply(connection)[0] == 431


@pytest.mark.parametrize(("count", "status"), [(63, 200), (64, 200), (65, 413)])
def test_a_form_may_have_so_many_pictures(sums, count, status):
    assert send(sums, request(sums, body=form(count), fields=FORM))[0] == status


@pytest.mark.parametrize(
    ("fields", "body", "status"),
    [
        ([], b"x", 200),
        ([("Content-Type", "image/png")], b"x", 200),
        ([("Content-Type", "application/octet-stream")], b"x", 200),
        ([("Content-Type", "text/plain")], b"x", 415),
        ([("Content-Type", "application/json")], b"{}", 415),
        ([("Content-Encoding", "gzip")], gzip.compress(b"x", mtime=0), 415),
        ([("Content-Encoding", "identity")], b"x", 200),
        ([("Content-Type", "multipart/form-data")], b"x", 400),
        ([("Content-Type", "multipart/form-data; boundary=" + "b" * 71)], b"x", 400),
        (FORM, b"x", 400),
        (FORM, b"", 400),
        (FORM, form(1)[:-6], 400),
        (FORM, form(129).replace(b"; filename", b"; other"), 413),
        (FORM, form(0), 422),
        (FORM, form(1).replace(b"; filename", b"; other"), 422),
        (FORM, form(1).replace(b'"a"', b'"' + b"a" * 9000 + b'"'), 400),
        ([("Content-Length", "5")], None, 408),  # and less comes
        ([("Transfer-Encoding", "gzip")], None, 400),
        ([("Transfer-Encoding", "chunked"), ("Content-Length", "1")], None, 400),
        ([("Content-Length", "-1")], None, 400),
        ([("Content-Length", "1"), ("Content-Length", "2")], None, 400),
        ([("Content-Length", "1" * 30)], None, 400),
        ([("Host", "127.0.0.1")], b"x", 400),  # a second one
        ([], None, 411),
    ],
)
def test_a_request_of_this_kind_gets_this_status(fields, body, status):
    with stand_in(http={"body_seconds": 0.3}) as server:
        told = send(server, request(server, body=body, fields=fields))
        assert told[0] == status
        assert told[2].startswith(b'{"error": "') or status == 200


def test_a_length_that_is_refused_is_refused_before_the_body(sums):
    with connect(sums) as connection:
        connection.sendall(request(sums, body=None, fields=[("Content-Length", str(1 << 40))]))
        assert reply(connection)[0] == 413


def test_a_client_that_asks_before_it_sends_is_told_to_go_on(sums):
    with connect(sums) as connection:
        connection.sendall(request(sums, fields=[("Expect", "100-continue")])[:-1])
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"x")
        assert reply(connection)[0] == 200


def test_a_large_answer_to_a_refused_body_arrives_whole(sums):
    """Closing while the client still sends would reset the connection, and destroy the answer."""
    data = request(sums, body=b"x" * (30 << 20))
    with connect(sums) as connection:
        connection.settimeout(10)
        connection.sendall(data[: 1 << 20])
        status, fields, _ = reply(connection)
    assert (status, fields[b"connection"]) == (413, b"close")
