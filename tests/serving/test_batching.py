"""The queue before the process that computes, with a process that answers when a test says so."""

import asyncio
from array import array

import pytest

from kenspeckle.serving.batching import DEADLY, Batcher, BatchLimits, Input, Refused
from kenspeckle.serving.metrics import Metrics


class Process:
    """A worker that only holds what it is given."""

    class_names, version, is_gone = ("a", "b"), "0" * 12, False
    seconds = 0.001

    def close(self):
        """Nothing: it has no process of its own."""

    def give(self, items, parts):
        self.items = items

    def answer(self):
        """Tell of each picture that it is surely of the first class."""
        rows = array("f", [1.0, 0.0] * len(self.items)).tobytes()
        self.answered(self, {"items": [{}] * len(self.items), "rows": len(rows)}, rows)


def test_an_answer_that_comes_as_its_client_leaves_does_not_cost_others_theirs():
    async def both():
        batcher = Batcher(BatchLimits(), Metrics(), renew=lambda: None)
        first = batcher.submit([Input(b"one")])
        second = batcher.submit([Input(b"two")])
        process = Process()
        batcher.replace(process)
        first.cancel()
        process.answer()  # in the same turn of the loop, before anything else hears of it
        return (await asyncio.wait_for(second, 1)).answers[0].label, batcher.is_idle

    assert asyncio.run(both()) == ("a", True)


@pytest.mark.parametrize("pictures", [1, 3])
def test_what_nobody_waits_for_any_more_is_not_computed(pictures):
    async def gone():
        batcher = Batcher(BatchLimits(), Metrics(), renew=lambda: None)
        batcher.submit([Input(b"one")] * pictures).cancel()
        await asyncio.sleep(0)
        return batcher.is_idle, batcher.metrics.dropped

    assert asyncio.run(gone()) == (True, 1)


class Deadly(Process):
    """It ends at once, whatever it is given."""

    def __init__(self, version):
        self.version = version

    def give(self, items, parts):
        self.is_gone = True
        asyncio.get_running_loop().call_soon(self.ended, self)


@pytest.mark.parametrize(("version", "label"), [("old", ""), ("new", "a")])
def test_what_one_model_died_of_is_tried_with_another_and_not_with_the_same(version, label):
    async def asked():
        started = iter([Deadly("old"), Deadly("old")])
        loop = asyncio.get_running_loop()

        def renew():
            if (worker := next(started, None)) is not None:
                loop.call_soon(batcher.replace, worker)

        batcher = Batcher(BatchLimits(), Metrics(), renew=renew)
        first = batcher.submit([Input(b"one")])
        batcher.replace(next(started))
        assert (await asyncio.wait_for(first, 1)).answers[0].error == DEADLY
        process = Process()
        process.version = version
        batcher.replace(process)
        second = batcher.submit([Input(b"one")])
        if not second.done():
            process.answer()
        return (await asyncio.wait_for(second, 1)).answers[0].label

    assert asyncio.run(asked()) == label


@pytest.mark.parametrize(("seconds", "admitted"), [(0.001, True), (0.6, False)])
def test_how_much_may_wait_is_first_judged_by_what_the_process_said_of_itself(seconds, admitted):
    async def asked():
        batcher = Batcher(BatchLimits(seconds=1.0), Metrics(), renew=lambda: None)
        process = Process()
        process.seconds = seconds
        batcher.replace(process)
        for _ in range(2):  # one is computed, one waits
            batcher.submit([Input(b"one")])
        batcher.admit()

    if admitted:
        asyncio.run(asked())
    else:
        with pytest.raises(Refused):
            asyncio.run(asked())


def test_one_batch_that_had_to_wait_does_not_close_the_door(monkeypatch):
    async def asked():
        batcher = Batcher(BatchLimits(seconds=1.0), Metrics(), renew=lambda: None)
        process = Process()
        batcher.replace(process)
        clock = iter([0.0, 3.0, 3.0])  # seconds: the batch took three
        monkeypatch.setattr("kenspeckle.serving.batching.time.perf_counter", lambda: next(clock))
        batcher.submit([Input(b"one")])
        process.answer()
        monkeypatch.undo()
        for _ in range(20):
            batcher.submit([Input(b"two")])

    asyncio.run(asked())


class Timed(Process):
    """It says what it takes for a picture, and takes something else, on a clock of its own."""

    now = 0.0

    def __init__(self, said, takes, version="a" * 12):
        self.seconds, self.takes, self.version = said, takes, version

    def answer(self):
        Timed.now += self.takes * len(self.items)
        super().answer()


@pytest.fixture
def clock(monkeypatch):
    Timed.now = 0.0
    monkeypatch.setattr("kenspeckle.serving.batching.time.perf_counter", lambda: Timed.now)


def most_that_waits(batcher):
    """How many more requests are admitted."""
    count = 0
    try:
        while count < 1000:
            batcher.submit([Input(b"x")])
            count += 1
    except Refused:
        pass
    return count


def test_pictures_that_take_longer_than_was_said_soon_wait_no_longer(clock):
    async def admitted():
        batcher = Batcher(BatchLimits(), Metrics(), renew=lambda: None)
        process = Timed(0.0002, 0.1)
        batcher.replace(process)
        batcher.submit([Input(b"x")])
        for _ in range(3):
            process.answer()
            batcher.submit([Input(b"x")])
        return most_that_waits(batcher)

    assert 5 < asyncio.run(admitted()) < 30  # of 256 that the first estimate would admit


def test_another_model_is_judged_by_what_it_says_of_itself(clock):
    async def admitted(version):
        batcher = Batcher(BatchLimits(), Metrics(), renew=lambda: None)
        batcher.replace(Timed(0.0002, 0.0002))
        batcher.replace(Timed(0.05, 0.05, version))
        return most_that_waits(batcher)

    assert asyncio.run(admitted("b" * 12)) <= 21
    assert asyncio.run(admitted("a" * 12)) > 200  # a process that came back keeps what was learned
