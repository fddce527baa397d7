"""A process that ended is started again: at once, once more without a word, then with refusals."""

import asyncio
from array import array

import pytest

from kenspeckle.errors import ServingError
from kenspeckle.serving import desk as desks
from kenspeckle.serving.batching import BatchLimits, Input, Refused
from kenspeckle.serving.metrics import Metrics


class Process:
    """A worker that is always sure of the first class."""

    class_names, version, is_gone, seconds = ("a", "b"), "0" * 12, False, 0.001

    def give(self, items, parts):
        rows = array("f", [1.0, 0.0] * len(items)).tobytes()
        header = {"items": [{} for _ in items], "rows": len(rows)}
        asyncio.get_running_loop().call_soon(self.answered, self, header, rows)

    def close(self):
        """Nothing: it has no process of its own."""


@pytest.fixture
def start_again(tmp_path, monkeypatch):
    monkeypatch.setattr(desks, "_RETRIES", (0.0, 0.05, 0.05, 0.05))
    (tmp_path / "m.safetensors").touch()

    def run(failures):
        """What became of a request that waited, and of one that came when all was well again."""
        tries = iter([ServingError("no process can be started")] * failures)

        async def start(desk):
            error = next(tries, None)
            if error:
                raise error
            desk.batcher.replace(Process())

        async def asked():
            desk = desks.ServingDesk(
                name="m", model=tmp_path / "m.safetensors", run=None, limits=BatchLimits(),
                metrics=Metrics(),
            )  # fmt: skip
            desk._file = desks.open_model(desk.model)
            monkeypatch.setattr(desk, "_start", lambda _: start(desk))
            waiting = desk.batcher.submit([Input(b"one")])
            desk._renew()
            (first,) = await asyncio.gather(waiting, return_exceptions=True)
            while desk.batcher.worker is None:
                await asyncio.sleep(0.01)
            second = await desk.batcher.submit([Input(b"two")])
            await desk.stop()
            return first, second

        return asyncio.run(asyncio.wait_for(asked(), 10))

    return run


@pytest.mark.parametrize("failures", [0, 1])
def test_who_waits_hears_nothing_of_one_start_that_failed(start_again, failures):
    first, second = start_again(failures)
    assert first.answers[0].label == second.answers[0].label == "a"


def test_a_second_start_that_failed_is_told_and_a_later_one_is_the_end_of_it(start_again, capsys):
    first, second = start_again(3)
    assert isinstance(first, Refused) and first.status == 503
    assert str(first) == "the model cannot be loaded again"
    assert second.answers[0].label == "a"
    assert capsys.readouterr().err.count("ken: no process can be started\n") == 3
