"""What every peer does with one picture, by our own functions: the difference is the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from kenspeckle.data.framing import decode_for
from kenspeckle.data.preprocess import prepare
from kenspeckle.inference import outputs
from kenspeckle.model_file import Classifier


def seen(classifier: Classifier, body: bytes) -> np.ndarray:
    """(views, H, W, C), the input of the network for an encoded picture."""
    picture = decode_for(body, classifier.preprocess, name="picture").pixels
    return prepare(picture, classifier.preprocess, channels=classifier.shape[0])


def answers(classifier: Classifier, inputs: Sequence[np.ndarray]) -> list[dict[str, Any]]:
    """One JSON document for each picture of a batch, through the network together."""
    together = outputs(classifier.network, np.concatenate(inputs))
    parts = torch.split(together, [len(views) for views in inputs])
    return [_document(classifier, part) for part in parts]


def _document(classifier: Classifier, said: torch.Tensor) -> dict[str, Any]:
    shares = (classifier.head.logits(said) / classifier.temperature).softmax(dim=1).mean(dim=0)
    row = shares.tolist()
    first = max(range(len(row)), key=row.__getitem__)
    return {
        "label": classifier.class_names[first],
        "probability": row[first],
        "probabilities": dict(zip(classifier.class_names, row, strict=True)),
    }
