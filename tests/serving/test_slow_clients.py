"""Clients that send a byte now and then hold nothing but their connection, and not for long."""

import time
from contextlib import ExitStack

import pytest
from raw_http import connect, reply, request
from servers import stand_in, until

QUICK = {"header_seconds": 0.6, "body_seconds": 0.6, "idle_seconds": 0.6, "linger_seconds": 0.3}


def drip(server, data, *, seconds):
    """The status that a client gets which sends a byte of `data` each 50 ms, and when."""
    start = time.monotonic()
    with connect(server) as connection:
        connection.settimeout(0.05)
        for byte in data:
            try:
                connection.sendall(bytes([byte]))
                told = reply(connection)
                return (told[0] if told else None), time.monotonic() - start
            except TimeoutError:
                if time.monotonic() - start > seconds:
                    return "waits", seconds
            except OSError:
                return "reset", time.monotonic() - start
    return "sent", time.monotonic() - start


@pytest.mark.parametrize("part", ["header", "body"])
def test_a_slow_client_is_told_so_in_time(part):
    with stand_in(http=QUICK) as server:
        whole = request(server, body=b"x" * 500)
        if part == "header":
            status, seconds = drip(server, whole, seconds=3)
        else:
            with connect(server) as connection:
                start = time.monotonic()
                connection.sendall(whole[:-400])
                status, seconds = reply(connection)[0], time.monotonic() - start
        assert status == 408
        assert 0.5 < seconds < 2


def test_a_slow_client_would_wait_on_without_the_deadline():
    with stand_in(http={**QUICK, "header_seconds": 100}) as server:
        assert drip(server, request(server, body=b"x" * 500), seconds=1.5)[0] == "waits"


def test_an_idle_connection_is_closed_without_a_word():
    with stand_in(http=QUICK) as server, connect(server) as connection:
        assert reply(connection) is None


def test_a_request_that_crosses_the_end_of_an_idle_connection_meets_no_reset():
    limits = {**QUICK, "linger_seconds": 5.0}
    with stand_in(http=limits) as server, connect(server) as connection:
        assert reply(connection) is None
        for _ in range(3):  # to a closed socket the second would be an error
            connection.sendall(request(server))
            time.sleep(0.1)


@pytest.mark.parametrize("count", [30, pytest.param(500, marks=pytest.mark.slow)])
def test_slow_clients_do_not_delay_the_others(count):
    def typical(server):
        taken = []
        with connect(server) as connection:
            for _ in range(200):
                start = time.perf_counter()
                connection.sendall(request(server))
                assert reply(connection)[0] == 200
                taken.append(time.perf_counter() - start)
        return sorted(taken)[100]

    with stand_in() as server, ExitStack() as stack:
        alone = typical(server)
        for _ in range(count):
            slow = stack.enter_context(connect(server))
            slow.sendall(request(server, body=b"x" * 500)[:40])
        assert until(lambda: server.metric("connections") > count)
        assert typical(server) < 2 * alone + 0.002


def test_work_for_a_client_that_has_gone_is_dropped():
    with stand_in(seconds=1.5, batching={"batch": 1}) as server:
        with connect(server) as busy:
            busy.sendall(request(server))
            assert until(lambda: server.metric("batch_pictures_count") == 1)
            for _ in range(5):
                with connect(server) as going:
                    going.sendall(request(server))
                    assert until(lambda: server.metric("queue_pictures") == 1)
                assert until(lambda: server.metric("queue_pictures") == 0, seconds=0.2)
            assert reply(busy)[0] == 200
        assert server.metric("dropped_total") == 5
        assert server.metric("batch_pictures_count") == 1
        assert server.metric("held_bytes") == 0


def test_work_for_a_client_that_waits_is_not_dropped():
    with stand_in(seconds=0.1, batching={"batch": 1}) as server:
        with connect(server) as first, connect(server) as second:
            first.sendall(request(server))
            second.sendall(request(server))
            assert [reply(first)[0], reply(second)[0]] == [200, 200]
        assert server.metric("dropped_total") == 0
        assert server.metric("batch_pictures_count") == 2


def test_an_answer_that_takes_too_long_is_given_up():
    with stand_in(seconds=5, http={"answer_seconds": 0.3}) as server:
        start = time.monotonic()
        status, document = server.predict(b"x")
        assert (status, document) == (504, {"error": "no answer within 0.3 seconds"})
        assert time.monotonic() - start < 2
