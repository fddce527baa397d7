"""Requests that are no good, from a seed: every way that a parser may be led astray."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from serving_load.messages import BOUNDARY
from serving_soak.odd_bodies import odd_body

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT")
_OURS = ("/", "/page/page.js", "/runs", "/predict", "/metrics", "/no/such/route")
_V2 = ("/v2", "/v2/health/live", "/v2/health/ready", "/v2/repository/models/{name}/load")
_MODEL = tuple("/v2/models/{name}" + end for end in ("", "/ready", "/versions/1", "/infer"))
ROUTES = (*_OURS, *_V2, *_MODEL)
_TYPES = (
    "image/png",
    "image/jpeg",
    "application/octet-stream",
    "application/json",
    "text/plain",
    f"multipart/form-data; boundary={BOUNDARY}",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "application/x-www-form-urlencoded",
    "image/",
    "/",
    "\xff",
    "",
)
_PATHS = (
    "/../../etc/passwd",
    "//etc/passwd",
    "/page/../../../etc/passwd",
    "/page/%2e%2e/%2e%2e/x",
    "/%00",
    "/page/%5c..%5c..%5cx",
    "/predict/",
    "/predict?",
    "/predict?a=%ff&b",
    "/predict#x",
    "*",
    "http://example.org/predict",
    "example.org:443",
    "predict",
    "/%",
    "/%zz",
    "/\xff",
    "/ü",
    "/v2/models/../../x/infer",
    "/v2/models/%2e%2e/ready",
    "/v2/models//infer",
)


@dataclass(frozen=True)
class Fuzzed:
    """One request as it goes over the wire."""

    data: bytes
    what: str  # the ways in which it is odd
    is_whole: bool  # whether a server may expect no more of it
    method: str


@dataclass
class _Draft:
    """A request that is still being spoilt."""

    chooser: random.Random
    method: str
    target: str
    protocol: str
    headers: list[tuple[str, str]]
    body: bytes
    is_whole: bool = True
    raw_head: bytes | None = None

    def wire(self) -> bytes:
        """The bytes."""
        if self.raw_head is not None:
            return self.raw_head + self.body
        lines = [f"{self.method} {self.target} {self.protocol}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + self.body

    def set(self, name: str, value: str) -> None:
        """The header `name` once."""
        self.headers = [each for each in self.headers if each[0].lower() != name.lower()]
        self.headers.append((name, value))


def fuzzed(seed: int, *, port: int, name: str, picture: bytes) -> Fuzzed:
    """The request of `seed`: any route, any method, one to three oddities."""
    chooser = random.Random(seed)
    method = METHODS[seed % len(METHODS)]
    route = ROUTES[seed // len(METHODS) % len(ROUTES)].format(name=name)
    draft = _Draft(chooser, method, route, "HTTP/1.1", [("Host", f"127.0.0.1:{port}")], b"")
    if method in ("POST", "PUT", "PATCH") or chooser.random() < 0.1:
        draft.body = odd_body(chooser, picture)
        draft.set("Content-Type", chooser.choice(_TYPES))
        draft.set("Content-Length", str(len(draft.body)))
    chosen = chooser.sample(sorted(ODDITIES), chooser.choice((0, 1, 1, 1, 2, 3)))
    for each in chosen:
        ODDITIES[each](draft)
    return Fuzzed(draft.wire(), "+".join(chosen) or "plain", draft.is_whole, method)


def _length(draft: _Draft) -> None:
    value = draft.chooser.choice(
        (
            "-1",
            "+1",
            "1e3",
            "0x10",
            "",
            " ",
            "99999999999999999999",
            "1, 1",
            "12abc",
            "\u00b2",
            str(len(draft.body) + 100),
            str(max(0, len(draft.body) - 1)),
            "0",
            str(1 << 40),
        )
    )
    draft.set("Content-Length", value)
    draft.is_whole = not (value.isdecimal() and int(value) > len(draft.body))


def _two_lengths(draft: _Draft) -> None:
    draft.headers += [("Content-Length", "3"), ("Content-Length", "4")]
    draft.is_whole = len(draft.body) >= 4


def _chunks(draft: _Draft) -> None:
    draft.headers = [each for each in draft.headers if each[0] != "Content-Length"]
    draft.set(
        "Transfer-Encoding",
        draft.chooser.choice(
            ("chunked", "chunked", "gzip, chunked", "identity", "xchunked", "chunked, chunked")
        ),
    )
    draft.body = draft.chooser.choice(
        (
            b"0\r\n\r\n",
            b"3\r\nabc\r\n0\r\n\r\n",
            b"zz\r\n",
            b"-1\r\n",
            b"ffffffffffffffffff\r\n",
            b"3\r\nabcdef\r\n0\r\n\r\n",
            b"3;" + b"x" * 70_000 + b"\r\nabc\r\n0\r\n\r\n",
            b"3\nabc\n0\n\n",
        )
    )
    draft.is_whole = draft.body.endswith(b"0\r\n\r\n")


def _both(draft: _Draft) -> None:
    draft.body = b"0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    draft.headers += [("Transfer-Encoding", "chunked"), ("Content-Length", "5")]


def _header(draft: _Draft) -> None:
    draft.headers.append(
        draft.chooser.choice(
            (
                ("", "x"),
                ("Bad Name", "x"),
                ("X\x00", "x"),
                ("X", "a\x00b"),
                ("X", "a\r\n folded"),
                ("X", "\xff" * 100),
                ("Origin", "null"),
                ("Origin", "http://example.org"),
                ("Sec-Fetch-Site", "cross-site"),
                ("Expect", "100-continue"),
                ("Expect", "200-ok"),
                ("Upgrade", "websocket"),
                ("Upgrade", "h2c"),
                ("Connection", "Upgrade, HTTP2-Settings"),
                ("Connection", "close"),
                ("Content-Encoding", "gzip"),
                ("Accept-Encoding", "\xff"),
                ("Inference-Header-Content-Length", "-1"),
                ("Inference-Header-Content-Length", "9" * 30),
                ("Inference-Header-Content-Length", "2"),
                ("Authorization", "Bearer \xff"),
                ("Authorization", "Basic"),
                ("Range", "bytes=0-99999999999999"),
                ("Cookie", ";;=;=" * 100),
                ("Sec-WebSocket-Version", "13"),
                ("Transfer-Encoding", " "),
            )
        )
    )


def _many_headers(draft: _Draft) -> None:
    draft.headers += [(f"X-{number}", "y") for number in range(draft.chooser.choice((120, 5000)))]


def _long_header(draft: _Draft) -> None:
    draft.headers.append(("X-Long", "y" * draft.chooser.choice((8_000, 20_000, 200_000))))


def _target(draft: _Draft) -> None:
    draft.target = draft.chooser.choice((*_PATHS, "/" + "a" * 70_000, "/?" + "b" * 20_000))


def _host(draft: _Draft) -> None:
    value = draft.chooser.choice(
        ("example.org", "", "127.0.0.1:1", "localhost:x", "[::1", "a@b", "\xff")
    )
    draft.set("Host", value)


def _no_host(draft: _Draft) -> None:
    draft.headers = [each for each in draft.headers if each[0] != "Host"]


def _protocol(draft: _Draft) -> None:
    draft.protocol = draft.chooser.choice(
        (
            "HTTP/1.0",
            "HTTP/2.0",
            "HTTP/9.9",
            "HTTP/1",
            "HTTP/1.1.1",
            "http/1.1",
            "HTTP",
            "",
            "ICY",
            "HTTP/1.1 x",
        )
    )


def _method(draft: _Draft) -> None:
    draft.method = draft.chooser.choice(
        ("", "get", "G\x00T", "GET\t", "PRI", "X" * 300, "\xff", "QUERY", "1")
    )


def _ends(draft: _Draft) -> None:
    draft.raw_head = draft.wire()[: len(draft.wire()) - len(draft.body)].replace(b"\r\n", b"\n")


def _garbage(draft: _Draft) -> None:
    draft.raw_head = draft.chooser.choice(
        (
            draft.chooser.randbytes(draft.chooser.randrange(1, 400)) + b"\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + draft.chooser.randbytes(200),
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\r\n" * 200,
            b"\x00" * 300,
            b"A" * 100_000,
        )
    )
    draft.is_whole = False


def _flips(draft: _Draft) -> None:
    wire = bytearray(draft.wire())
    for _ in range(draft.chooser.randrange(1, 6)):
        wire[draft.chooser.randrange(len(wire))] = draft.chooser.randrange(256)
    draft.raw_head, draft.body = bytes(wire), b""
    draft.is_whole = False


def _cut(draft: _Draft) -> None:
    wire = draft.wire()
    draft.raw_head, draft.body = wire[: draft.chooser.randrange(1, len(wire))], b""
    draft.is_whole = False


ODDITIES: dict[str, Callable[[_Draft], None]] = {
    "length": _length,
    "two-lengths": _two_lengths,
    "chunks": _chunks,
    "both": _both,
    "header": _header,
    "many-headers": _many_headers,
    "long-header": _long_header,
    "target": _target,
    "host": _host,
    "no-host": _no_host,
    "protocol": _protocol,
    "method": _method,
    "line-ends": _ends,
    "garbage": _garbage,
    "flips": _flips,
    "cut": _cut,
}
