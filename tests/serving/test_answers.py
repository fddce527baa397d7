"""What is served is what `ken predict` says."""

import json

import numpy as np
import pytest
from servers import served

import kenspeckle as ks

BOUNDARY = "x" * 30


def form(parts):
    """A multipart body of (name, data) files."""
    pieces = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="f"; filename="{name}"\r\n\r\n'
        .encode() + data + b"\r\n"
        for name, data in parts
    ]  # fmt: skip
    return b"".join(pieces) + f"--{BOUNDARY}--\r\n".encode()


def post_form(server, parts):
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    status, _, body = server.ask("POST", "/predict", form(parts), kind)
    return status, json.loads(body)


def test_a_picture_gets_the_answer_of_ken_predict(server, run, pictures, tmp_path):
    (tmp_path / "a.png").write_bytes(pictures[0])
    (expected,) = ks.predict(ks.load(run.model_file), tmp_path / "a.png")
    status, document = server.predict(pictures[0])
    (told,) = document["predictions"]
    assert status == 200
    assert (told["label"], told["runner_up"]) == (expected.label, expected.runner_up)
    assert told["probability"] == pytest.approx(expected.probability, abs=1e-6)
    assert told["runner_up_probability"] == pytest.approx(expected.runner_up_probability, abs=1e-6)


@pytest.mark.parametrize("count", [1, 2, 3, 8, 17, 64])
def test_probabilities_are_those_of_offline_whatever_goes_together(
    server, pictures, offline, count
):
    status, document = post_form(server, [(f"{i}.png", pictures[i]) for i in range(count)])
    served_ = [list(told["probabilities"].values()) for told in document["predictions"]]
    assert status == 200
    assert [told["name"] for told in document["predictions"]] == [f"{i}.png" for i in range(count)]
    assert np.abs(np.array(served_) - offline[:count]).max() <= 1e-6


def test_an_answer_names_the_model_and_the_file_that_made_it(server, run, pictures):
    import hashlib

    digest = hashlib.sha256(run.model_file.read_bytes()).hexdigest()
    _, document = server.predict(pictures[0])
    assert (document["model"], document["version"]) == (run.name, digest[:12])


def test_what_is_no_picture_is_refused_in_one_line(server):
    status, document = server.predict(b"hello")
    error = "not a picture; expected PNG, JPEG, GIF, BMP, WEBP, TIFF"
    assert (status, document) == (422, {"error": error})


def test_a_bad_part_of_a_form_leaves_the_others_alone(server, pictures):
    status, document = post_form(server, [("good.png", pictures[0]), ("bad.png", b"hello")])
    good, bad = document["predictions"]
    assert status == 200
    assert good["error"] is None
    assert bad["error"].startswith("not a picture")
    assert bad["label"] is None


def test_the_server_process_never_loads_what_computes(run):
    code = (
        "import sys, threading, os, signal\n"
        "from kenspeckle.serving.running import ServeConfig, serve\n"
        "stop = lambda: os.kill(os.getpid(), signal.SIGTERM)\n"
        "def say(line): print(line, flush=True); threading.Timer(0.1, stop).start()\n"
        f"serve({str(run.path)!r}, ServeConfig(port=0), say=say)\n"
        "loaded = {'torch', 'numpy', 'PIL', 'kenspeckle.training', 'kenspeckle.inference'}\n"
        "print(sorted(loaded & set(sys.modules)))"
    )
    with served("-c", code, command=()) as server:
        rest = server.process.communicate(timeout=60)[0].decode()
    assert rest == "[]\n"
