"""Another model in the place of the one that serves, under load."""

import json
import os
import shutil
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
from conftest import SMALL, bars
from raw_http import connect, reply, request
from servers import real, until

import kenspeckle as ks
from kenspeckle.inference import probabilities


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Another run on other pictures."""
    out = tmp_path_factory.mktemp("other") / "run"
    return ks.train(bars(seed=9), settings=(*SMALL, "train.epochs=1"), out=out)


@pytest.fixture(scope="module")
def swapped(run, tmp_path_factory):
    """A server whose model file is replaced, and that file."""
    model = shutil.copy(run.model_file, tmp_path_factory.mktemp("swapped") / "net.safetensors")
    with real(model) as started:
        yield started, Path(model)


@pytest.fixture
def server_and_model(swapped, run):
    """The two, with the first model again."""
    server, model = swapped
    replace(model, run.model_file)
    assert load(server)[0] == 200
    return swapped


def replace(model, source):
    """As whoever trains again does it: the file is replaced whole."""
    fresh = model.with_suffix(".new")
    shutil.copy(source, fresh)
    fresh.rename(model)


def load(server):
    return server.ask("POST", f"/v2/repository/models/{name(server)}/load")


def name(server):
    return server.line.split()[1]


@pytest.mark.parametrize("swaps", [5, pytest.param(500, marks=pytest.mark.slow)])
def test_each_answer_is_that_of_the_model_that_it_names(
    run, other, server_and_model, dataset, pictures, swaps
):
    files = [run.model_file, other.model_file]
    told, stop = [], threading.Event()

    def client(server, number):
        with connect(server, timeout=30) as connection:
            while not stop.is_set():
                connection.sendall(request(server, body=pictures[number]))
                status, _, body = reply(connection)
                told.append((number, status, json.loads(body)))

    versions = {}
    server, model = server_and_model
    loads, restarts = server.metric("model_loads_total"), server.metric("restarts_total")
    threads = [threading.Thread(target=client, args=[server, n]) for n in range(3)]
    for thread in threads:
        thread.start()
    for swap in range(swaps):
        replace(model, files[(swap + 1) % 2])
        status, _, body = load(server)
        assert status == 200
        versions[json.loads(body)["version"]] = files[(swap + 1) % 2]
        before = len(told)
        assert until(lambda before=before: len(told) > before + 6)
    stop.set()
    for thread in threads:
        thread.join()
    assert server.metric("model_loads_total") == loads + swaps
    assert server.metric("restarts_total") == restarts
    assert len(versions) == 2
    images = np.asarray(dataset.images[:3])
    offline = {v: probabilities(ks.load(file), images) for v, file in versions.items()}
    assert {document["version"] for _, _, document in told} == set(versions)
    for number, status, document in told:
        served = list(document["predictions"][0]["probabilities"].values())
        assert status == 200
        assert np.abs(offline[document["version"]][number] - served).max() <= 1e-6


def test_a_bad_file_leaves_the_old_model_and_says_so(server_and_model, pictures, tmp_path):
    server, model = server_and_model
    before = server.predict(pictures[0])[1]
    (tmp_path / "bad").write_bytes(b"nonsense")
    replace(model, tmp_path / "bad")
    status, _, body = load(server)
    error = f"{model}: not a safetensors file, or cut short (8 bytes)"
    assert (status, json.loads(body)) == (400, {"error": error})
    server.process.send_signal(signal.SIGHUP)
    line = server.process.stderr.readline().decode()
    assert line == f"ken: {error}; {before['version']} goes on\n"
    assert server.predict(pictures[0])[1] == before


def test_after_a_crash_the_model_that_served_comes_back(server_and_model, pictures, tmp_path):
    server, model = server_and_model
    before = server.predict(pictures[0])[1]
    (tmp_path / "bad").write_bytes(b"nonsense")
    replace(model, tmp_path / "bad")
    assert until(lambda: len(server.forked()) == 1)
    os.kill(server.forked()[0], signal.SIGKILL)
    assert server.predict(pictures[0])[1] == before


def test_sighup_loads_the_file_as_it_is_now(server_and_model, other, pictures):
    server, model = server_and_model
    before = server.predict(pictures[0])[1]["version"]
    replace(model, other.model_file)
    server.process.send_signal(signal.SIGHUP)
    assert until(lambda: server.predict(pictures[0])[1]["version"] != before)


@pytest.mark.parametrize("body", [b'{"parameters": {"config": "x"}}', b"/etc/passwd", b"[]"])
def test_no_path_from_the_network_is_taken(server, body):
    status, _, _ = server.ask("POST", f"/v2/repository/models/{name(server)}/load", body)
    assert status == 400
