"""A traced model as the bytes of one ONNX file, with its description in the metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.export import ExportedProgram

from kenspeckle.errors import MissingExtraError, ModelFileError
from kenspeckle.exporting.graph import quiet
from kenspeckle.exporting.metadata import with_digest
from kenspeckle.onnx_check import KEY, MAX_BYTES
from kenspeckle.onnx_model import INPUT, OUTPUTS

try:
    import onnx
    import onnxscript  # noqa: F401 (torch needs it to write ONNX)
except ImportError as error:
    raise MissingExtraError(
        "exporting to ONNX needs onnx, onnxscript and onnxruntime; pip install 'kenspeckle[onnx]'"
    ) from error


def onnx_bytes(program: ExportedProgram, facts: Mapping[str, Any], *, name: str) -> bytes:
    """One file without external data; raises `ModelFileError` where it would be too large."""
    task = facts["description"]["task"]
    size = sum(value.numel() * value.itemsize for value in program.state_dict.values())
    if size > MAX_BYTES - (1 << 24):
        raise ModelFileError(
            f"{name}: weights of {size:,} bytes do not fit into one ONNX file "
            f"(at most {MAX_BYTES:,}); use --to pt2"
        )
    with quiet():
        made = torch.onnx.export(
            program,
            dynamo=True,
            external_data=False,
            verbose=False,
            input_names=[INPUT],
            output_names=OUTPUTS[task],
        )
    assert made is not None
    model: onnx.ModelProto = made.model_proto
    _strip(model)
    opset = next(given.version for given in model.opset_import if not given.domain)
    said = with_digest(model.SerializeToString(deterministic=True), {**facts, "opset": opset})
    entry = model.metadata_props.add()
    entry.key, entry.value = KEY, said
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _strip(model: onnx.ModelProto) -> None:
    """Forget the lines of source, with the paths of this machine, that torch notes at each node."""
    for part in (model, model.graph, *model.graph.node, *model.graph.initializer):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    for part in (*model.graph.input, *model.graph.output):
        part.ClearField("metadata_props")
    model.graph.ClearField("value_info")
    model.graph.name = "kenspeckle"
