"""A server that is started to be asked, and is gone afterwards."""

import shutil
import socket

import numpy as np
import pytest

from kenspeckle.errors import ServingError
from kenspeckle.serving import own_server as module
from kenspeckle.serving.own_server import own_server


def is_listened_to(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_its_answers_are_those_of_the_run_and_it_leaves_nothing(
    run, offline, pictures, tmp_path, monkeypatch
):
    ports = []
    usual = module._asked
    monkeypatch.setattr(
        module, "_asked", lambda port, file: ports.append(port) or usual(port, file)
    )
    files = [tmp_path / f"{number}.png" for number in range(3)]
    for file, picture in zip(files, pictures, strict=False):
        file.write_bytes(picture)
    with own_server(run.path) as served:
        assert np.abs(served(files) - offline[:3]).max() <= 1e-6
        assert is_listened_to(ports[0])
    assert not is_listened_to(ports[0])


def test_a_file_that_is_refused_is_named(run, tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with (
        own_server(run.path) as served,
        pytest.raises(ServingError, match=r"a\.png: the server refused it \(422\): .*not a pict"),
    ):
        served([tmp_path / "a.png"])


def test_a_server_that_does_not_start_is_one_line(run, tmp_path, capfd):
    broken = shutil.copytree(run.path, tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"nothing")
    with (
        pytest.raises(ServingError, match=r"its server does not start: .*not a safetensors file"),
        own_server(broken),
    ):
        pass
    assert "Traceback" not in capfd.readouterr().err
