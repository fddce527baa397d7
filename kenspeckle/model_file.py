"""`model.safetensors`, the one portable file: weights, architecture as data, and how to use it.

Nothing in it can name code: the architecture is one of a closed list, and every declared size is
checked against the file and the architecture before anything is allocated.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import safetensors
import safetensors.torch
import torch
from torch import nn

from kenspeckle import config
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.description import MAX_CLASSES as MAX_CLASSES
from kenspeckle.description import Description
from kenspeckle.errors import ConfigError, ModelFileError
from kenspeckle.foreign import open_regular
from kenspeckle.foreign_text import Refused, harmless, json_object, table
from kenspeckle.models.families import ModelConfig, build_model, outline
from kenspeckle.models.heads import Head, head_of
from kenspeckle.models.layers import use_channels_last
from kenspeckle.predictions import TaskName
from kenspeckle.storage import DISK, Disk, write_file

FORMAT = 1
KEY = "kenspeckle"  # the one entry of the metadata
MAX_HEADER = 1 << 20  # bytes; class names and the card are in it


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """A trained network with everything that is needed to use it on a picture."""

    network: nn.Module  # in evaluation mode; (N, C, H, W) pixels to (N, K) logits
    architecture: ModelConfig
    shape: tuple[int, int, int]  # (C, H, W) of its input
    class_names: tuple[str, ...]
    preprocess: PreprocessConfig
    task: TaskName = "classes"  # what its outputs mean
    temperature: float = 1.0  # logits are divided by it
    card: Mapping[str, Any] = field(default_factory=dict)  # where it comes from and how good it is

    @property
    def description(self) -> Description:
        """How it is used, as plain data."""
        return Description(
            shape=self.shape,
            preprocess=self.preprocess,
            class_names=self.class_names,
            task=self.task,
            temperature=self.temperature,
        )

    @property
    def head(self) -> Head:
        """From outputs to classes."""
        return head_of(self.task, self.class_names)


@dataclass(frozen=True, kw_only=True)
class _Description(Description):
    """The part of the metadata that rebuilds the network; everything in it is plain data."""

    architecture: ModelConfig


def save(path: Path, classifier: Classifier, *, disk: Disk = DISK) -> None:
    """Write `classifier` durably; raises `ModelFileError` as `to_bytes` does."""
    write_file(path, to_bytes(classifier, name=str(path)), disk=disk)


def to_bytes(classifier: Classifier, *, name: str = "model") -> bytes:
    """`classifier` as a model file with a SHA-256 over all of it.

    Raises `ModelFileError`, which begins with `name`, where the class names are so long that
    `load` would refuse the file.
    """
    description = _Description(architecture=classifier.architecture, **vars(classifier.description))
    weights = {name: value.contiguous() for name, value in classifier.network.state_dict().items()}
    about = {
        "format": FORMAT,
        "description": config.to_dict(description),
        "card": dict(classifier.card),
    }
    about["sha256"] = _digest(about, _body(safetensors.torch.save(weights)))
    # one key, because safetensors writes several in an order that changes from call to call
    data = safetensors.torch.save(weights, metadata={KEY: json.dumps(about)})
    length = len(data) - len(_body(data)) - 8
    if length > MAX_HEADER:
        raise ModelFileError(
            f"{name}: its header would have {length:,} bytes (at most {MAX_HEADER:,}); "
            "shorten the class names"
        )
    return data


def load(path: str | Path) -> Classifier:
    """Read a model file; it needs nothing of the program that trained it.

    Raises `ModelFileError` with the reason where the file is truncated, changed, of another
    format, or where its tensors are not exactly those of its architecture.
    """
    path = Path(path)
    try:
        with open_regular(path) as file:
            return _loaded(file, os.fstat(file.fileno()).st_size, str(path))
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read: {error.strerror or error}") from error


def from_bytes(data: bytes, *, name: str = "model") -> Classifier:
    """What `to_bytes` packed, on the terms of `load`; errors begin with `name`."""
    return _loaded(io.BytesIO(data), len(data), name)


def _loaded(file: BinaryIO, size: int, name: str) -> Classifier:
    try:
        return _load(file, size)
    except (ConfigError, Refused, safetensors.SafetensorError) as error:
        raise ModelFileError(f"{name}: {harmless(str(error))}") from error


def _load(file: BinaryIO, size: int) -> Classifier:
    header, data = _read(file, size)
    metadata = header.pop("__metadata__", None)
    if not isinstance(metadata, dict) or KEY not in metadata:
        raise Refused("a safetensors file of another program (no kenspeckle metadata)")
    about = json_object(metadata[KEY], "metadata")
    if about.get("format") != FORMAT:
        raise Refused(f"format {about.get('format')!r}, expected {FORMAT}")
    description = config.from_dict(_Description, table(about, "description"))
    channels, height, width = description.shape
    shape = (channels, height, width)
    outputs = head_of(description.task, description.class_names).outputs
    network = outline(
        description.architecture,
        shape=shape,
        outputs=outputs,
        mean_image=description.preprocess.scaling == "mean-image",
    )
    _check_tensors(network, header)
    if about.get("sha256") != _digest(about, _body(data)):
        raise Refused(
            "its content does not have the SHA-256 in its metadata; it was changed or damaged"
        )
    weights = safetensors.torch.load(data)
    for name, value in weights.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise Refused(f"tensor {name} holds NaN or infinity")
    if len(list(network.buffers())) > sum(name in header for name, _ in network.named_buffers()):
        # some buffers are no part of a file (tables of places in windows); those are made anew
        network = build_model(description.architecture, shape=shape, outputs=outputs)
    network.load_state_dict(weights, assign=True)
    use_channels_last(network)
    return Classifier(
        network=network.eval().requires_grad_(False),
        architecture=description.architecture,
        shape=shape,
        class_names=description.class_names,
        preprocess=description.preprocess,
        task=description.task,
        temperature=description.temperature,
        card=table(about, "card"),
    )


def _read(file: BinaryIO, size: int) -> tuple[dict[str, Any], bytes]:
    """The header as JSON and the bytes of a whole safetensors file, sizes checked first."""
    start = file.read(8)
    length = int.from_bytes(start, "little")
    if start.startswith((b"PK\x03\x04", b"\x08")) and length > size - 8:
        raise Refused(
            "not a safetensors file; it looks like an exported model: `ken predict`, "
            "`ken serve` and kenspeckle.onnx_model.load_onnx take one that ends in .onnx"
        )
    if len(start) < 8 or length > size - 8:
        raise Refused(f"not a safetensors file, or cut short ({size:,} bytes)")
    if length > MAX_HEADER:
        raise Refused(f"its header has {length:,} bytes (at most {MAX_HEADER:,})")
    header = json_object(file.read(length), "header")
    ends = [_span(name, entry)[1] for name, entry in header.items() if name != "__metadata__"]
    expected = 8 + length + max(ends, default=0)
    if size != expected:
        raise Refused(
            f"{size:,} bytes, but its header says {expected:,}; it is cut short or padded"
        )
    file.seek(0)
    return header, file.read()


def _span(name: str, entry: Any) -> tuple[int, int]:
    try:
        begin, end = entry["data_offsets"]
    except (TypeError, KeyError, ValueError):
        begin = end = -1
    if type(begin) is not int or type(end) is not int or not 0 <= begin <= end < 1 << 63:
        raise Refused(f"tensor {name} has no valid data_offsets")
    return begin, end


def _check_tensors(network: nn.Module, header: Mapping[str, Any]) -> None:
    """Refuse unless the file declares exactly the tensors of `network`, which is on "meta"."""
    expected = network.state_dict()
    if header.keys() != expected.keys():
        name = sorted(header.keys() ^ expected.keys())[0]
        state = "missing" if name in expected else "not part of its architecture"
        raise Refused(f"tensor {name} is {state}")
    position = 0
    # the digest does not cover names, so tensors must lie as safetensors writes them
    for name in sorted(expected, key=lambda name: (-expected[name].itemsize, name)):
        entry = header[name]
        begin, end = _span(name, entry)
        tensor = expected[name]
        declared = (entry.get("dtype"), entry.get("shape"))
        wanted = ({torch.float32: "F32", torch.int64: "I64"}[tensor.dtype], list(tensor.shape))
        if (
            declared != wanted
            or end - begin != tensor.numel() * tensor.itemsize
            or begin != position
        ):
            raise Refused(
                f"tensor {name} is {declared[0]} of shape {declared[1]}, expected {wanted[1]}"
            )
        position = end


def _body(data: bytes) -> memoryview:
    """The tensors, after the header."""
    return memoryview(data)[8 + int.from_bytes(data[:8], "little") :]


def _digest(about: Mapping[str, Any], body: memoryview) -> str:
    """SHA-256 of the metadata but for the digest itself, and of the tensors."""
    said = {key: value for key, value in about.items() if key != "sha256"}
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    digest.update(body)
    return digest.hexdigest()
