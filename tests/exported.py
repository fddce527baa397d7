"""Untrained classifiers of every family, and their exported files."""

import io
import json

import numpy as np
import onnx
import torch
from PIL import Image

import kenspeckle as ks
from kenspeckle import model_file
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.exporting.graph import trace
from kenspeckle.exporting.metadata import facts
from kenspeckle.exporting.onnx_file import onnx_bytes
from kenspeckle.models.convnet import ConvNetConfig
from kenspeckle.models.efficientnet_lite import EfficientNetLiteConfig
from kenspeckle.models.families import build_model
from kenspeckle.models.heads import head_of
from kenspeckle.models.hf import HfConfig
from kenspeckle.models.layers import use_channels_last
from kenspeckle.models.mlp import MlpConfig
from kenspeckle.models.resnet import ResNetConfig
from kenspeckle.onnx_check import digest

SMALL = {"widths": (3, 4), "kernels": (3, 3), "paddings": (1, 1), "pools": (2, 1)}
FLAT = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 32}


def hf(kind, **sizes):
    return HfConfig(text=json.dumps({"model_type": kind, **sizes}))


FAMILIES = {
    "mlp": MlpConfig(hidden=(7,), norm="before", dropout=0.1),
    "softmax": MlpConfig(hidden=()),
    "convnet": ConvNetConfig(**SMALL),
    "convnet with mirrored borders": ConvNetConfig(
        **SMALL, crop=1, pad=2, border="reflect", pooling="mean", gather="flatten", hidden=(6,),
        activation="gelu", norm="after", dropout=0.2,
    ),
    "resnet": ResNetConfig(widths=(4, 6), depths=(1, 1)),
    "resnet for photographs": ResNetConfig(stem="photo", widths=(4, 6), depths=(1, 1)),
    "lite0": EfficientNetLiteConfig(),
    "hf resnet": hf("resnet", hidden_sizes=[8, 12], depths=[1, 1], embedding_size=8),
    "hf convnext": hf("convnext", hidden_sizes=[8, 12], depths=[1, 1], num_stages=2),
    "hf vit": hf("vit", **FLAT, intermediate_size=24, patch_size=8),
    "hf dinov2": hf("dinov2", **FLAT, patch_size=8),
    "hf swin": hf(
        "swin", image_size=32, patch_size=4, embed_dim=8, depths=[1, 1], num_heads=[2, 4],
        window_size=4,
    ),
}  # fmt: skip


def classifier(
    family="convnet", *, kind="resize", channels=3, task="classes", names=("a", "b", "c"), crops=3
):
    """One with random weights, batch norms that have learned something, and a temperature."""
    torch.manual_seed(1)
    architecture = FAMILIES[family]
    shape = (channels, 32, 32)
    outputs = head_of(task, names).outputs
    network = build_model(architecture, shape=shape, outputs=outputs).eval()
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.is_floating_point():
                value.add_(0.1 * torch.rand_like(value))
    use_channels_last(network)
    return ks.Classifier(
        network=network.requires_grad_(False),
        architecture=architecture,
        shape=shape,
        class_names=names,
        preprocess=PreprocessConfig(kind=kind, height=32, width=32, crops=crops),
        task=task,
        temperature=1.25,
        card={"source": "none", "accuracy": [0.5, 7]},
    )


def onnx_of(given, folder):
    """The bytes of its ONNX file."""
    path = folder / "model.safetensors"
    model_file.save(path, given)
    loaded = ks.load(path)
    traced = trace(loaded, name="model")
    return onnx_bytes(traced.program, facts(loaded, path, note=traced.note), name="model")


def pictures(count=6, seed=0):
    """Decoded pictures (H, W, 1 or 3) of several sizes."""
    rng = np.random.default_rng(seed)
    sizes = [(32, 32), (1, 1), (40, 90), (97, 33), (3, 50), (64, 64)]
    for number in range(count):
        shape = (*sizes[number % len(sizes)], (3, 1)[number // 2 % 2])
        yield rng.integers(0, 256, shape, dtype=np.uint8)


def sealed(proto, **facts):
    """The bytes of `proto` with the SHA-256 that whoever edits a file on purpose would compute."""
    said = json.loads(proto.metadata_props[0].value) | facts
    proto.metadata_props[0].value = json.dumps(
        said | {"sha256": digest(proto.SerializeToString(), said)}
    )
    return proto.SerializeToString()


def edited(data, edit, **facts):
    proto = onnx.load_from_string(data)
    edit(proto)
    return sealed(proto, **facts)


def picture_file(seed=0):
    """A PNG of noise, in memory."""
    held = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(noise).save(held, "PNG")
    return held.getvalue()
