"""A traced model as the bytes of a .pt2 file, the format of `torch.export`."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import torch
from torch.export import ExportedProgram

from kenspeckle.exporting.graph import quiet
from kenspeckle.onnx_check import KEY


def program_bytes(program: ExportedProgram, facts: Mapping[str, Any]) -> bytes:
    """One file; the metadata is its extra file `kenspeckle`, a JSON object."""
    buffer = io.BytesIO()
    said = json.dumps(facts, sort_keys=True)
    with quiet():
        torch.export.save(program, buffer, extra_files={KEY: said})
    return buffer.getvalue()
