"""The process that computes can die or hang, and nothing but its own batch notices."""

import asyncio
import os
import signal
import threading
import time
from array import array

import pytest
from raw_http import connect, reply, request
from servers import real, until

from kenspeckle.serving.batching import DEADLY, Batcher, BatchLimits, Input
from kenspeckle.serving.metrics import Metrics


@pytest.fixture(scope="module")
def mortal(run):
    """A server whose processes are killed."""
    with real(run.path) as started:
        yield started


@pytest.mark.parametrize("kills", [5, pytest.param(100, marks=pytest.mark.slow)])
def test_requests_go_on_while_the_process_is_killed(mortal, pictures, kills):
    statuses, longest, stop = [], [], threading.Event()

    def client(server):
        with connect(server, timeout=30) as connection:
            while not stop.is_set():
                start = time.monotonic()
                connection.sendall(request(server, body=pictures[0]))
                statuses.append(reply(connection)[0])
                longest.append(time.monotonic() - start)

    restarts = mortal.metric("restarts_total")
    threads = [threading.Thread(target=client, args=[mortal]) for _ in range(4)]
    for thread in threads:
        thread.start()
    killed = set()
    for _ in range(kills):
        assert until(lambda: set(mortal.forked()) - killed)
        (number,) = set(mortal.forked()) - killed
        before = len(statuses)
        os.kill(number, signal.SIGKILL)
        killed.add(number)
        assert until(lambda before=before: len(statuses) > before + 8)
    stop.set()
    for thread in threads:
        thread.join()
    restarts = mortal.metric("restarts_total") - restarts
    # a picture that was on its way twice when a process ended cannot be told from a deadly one
    assert statuses.count(200) >= len(statuses) - kills
    assert set(statuses) <= {200, 422}
    assert restarts == kills
    assert max(longest) < 5


def test_a_killed_process_is_back_within_two_seconds(mortal, pictures):
    (number,) = mortal.forked()
    os.kill(number, signal.SIGKILL)
    start = time.monotonic()
    assert mortal.predict(pictures[0])[0] == 200
    assert time.monotonic() - start < 2


def test_a_killed_template_is_started_again_when_it_is_needed(mortal, pictures):
    (template,) = mortal.children()
    (number,) = mortal.forked()
    os.kill(template, signal.SIGKILL)
    assert mortal.predict(pictures[0])[0] == 200
    os.kill(number, signal.SIGKILL)
    assert mortal.predict(pictures[0], timeout=60)[0] == 200


class Mortal:
    """A worker in this process that dies of, or hangs on, certain pictures."""

    class_names, version, seconds = ("a", "b"), "v", 0.001

    def __init__(self, started):
        self.is_gone = False
        self.batches = []
        self._started = started
        started.append(self)

    def give(self, items, parts):
        self.batches.append([bytes(part) for part in parts])
        loop = asyncio.get_running_loop()
        if b"deadly" in parts:
            loop.call_soon(self._die)
        elif b"hangs" not in parts:
            rows = array("f", [1.0, 0.0] * len(items)).tobytes()
            header = {"items": [{} for _ in items], "rows": len(rows)}
            loop.call_soon(lambda: self.answered(self, header, rows))

    def _die(self):
        self.is_gone = True
        self.ended(self)

    kill = _die

    def close(self):
        pass


def asked(*pictures, limits=None):
    """The errors of `pictures`, asked for one by one but at once, and the workers it took."""
    started = []

    async def main():
        def renew():
            asyncio.get_running_loop().call_soon(lambda: batcher.replace(Mortal(started)))

        batcher = Batcher(limits or BatchLimits(), Metrics(), renew=renew)
        futures = [batcher.submit([Input(picture)]) for picture in pictures]
        batcher.replace(Mortal(started))
        told = [await future for future in futures]
        again = await batcher.submit([Input(pictures[0])])
        return [one.answers[0].error for one in [*told, again]]

    return asyncio.run(asyncio.wait_for(main(), 10)), started


def test_a_picture_that_ends_the_process_twice_is_never_tried_again():
    errors, workers = asked(b"deadly", b"good", b"fine")
    assert errors == [DEADLY, "", "", DEADLY]
    tried = [batch for worker in workers for batch in worker.batches if b"deadly" in batch]
    assert len(tried) == 2
    assert tried[1] == [b"deadly"]


def test_a_process_that_hangs_is_ended():
    errors, workers = asked(b"hangs", b"good", limits=BatchLimits(hanging=0.05))
    assert errors == [DEADLY, "", DEADLY]
    assert len(workers) == 3


def test_a_process_that_answers_is_left_alone():
    errors, workers = asked(b"good", b"fine", limits=BatchLimits(hanging=0.05))
    assert errors == ["", "", ""]
    assert len(workers) == 1


def test_what_waits_goes_together():
    _, workers = asked(*[b"%d" % number for number in range(9)])
    assert [len(batch) for batch in workers[0].batches][:1] == [9]
