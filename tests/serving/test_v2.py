"""The Open Inference Protocol: tensors in JSON and in binary, both ways."""

import base64
import json
import os
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest


def name(server):
    return server.line.split()[1]


def infer(server, document, binary=b"", **more):
    text = json.dumps(document).encode()
    fields = {"Inference-Header-Content-Length": str(len(text))} if binary else {}
    path = f"/v2/models/{name(server)}/infer"
    return server.ask("POST", path, text + binary, {**fields, **more})


def encoded(pictures):
    data = [base64.b64encode(picture).decode() for picture in pictures]
    return {"name": "picture", "datatype": "BYTES", "shape": [len(data)], "data": data}


def outputs(body):
    return {output["name"]: output for output in json.loads(body)["outputs"]}


def test_pictures_in_base64_get_probabilities_and_labels(server, pictures, offline):
    status, _, body = infer(server, {"id": "7", "inputs": [encoded(pictures[:5])]})
    told = outputs(body)
    assert status == 200
    assert json.loads(body)["id"] == "7"
    assert told["probabilities"]["shape"] == [5, 3]
    served = np.array(told["probabilities"]["data"]).reshape(5, 3)
    assert np.abs(served - offline[:5]).max() <= 1e-6
    names = ("flat", "upright", "slanted")
    assert told["label"]["data"] == [names[row.argmax()] for row in offline[:5]]


@pytest.mark.parametrize("count", [1, 7, 64])
def test_pixels_in_binary_get_the_answers_of_files(server, dataset, offline, count):
    pixels = np.asarray(dataset.images[:count])
    size = {"binary_data_size": pixels.nbytes}
    given = {
        "name": "picture", "datatype": "UINT8", "shape": list(pixels.shape), "parameters": size,
    }  # fmt: skip
    asked = {"inputs": [given], "parameters": {"binary_data_output": True}}
    status, fields, body = infer(server, asked, pixels.tobytes())
    assert status == 200
    length = int(fields["inference-header-content-length"])
    told, binary = outputs(body[:length]), body[length:]
    first = told["probabilities"]["parameters"]["binary_data_size"]
    rows = np.frombuffer(binary[:first], "<f4").reshape(count, 3)
    assert np.abs(rows - offline[:count]).max() <= 1e-6
    labels, at = [], first
    while at < len(binary):
        (size,) = struct.unpack_from("<I", binary, at)
        labels.append(binary[at + 4 : at + 4 + size].decode())
        at += 4 + size
    assert labels == [("flat", "upright", "slanted")[row.argmax()] for row in offline[:count]]


def test_pixels_in_json_may_be_nested(server, dataset, offline):
    pixels = np.asarray(dataset.images[:2])
    given = {"name": "picture", "datatype": "UINT8", "shape": list(pixels.shape)}
    answers = [
        outputs(infer(server, {"inputs": [{**given, "data": data}]})[2])["probabilities"]["data"]
        for data in (pixels.tolist(), pixels.ravel().tolist())
    ]
    assert answers[0] == answers[1]
    assert np.abs(np.reshape(answers[0], (2, 3)) - offline[:2]).max() <= 1e-6


def test_only_the_outputs_that_are_asked_for_come(server, pictures):
    asked = {"inputs": [encoded(pictures[:1])], "outputs": [{"name": "label"}]}
    assert list(outputs(infer(server, asked)[2])) == ["label"]


def test_the_model_tells_what_it_takes(server):
    status, _, body = server.ask("GET", f"/v2/models/{name(server)}")
    document = json.loads(body)
    assert status == 200
    assert document["outputs"][0]["shape"] == [-1, 3]
    assert document["parameters"]["class_names"] == ["flat", "upright", "slanted"]
    version = document["versions"][0]
    path = f"/v2/models/{name(server)}/versions/{version}"
    assert server.ask("GET", f"{path}/ready")[0] == 200
    assert server.ask("GET", f"{path}0/ready")[0] == 404
    assert server.ask("GET", "/v2/models/other/ready")[0] == 404


