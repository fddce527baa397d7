"""What an exported file says of itself, whatever its format."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from kenspeckle import config
from kenspeckle.model_file import Classifier
from kenspeckle.onnx_check import FORMAT, digest
from kenspeckle.release import VERSION


def facts(classifier: Classifier, model_file: Path, *, note: str) -> dict[str, Any]:
    """Plain data: how the model is used, where it comes from, and what it takes."""
    return {
        "format": FORMAT,
        "kenspeckle": VERSION,
        "description": config.to_dict(classifier.description),
        "architecture": config.to_dict(classifier.architecture),
        "card": dict(classifier.card),
        "model_sha256": hashlib.sha256(model_file.read_bytes()).hexdigest(),
        "note": note,
    }


def with_digest(data: bytes, said: dict[str, Any]) -> str:
    """`said` as JSON, with the SHA-256 of it and of the file `data` that it will be part of."""
    return json.dumps({**said, "sha256": digest(data, said)}, sort_keys=True)
