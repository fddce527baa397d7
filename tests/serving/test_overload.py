"""More than can be computed: what is accepted is answered in time, the rest is refused at once."""

import re
import threading
import time
from collections import Counter

import pytest
from raw_http import connect, reply, request, send
from servers import stand_in, until

LIMITS = {"waiting": 10, "seconds": 60.0, "batch": 1}


def flood(server, clients, each):
    """Statuses, and the seconds of accepted and of refused requests."""
    statuses, accepted, refused = Counter(), [], []

    def client():
        with connect(server, timeout=30) as connection:
            for _ in range(each):
                start = time.perf_counter()
                connection.sendall(request(server))
                status, fields, _ = reply(connection)
                statuses[status] += 1
                (accepted if status == 200 else refused).append(time.perf_counter() - start)
                if status == 429:
                    assert int(fields[b"retry-after"]) >= 1
                    time.sleep(0.01)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses, sorted(accepted), sorted(refused)


def test_what_the_queue_has_no_room_for_is_refused_at_once():
    with stand_in(seconds=0.02, batching=LIMITS) as server:
        statuses, accepted, refused = flood(server, clients=40, each=10)
        assert set(statuses) == {200, 429}
        # one that is computed and ten that wait, 20 ms each, and what this busy machine adds
        assert accepted[-1] < 2 * 11 * 0.02 + 0.3
        assert refused[len(refused) // 2] < 0.05
        start = time.perf_counter()
        assert server.predict(b"x")[0] == 200
        assert time.perf_counter() - start < 2


def test_without_the_bound_nothing_would_be_refused():
    with stand_in(seconds=0.002, batching={**LIMITS, "waiting": 10**6}) as server:
        statuses, _, _ = flood(server, clients=40, each=2)
        assert set(statuses) == {200}


def test_a_refusal_does_not_wait_for_the_body():
    with (
        stand_in(seconds=0.3, batching={**LIMITS, "waiting": 1}) as server,
        connect(server) as first,
        connect(server) as second,
    ):
        waiting = [first, second]
        for connection in waiting:
            connection.sendall(request(server))
        assert until(lambda: server.metric("queue_pictures") == 1)
        with connect(server) as late:
            late.sendall(request(server, body=b"x" * 1000)[:-1000])
            assert reply(late)[0] == 429
            late.sendall(b"x" * 1000)  # which is read, so that the connection serves on
            late.sendall(request(server, "/v2/health/live", None, method="GET"))
            assert reply(late)[0] == 200
        assert [reply(connection)[0] for connection in waiting] == [200, 200]


def test_requests_that_do_not_wait_for_answers_get_them_in_order(sums):
    bodies = [b"x", b"xx", b"xxx", b"", b"x"]
    with connect(sums) as connection:
        connection.sendall(b"".join(request(sums, body=body) for body in bodies))
        last = request(
            sums, "/v2/health/live", None, method="GET", fields=[("Connection", "close")]
        )
        connection.sendall(last)
        held = b"".join(iter(lambda: connection.recv(65536), b""))
    labels = re.findall(rb'"label": "(\w+)"|"live":(true)', held)
    assert labels == [(b"even", b""), (b"even", b""), (b"even", b""), (b"even", b""),
                      (b"even", b""), (b"", b"true")]  # fmt: skip


def test_bodies_are_bounded_together():
    limits = {"held": 3000, "body": 2000}
    with stand_in(http=limits) as server, connect(server) as first, connect(server) as second:
        first.sendall(request(server, body=b"x" * 2000)[:-1])  # all but the last byte
        assert until(lambda: server.metric("held_bytes") == 1999)
        second.sendall(request(server, body=b"x" * 1500))
        assert reply(second)[0] == 429
        first.sendall(b"x")
        assert reply(first)[0] == 200
        assert server.metric("held_bytes") == 0


@pytest.mark.parametrize(("size", "status"), [(1001, 200), (1002, 429)])
def test_bodies_of_unknown_length_are_bounded_together_too(size, status):
    limits = {"held": 3000, "body": 2000}
    with stand_in(http=limits) as server, connect(server) as first, connect(server) as second:
        first.sendall(request(server, body=b"x" * 2000)[:-1])
        assert until(lambda: server.metric("held_bytes") == 1999)
        head = request(server, body=None, fields=[("Transfer-Encoding", "chunked")])
        second.sendall(head + b"%x\r\n%b\r\n0\r\n\r\n" % (size, b"x" * size))
        assert reply(second)[0] == status
        first.sendall(b"x")
        assert reply(first)[0] == 200
        assert server.metric("held_bytes") == 0


def test_every_request_is_in_the_counters(pictures):
    with stand_in(seconds=0.001, batching=LIMITS) as server:
        sent, _, _ = flood(server, clients=10, each=20)
        for path in ("/nothing", "/v2/health/live"):
            sent[server.ask("GET", path)[0]] += 1
        sent[send(server, b"nonsense\r\n\r\n")[0]] += 1
        text = server.ask("GET", "/metrics")[2].decode()
        counted = Counter()
        for status, count in re.findall(
            r'^kenspeckle_requests_total\{route="[^"]*",status="(\d+)"\} (\d+)$', text, re.M
        ):
            counted[int(status)] += int(count)
        assert counted == sent
        assert f"kenspeckle_rejected_total {sent[429]}\n" in text


def test_metrics_are_text_that_prometheus_reads(sums):
    sums.predict(b"x")
    _, fields, body = sums.ask("GET", "/metrics")
    assert fields["content-type"].startswith("text/plain; version=0.0.4")
    assert body.endswith(b"\n")
    sample = re.compile(r'[a-z_]+(\{[a-z]+="[^"\\\n]*"(,[a-z]+="[^"\\\n]*")*\})? [0-9.e+-]+')
    types, samples = {}, []
    for line in body.decode().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types
            types[name] = kind
        elif not line.startswith("# HELP "):
            assert sample.fullmatch(line), line
            samples.append(line)
    for line in samples:
        name = re.match("[a-z_]+", line)[0]
        assert name in types or re.sub("_(bucket|sum|count)$", "", name) in types
    assert set(types.values()) == {"counter", "gauge", "histogram"}


@pytest.mark.parametrize("name", ["request_seconds", "batch_pictures"])
def test_buckets_of_a_histogram_never_fall_and_end_with_its_count(sums, name):
    sums.predict(b"x")
    text = sums.ask("GET", "/metrics")[2].decode()
    labels = 'route="/predict",' if name == "request_seconds" else ""
    counts = re.findall(rf'^kenspeckle_{name}_bucket\{{{labels}le="[^"]+"\}} (\d+)$', text, re.M)
    inside = '{route="/predict"}' if labels else ""
    total = re.search(rf"^kenspeckle_{name}_count{re.escape(inside)} (\d+)$", text, re.M)[1]
    assert [int(count) for count in counts] == sorted(int(count) for count in counts)
    assert counts[-1] == total
