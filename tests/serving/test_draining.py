"""SIGTERM under load: everything that was sent before the listener closed is answered."""

import signal
import threading
import time
from contextlib import ExitStack

import pytest
from raw_http import connect, reply, request
from servers import real, stand_in, until


class Clients:
    """Connections that ask again and again; what became of each request."""

    def __init__(self, server, count, *, fresh):
        self.answered, self.lost, self.refused = 0, [], 0
        self._server, self._fresh = server, fresh
        self._threads = [threading.Thread(target=self._ask) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def join(self):
        for thread in self._threads:
            thread.join(timeout=20)
            assert not thread.is_alive()

    def _ask(self):
        while True:
            try:
                connection = connect(self._server)
            except OSError:  # the listener is closed
                self.refused += 1
                return
            with connection:
                while True:
                    try:
                        connection.sendall(request(self._server))
                        told = reply(connection)
                    except OSError as error:
                        self.lost.append(error)
                        return
                    if told is None or told[0] != 200:
                        self.lost.append(told)
                        return
                    self.answered += 1
                    if told[1].get(b"connection") == b"close" or self._fresh:
                        break


def stopped(server, *, fresh, clients=16):
    """What clients saw of a server that is stopped while they ask, its exit code and seconds."""
    asking = Clients(server, clients, fresh=fresh)
    assert until(lambda: asking.answered > 50)
    start = time.monotonic()
    code = server.stop()
    seconds = time.monotonic() - start
    asking.join()
    return asking, code, seconds


@pytest.mark.parametrize(
    "times", [10, pytest.param(200, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])]
)
def test_no_request_is_lost_when_a_server_is_stopped(times):
    for number in range(times):
        with stand_in(seconds=0.001) as server:
            asking, code, seconds = stopped(server, fresh=number % 2 == 0)
        assert asking.lost == []
        assert asking.refused == 16
        assert (code, seconds < 10) == (0, True)


def test_a_server_that_ends_at_once_would_be_noticed():
    with stand_in(seconds=0.001, drain=False) as server:
        asking, _, _ = stopped(server, fresh=False)
    assert asking.lost


def test_a_real_server_answers_what_waits_and_leaves_no_process(run, pictures):
    with real(run.path) as server, ExitStack() as stack:
        forked = server.forked()
        assert len(forked) == 1
        connections = [stack.enter_context(connect(server)) for _ in range(20)]
        for connection, picture in zip(connections, pictures, strict=False):
            connection.sendall(request(server, body=picture))
        server.process.send_signal(signal.SIGTERM)
        assert [reply(connection)[0] for connection in connections] == [200] * 20
        assert server.process.wait(timeout=10) == 0
        assert until(lambda: not any(_runs(number) for number in forked))


def _runs(number):
    try:
        with open(f"/proc/{number}/stat") as file:
            return file.read().split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False


def test_ready_turns_false_while_live_stays_true():
    with stand_in(seconds=0.3) as server, connect(server) as busy, connect(server) as watching:
        assert server.ask("GET", "/v2/health/ready")[0] == 200
        busy.sendall(request(server))
        assert until(lambda: server.metric("batch_pictures_count") == 1)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.02)
        watching.sendall(request(server, "/v2/health/ready", None, method="GET"))
        status, _, body = reply(watching)
        assert (status, body) == (503, b'{"ready":false}')
        assert reply(busy)[0] == 200
        assert server.process.wait(timeout=10) == 0


def test_a_client_that_never_ends_cannot_keep_a_server(sums):
    limits = {"drain_seconds": 1.0, "drain_idle_seconds": 0.2}
    with stand_in(http=limits) as server, connect(server) as connection:
        connection.sendall(request(server, body=b"x" * 100)[:-1])
        assert until(lambda: server.metric("held_bytes") == 99)
        start = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - start < 3
