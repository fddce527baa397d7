"""LitServe with one picture or a batch at a time, as its documentation has it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import litserve
import numpy as np
import torch
from answering import answers, seen
from fastapi import UploadFile

from kenspeckle.model_file import load


class Predictor(litserve.LitAPI):
    """The picture arrives as the multipart field `file`."""

    def __init__(self, model: Path, **settings: Any) -> None:
        super().__init__(**settings)
        self.model = model

    def setup(self, device: str) -> None:
        """By LitServe."""
        self.classifier = load(self.model)

    def decode_request(self, request):  # type: ignore[no-untyped-def]  # a type would be parsed
        """By LitServe."""
        file: UploadFile = request["file"]
        return seen(self.classifier, file.file.read())

    def batch(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """By LitServe."""
        return inputs

    def predict(self, inputs: Any) -> Any:
        """By LitServe."""
        with torch.inference_mode():
            if isinstance(inputs, list):
                return answers(self.classifier, inputs)
            return answers(self.classifier, [inputs])[0]

    def unbatch(self, output: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """By LitServe."""
        return output

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        """By LitServe."""
        return output


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--wait", type=float, default=0.002, help="seconds for a batch to fill")
    parser.add_argument("--workers", type=int, default=1)
    chosen = parser.parse_args()
    wait = chosen.wait if chosen.batch > 1 else 0.0
    api = Predictor(chosen.model, max_batch_size=chosen.batch, batch_timeout=wait)
    server = litserve.LitServer(
        api, accelerator="cpu", workers_per_device=chosen.workers, fast_queue=True
    )
    server.run(
        host="127.0.0.1",
        port=chosen.port,
        num_api_servers=1,
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    main()