PIXELS = {"name": "picture", "datatype": "UINT8", "shape": [1, 2, 2, 1], "data": [0, 1, 2, 255]}


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ([], "exactly one input was expected, called picture"),
        ([PIXELS, PIXELS], "exactly one input was expected, called picture"),
        ([{**PIXELS, "name": "x"}], "the input is called picture"),
        ([{**PIXELS, "datatype": "FP32"}],
         "expected BYTES of shape [N] or UINT8 of shape [N, H, W, C]"),
        ([{**PIXELS, "shape": "x"}], "shape must be a list of numbers"),
        ([{**PIXELS, "shape": [True, 2, 2, 1]}], "shape must be a list of numbers"),
        ([{**PIXELS, "shape": [0, 2, 2, 1]}], "shape must begin with 1 to 64 pictures"),
        ([{**PIXELS, "shape": [65, 2, 2, 1]}], "shape must begin with 1 to 64 pictures"),
        ([{**PIXELS, "shape": [1, 2, 2, 2]}], "shape must be [N, H, W, C], C 1 or 3"),
        ([{**PIXELS, "shape": [1, -2, -2, 1]}], "shape must be [N, H, W, C], C 1 or 3"),
        ([{**PIXELS, "shape": [1, 2, 3, 1]}], "shape says 6 values, there are 4"),
        ([{**PIXELS, "shape": [1, 2, 10**30, 1]}],
         "shape says 2000000000000000000000000000000 values, there are 4"),
        ([{**PIXELS, "data": [0, 1, 2, 256]}], "data must be numbers of 0..255"),
        ([{**PIXELS, "data": [0, 1, 2, -1]}], "data must be numbers of 0..255"),
        ([{**PIXELS, "data": [0, 1, 2, 1.5]}], "data must be numbers of 0..255"),
        ([{**PIXELS, "data": "abcd"}], "data must be numbers of 0..255"),
        ([{**PIXELS, "parameters": {"binary_data_size": 4}}],
         "binary_data_size is not what follows the JSON"),
        ([{**encoded([b"x"]), "data": ["!"]}], "data must be a list of pictures in base64"),
        ([{**encoded([b"x"]), "data": [7]}], "data must be a list of pictures in base64"),
        ([{**encoded([b"x"]), "shape": [2]}], "shape says 2 pictures, there are 1"),
    ],
)  # fmt: skip
def test_a_request_that_makes_no_sense_is_told_why(server, given, error):
    status, _, body = infer(server, {"inputs": given})
    assert (status, json.loads(body)) == (400, {"error": error})


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"nonsense", 400),
        (b"[" * 100_000, 400),
        (b"[]", 400),
        (b'{"inputs": ' + b"[0," * 400_001, 413),
        (b'{"inputs": [{"shape": [' + b"9" * 5000 + b"]}]}", 400),
    ],
)
def test_what_is_no_request_is_refused(server, body, status):
    assert server.ask("POST", f"/v2/models/{name(server)}/infer", body)[0] == status


@pytest.mark.parametrize("length", ["x", "-1", "99999", "1" * 20])
def test_a_wrong_length_of_the_json_is_refused(server, length):
    fields = {"Inference-Header-Content-Length": length}
    path = f"/v2/models/{name(server)}/infer"
    assert server.ask("POST", path, b'{"inputs": []}', fields)[0] == 400


def test_lengths_in_binary_that_do_not_fit_are_refused(server):
    for binary in (b"\x05\0\0\0abc", b"\0", b"\xff\xff\xff\xffx"):
        given = {
            "name": "picture", "datatype": "BYTES", "shape": [1],
            "parameters": {"binary_data_size": len(binary)},
        }  # fmt: skip
        assert infer(server, {"inputs": [given]}, binary)[0] == 400


def test_one_picture_that_is_none_refuses_the_request_and_says_which(server, pictures):
    status, _, body = infer(server, {"inputs": [encoded([pictures[0], b"hello"])]})
    assert status == 422
    assert json.loads(body)["error"].startswith("picture 1: not a picture")


def test_an_independent_client_understands_the_server(server, tmp_path, pictures):
    """With KENSPECKLE_TRITON, the Python of an environment with tritonclient[http]."""
    python = os.environ.get("KENSPECKLE_TRITON", "")
    if not python:
        pytest.skip("no KENSPECKLE_TRITON: the client of Triton did not ask")
    (tmp_path / "a.png").write_bytes(pictures[0])
    script = Path(__file__).with_name("triton_client.py")
    arguments = [f"127.0.0.1:{server.port}", name(server), tmp_path / "a.png"]
    done = subprocess.run([python, script, *arguments], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout == "fine\n"
