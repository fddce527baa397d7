"""Requests that no client would send, to every route: refused, and the server goes on."""

import random
import urllib.parse

import pytest
from raw_http import request, send

PATHS = ["/", "/predict", "/metrics", "/v2", "/v2/health/live", "/v2/models/sums",
         "/v2/models/sums/infer", "/v2/repository/models/sums/load", "/runs",
         "/nothing"]  # fmt: skip
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"]
NASTY = [b"\x00", b"\xff", b"\r", b"\n", b"\r\n\r\n", b"%", b"%00", b" ", b"\t", b":", b"HTTP/9.9",
         b"Transfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n", b"\x80" * 50, b"A" * 5000,
         b"Upgrade: h2c\r\nConnection: Upgrade\r\n", b"Expect: 100-continue\r\n"]  # fmt: skip


def mutated(data, rng):
    """`data` with one to four bytes changed, taken out or put in."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data))
        kind = rng.randrange(5)
        if kind == 0:
            data[at] = rng.randrange(256)
        elif kind == 1:
            del data[at : at + rng.randint(1, 20)]
        elif kind == 2:
            data[at:at] = rng.choice(NASTY)
        elif kind == 3:
            data[at:at] = data[rng.randrange(len(data)) :][:100]
        else:
            data = data[: max(1, at)]
        if not data:
            return b"\r\n"
    return bytes(data)


@pytest.mark.parametrize(
    "count", [1000, pytest.param(100_000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]
)
def test_fuzzed_requests_get_an_answer_below_500_and_harm_nothing(sums, count):
    rng = random.Random(7)
    statuses = set()
    for _ in range(count):
        body = rng.choice([b"x", b"{}", b'{"inputs": []}', b"", rng.randbytes(50)])
        whole = request(sums, rng.choice(PATHS), body, method=rng.choice(METHODS))
        told = given(sums, mutated(whole, rng))
        statuses.add(told)
        assert told is None or told < 500 or told == 503
    assert {200, 400, 403, 404, 405} <= statuses
    assert sums.predict(b"x")[0] == 200
    assert sums.metric("connections") < 10
    assert sums.metric("held_bytes") == 0


def given(server, data):
    """The status; None where the client has to end first, because it has not sent all."""
    from raw_http import connect, reply

    with connect(server) as connection:
        connection.sendall(data)
        connection.settimeout(0.01)
        try:
            told = reply(connection)
        except TimeoutError:
            return None
        except ConnectionResetError:
            return "reset"
    return told[0] if told else None


SECRETS = ["etc/passwd", "etc/hostname", "proc/self/environ", "model.safetensors", "pyproject.toml"]
ROUTES = ["/", "/page/", "/runs/", "/v2/", "/v2/models/", "/v2/models/sums/versions/",
          "/v2/repository/models/", "/predict/", "/recent/", "/insight/", "/metrics/"]  # fmt: skip


def traversals():
    """Ways to write a path outside, before or behind which a route is put."""
    steps = ["../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%252f", "%252e%252e%252f", "..\\", "..%5c",
             "....//", "..;/", "..%c0%af", "%c0%ae%c0%ae/", "..%00/", "%00", "%uff0e%uff0e/",
             "..%ef%bc%8f", "//", "/./", "file:///", "\\\\?\\", "~/", "%7e/",
             "..#/", "..?/"]  # fmt: skip
    for step in steps:
        for secret in SECRETS:
            for depth in (1, 8):
                yield step * depth + secret


@pytest.mark.parametrize("route", ROUTES)
def test_no_path_leads_out_of_the_server(sums, route):
    paths = list(traversals())
    assert len(paths) * len(ROUTES) >= 500
    for path in paths:
        told = send(sums, request(sums, route + path, None, method="GET"))
        assert told[0] in (400, 404, 405), (path, told)
        assert b"root:" not in told[2]
        assert b"PATH=" not in told[2]


def test_a_file_that_is_served_would_be_noticed(sums):
    told = send(sums, request(sums, "/v2/health/live", None, method="GET"))
    assert told[0] == 200


@pytest.mark.parametrize(
    "name", ["../sums", "..%2fsums", "sums%2f..", "%73ums%00", "SUMS", "sums "]
)
def test_only_the_name_of_the_model_names_it(sums, name):
    path = f"/v2/models/{urllib.parse.quote(name, safe='%/')}"
    assert send(sums, request(sums, path, None, method="GET"))[0] in (400, 404)
