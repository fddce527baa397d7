"""Which library computes a model file; decided by its name, before anything is loaded."""

from __future__ import annotations

from typing import Literal

Library = Literal["torch", "onnx"]


def library_of(model: str) -> Library:
    """ONNX Runtime for an exported file, torch for any other."""
    return "onnx" if model.endswith(".onnx") else "torch"
