"""The queue before the process that computes, with a process that answers when a test says so."""

import asyncio
from array import array

import pytest

from kenspeckle.serving.batching import Batcher, BatchLimits, Input
from kenspeckle.serving.metrics import Metrics


class Process:
    """A worker that only holds what it is given."""

    class_names, version, is_gone = ("a", "b"), "0" * 12, False

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
