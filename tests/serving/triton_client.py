"""What `tritonclient[http]` makes of the server; a program for an environment of its own."""

import sys

import numpy as np
import tritonclient.http
from PIL import Image


def main(address, model, file):
    client = tritonclient.http.InferenceServerClient(address)
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(model)
    assert client.get_model_metadata(model)["inputs"][0]["name"] == "picture"
    pixels = np.asarray(Image.open(file))[np.newaxis, ..., np.newaxis]
    with open(file, "rb") as opened:
        data = np.array([opened.read()], dtype=object)
    answers = []
    for binary in (True, False):
        wanted = [
            tritonclient.http.InferRequestedOutput(name, binary_data=binary)
            for name in ("probabilities", "label")
        ]
        given = tritonclient.http.InferInput("picture", list(pixels.shape), "UINT8")
        given.set_data_from_numpy(pixels, binary_data=binary)
        told = client.infer(model, [given], outputs=wanted, request_id="7")
        assert told.get_response()["id"] == "7"
        answers.append(told.as_numpy("probabilities"))
    given = tritonclient.http.InferInput("picture", [1], "BYTES")
    given.set_data_from_numpy(data)
    answers.append(client.infer(model, [given]).as_numpy("probabilities"))
    assert all(np.allclose(answer, answers[0], atol=1e-6) for answer in answers)
    assert abs(answers[0].sum() - 1) < 1e-5
    client.load_model(model)
    client.close()
    print("fine")


main(*sys.argv[1:])
