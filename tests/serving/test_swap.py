"""Another model in the place of the one that serves, under load."""

import json
import shutil
import signal
import threading

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


@pytest.fixture
def model(run, tmp_path):
    return shutil.copy(run.model_file, tmp_path / "model.safetensors")


def load(server):
    return server.ask("POST", f"/v2/repository/models/{name(server)}/load")


def name(server):
    return server.line.split()[1]


@pytest.mark.parametrize("swaps", [5, pytest.param(500, marks=pytest.mark.slow)])
def test_each_answer_is_that_of_the_model_that_it_names(
    run, other, model, dataset, pictures, swaps
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
    with real(model) as server:
        threads = [threading.Thread(target=client, args=[server, n]) for n in range(3)]
        for thread in threads:
            thread.start()
        for swap in range(swaps):
            # as whoever trains again does it: the file is replaced whole
            fresh = f"{model}.new"
            shutil.copy(files[(swap + 1) % 2], fresh)
            shutil.move(fresh, model)
            status, _, body = load(server)
            assert status == 200
            versions[json.loads(body)["version"]] = files[(swap + 1) % 2]
            before = len(told)
            assert until(lambda before=before: len(told) > before + 6)
        stop.set()
        for thread in threads:
            thread.join()
        assert server.metric("model_loads_total") == swaps
        assert server.metric("restarts_total") == 0
    assert len(versions) == 2
    images = np.asarray(dataset.images[:3])
    offline = {v: probabilities(ks.load(file), images) for v, file in versions.items()}
    assert {document["version"] for _, _, document in told} == set(versions)
    for number, status, document in told:
        served = list(document["predictions"][0]["probabilities"].values())
        assert status == 200
        assert np.abs(offline[document["version"]][number] - served).max() <= 1e-6


def test_a_bad_file_leaves_the_old_model_and_says_so(model, pictures, tmp_path):
    with real(model) as server:
        before = server.predict(pictures[0])[1]
        (tmp_path / "bad").write_bytes(b"nonsense")
        shutil.move(tmp_path / "bad", model)
        status, _, body = load(server)
        assert status == 400
        assert json.loads(body) == {
            "error": f"{model}: not a safetensors file, or cut short (8 bytes)"
        }
        server.process.send_signal(signal.SIGHUP)
        line = server.process.stderr.readline().decode()
        version = before["version"]
        assert line == (
            f"ken: {model}: not a safetensors file, or cut short (8 bytes); {version} goes on\n"
        )
        assert server.predict(pictures[0])[1] == before


def test_after_a_crash_the_model_that_served_comes_back_not_the_file_of_now(
    model, pictures, tmp_path
):
    import os

    with real(model) as server:
        before = server.predict(pictures[0])[1]
        (tmp_path / "bad").write_bytes(b"nonsense")
        shutil.move(tmp_path / "bad", model)
        (number,) = server.forked()
        os.kill(number, signal.SIGKILL)
        assert server.predict(pictures[0])[1] == before


def test_sighup_loads_the_file_as_it_is_now(model, other, pictures):
    with real(model) as server:
        before = server.predict(pictures[0])[1]["version"]
        shutil.copy(other.model_file, f"{model}.new")
        shutil.move(f"{model}.new", model)
        server.process.send_signal(signal.SIGHUP)
        assert until(lambda: server.predict(pictures[0])[1]["version"] != before)


@pytest.mark.parametrize("body", [b'{"parameters": {"config": "x"}}', b"/etc/passwd", b"[]"])
def test_no_path_from_the_network_is_taken(server, body):
    status, _, _ = server.ask("POST", f"/v2/repository/models/{name(server)}/load", body)
    assert status == 400
