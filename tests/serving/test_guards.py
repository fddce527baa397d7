"""Pages of other sites, foreign names for this machine, and guessed tokens get nowhere."""

import asyncio
import itertools
import json
from base64 import b64encode
from pathlib import Path

import pytest
from servers import real

from kenspeckle.serving.guards import Guard, hosts
from kenspeckle.serving.headers import POLICY
from kenspeckle.serving.tokens import TokenGate

PORT = 8000
OURS = [f"127.0.0.1:{PORT}", f"localhost:{PORT}", f"[::1]:{PORT}", f"LOCALHOST:{PORT}"]
FOREIGN_HOSTS = [
    "", "evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:1",
    f"127.0.0.1.evil:{PORT}", f"localhost.evil:{PORT}", f"0.0.0.0:{PORT}",
    f"[::ffff:127.0.0.1]:{PORT}", f"127.1:{PORT}",
]  # fmt: skip
FOREIGN_ORIGINS = [
    "null", "http://evil.example", f"http://evil.example:{PORT}", f"http://127.0.0.1:{PORT + 1}",
    "http://127.0.0.1", f"file://127.0.0.1:{PORT}", f"http://127.0.0.1:{PORT}.evil.example", "x",
    f"http://user@127.0.0.1:{PORT}",
]  # fmt: skip
SITES = [None, "same-origin", "same-site", "cross-site", "none"]
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]


async def inside(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"inside"})


def answer(*, method="POST", path="/predict", gate=None, known=None, client="1.2.3.4", **fields):
    """The status, the header and the body of what the guard answers."""
    headers = [
        (name.replace("_", "-").encode(), value.encode("latin-1"))
        for name, value in fields.items()
        if value is not None
    ]
    sent = []
    scope = {
        "type": "http", "method": method, "path": path, "headers": headers, "client": (client, 1),
    }  # fmt: skip

    async def send(message):
        sent.append(message)

    guard = Guard(inside, hosts=known or hosts("127.0.0.1", PORT), gate=gate)
    asyncio.run(guard(scope, None, send))
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


CASES = list(
    itertools.product(
        [*OURS[:2], *FOREIGN_HOSTS[:4]],
        [None, "same", *FOREIGN_ORIGINS[:4]],
        SITES,
        METHODS,
    )
)


def test_the_combinations_are_many():
    assert len(CASES) >= 400


@pytest.mark.parametrize("host", [*OURS[:2], *FOREIGN_HOSTS[:4]])
def test_only_our_own_page_or_no_page_acts(host):
    for _, origin, site, method in (case for case in CASES if case[0] == host):
        own = f"http://{host}" if origin == "same" else origin
        status, fields, _ = answer(method=method, host=host, origin=own, sec_fetch_site=site)
        reads = method in ("GET", "HEAD")
        good = (
            host in OURS
            and origin in (None, "same")
            and (site in (None, "same-origin") or (reads and site == "none"))
        )
        assert status == (200 if good else 403), (host, origin, site, method)
        assert fields[b"content-security-policy"] == POLICY


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_foreign_host_is_refused(host):
    assert answer(host=host)[0] == 403


@pytest.mark.parametrize("host", OURS)
def test_our_own_hosts_are_not(host):
    assert answer(host=host)[0] == 200


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_a_foreign_origin_is_refused(origin):
    status, _, body = answer(host=OURS[0], origin=origin)
    assert status == 403
    assert json.loads(body) == {"error": "requests from pages of other sites are refused"}


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_a_form_of_another_site_cannot_act(kind):
    told = answer(
        host=OURS[0], origin="http://evil.example", sec_fetch_site="cross-site", content_type=kind
    )
    assert told[0] == 403


