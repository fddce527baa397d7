"""The second process: started when it is first asked, and never in the way of predictions."""

import asyncio
import os
import signal

import pytest
from servers import real, until

from kenspeckle.serving.batching import BatchLimits
from kenspeckle.serving.desk import ServingDesk
from kenspeckle.serving.metrics import Metrics


@pytest.fixture(scope="module")
def asked(run):
    with real(run.path) as started:
        yield started


def look(server, picture):
    return server.ask("POST", "/insight?parts=seen", picture, {"Content-Type": "image/png"})[0]


def test_the_second_process_starts_when_it_is_asked_and_comes_back(asked, pictures):
    (first,) = asked.forked()
    assert look(asked, pictures[0]) == 200
    (second,) = set(asked.forked()) - {first}
    assert look(asked, pictures[0]) == 200
    assert set(asked.forked()) == {first, second}
    os.kill(second, signal.SIGKILL)
    assert until(lambda: set(asked.forked()) == {first})
    assert look(asked, pictures[1]) in (200, 503)  # what died is noticed at the latest now
    assert look(asked, pictures[1]) == 200
    assert asked.metric("restarts_total") == 0


def test_a_picture_that_is_none_is_refused(asked):
    assert look(asked, b"hello") == 422


def test_another_model_is_looked_into_once_it_serves(asked, pictures, run):
    assert look(asked, pictures[0]) == 200
    assert asked.ask("POST", f"/v2/repository/models/{run.name}/load")[0] == 200
    assert look(asked, pictures[0]) == 200


def test_who_waits_to_look_inside_while_the_model_is_loaded_again_is_answered(run, pictures):
    async def look_and_load():
        desk = ServingDesk(
            name="run", model=run.model_file, run=None, limits=BatchLimits(), metrics=Metrics()
        )
        await desk.load()
        try:
            looks = [asyncio.create_task(desk.insight(pictures[0])) for _ in range(8)]
            await desk.load()
            assert not looks[-1].done()
            for one in looks[:-1]:  # whose clients leave, which ends the process that looks
                one.cancel()
            return await looks[-1], desk.metrics.restarts
        finally:
            await desk.stop()

    said, restarts = asyncio.run(look_and_load())
    assert said["seen"] and restarts == 0