def test_a_link_on_another_site_opens_the_page_and_nothing_that_acts():
    link = {"host": OURS[0], "sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert answer(method="GET", path="/", **link)[0] == 200
    assert answer(method="POST", **link)[0] == 403
    assert answer(method="GET", host=OURS[0], sec_fetch_site="cross-site")[0] == 403


def test_without_the_guard_a_foreign_page_would_act():
    status, _, _ = answer(known=frozenset([b"evil.example"]), host="evil.example")
    assert status == 200


TOKEN = b"a-token-that-is-long-enough"


def test_a_right_token_is_let_in():
    gate = TokenGate(TOKEN)
    basic = b64encode(b"anyone:" + TOKEN).decode()
    assert answer(gate=gate, host=OURS[0], authorization=f"Bearer {TOKEN.decode()}")[0] == 200
    assert answer(gate=gate, host=OURS[0], authorization=f"Basic {basic}")[0] == 200


@pytest.mark.parametrize(
    "given",
    [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic !", "Basic eDp5", "Digest x",
     f"Bearer {TOKEN.decode()}x", f"Bearer {TOKEN[:-1].decode()}", TOKEN.decode(),
     f"bearer x{TOKEN.decode()}"],
)  # fmt: skip
def test_any_other_token_is_not(given):
    status, fields, _ = answer(gate=TokenGate(TOKEN), host=OURS[0], authorization=given)
    assert status == 401
    assert b"www-authenticate" in fields


def test_a_right_token_does_not_open_the_server_to_other_sites():
    told = answer(
        gate=TokenGate(TOKEN),
        host=OURS[0],
        origin="http://evil.example",
        authorization=f"Bearer {TOKEN.decode()}",
    )
    assert told[0] == 403


def test_ten_thousand_guesses_are_too_many():
    gate, guard_hosts = TokenGate(TOKEN), hosts("127.0.0.1", PORT)
    guard = Guard(inside, hosts=guard_hosts, gate=gate)

    def status(token, client="6.6.6.6"):
        scope = {
            "method": "POST", "path": "/predict", "client": (client, 1),
            "headers": [(b"host", OURS[0].encode()), (b"authorization", b"Bearer " + token)],
        }  # fmt: skip
        refusal = guard.refusal(scope)
        return 200 if refusal is None else refusal[0]

    told = [status(b"%d" % number) for number in range(10_000)]
    assert told.count(401) <= 40  # 20 at once, and one more for each second
    assert set(told) == {401, 429}
    assert status(TOKEN) == 429  # or guessing would go on
    assert status(TOKEN, client="7.7.7.7") == 200


def test_health_can_be_asked_without_a_token():
    told = answer(gate=TokenGate(TOKEN), host=OURS[0], method="GET", path="/v2/health/ready")
    assert told[0] == 200


def test_the_token_is_never_in_what_the_server_writes(run, tmp_path, pictures):
    (tmp_path / "token").write_bytes(TOKEN + b"\n")
    with real(run.path, "--token-file", tmp_path / "token") as server:
        assert server.ask("POST", "/predict", pictures[0])[0] == 401
        told = {"Authorization": f"Bearer {TOKEN.decode()}"}
        assert server.ask("POST", "/predict", pictures[0], told)[0] == 200
        assert server.ask("GET", "/metrics", None, told)[0] == 200
        command = Path(f"/proc/{server.process.pid}/cmdline").read_bytes()
        assert server.stop() == 0
        written = server.line.encode() + b"".join(server.process.communicate())
    assert TOKEN not in command + written


def test_the_guard_stands_before_every_route(sums):
    paths = ["/", "/predict", "/metrics", "/v2", "/v2/models/sums/infer", "/nothing", "/runs",
             "/v2/repository/models/sums/load", "/review", "/insight", "/recent"]  # fmt: skip
    for path in paths:
        for method in ("GET", "POST"):
            assert sums.ask(method, path, None, {"Host": "evil.example"})[0] == 403
            status, fields, _ = sums.ask(method, path, None, {"Origin": "null"})
            assert status == 403
            assert fields["x-content-type-options"] == "nosniff"
            assert fields["cache-control"] == "no-store"
