"""Small networks of every family, and pictures for them, for the tests of what looks inside."""

import json

import numpy as np
import torch

from kenspeckle.models.convnet import ConvNetConfig
from kenspeckle.models.efficientnet_lite import EfficientNetLiteConfig
from kenspeckle.models.families import build_model
from kenspeckle.models.hf import HfConfig
from kenspeckle.models.mlp import MlpConfig
from kenspeckle.models.pretrained import load_pretrained
from kenspeckle.models.resnet import ResNetConfig

FLAT = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 32}
VIT = {"model_type": "vit", "patch_size": 8, "intermediate_size": 24, **FLAT}
HF_RESNET = {"model_type": "resnet", "hidden_sizes": [8, 12], "depths": [1, 2], "embedding_size": 8}
CONVNEXT = {
    "model_type": "convnext", "hidden_sizes": [8, 12], "depths": [1, 2], "num_stages": 2
}  # fmt: skip
SWIN = {
    "model_type": "swin", "image_size": 32, "patch_size": 4, "embed_dim": 8, "depths": [1, 2],
    "num_heads": [2, 4], "window_size": 4,
}  # fmt: skip


def hf(sizes):
    return HfConfig(text=json.dumps(sizes))


FAMILIES = {  # configuration and (C, H, W) of the pictures
    "softmax": (MlpConfig(hidden=()), (1, 12, 12)),
    "mlp": (MlpConfig(hidden=(16, 8), activation="tanh"), (1, 12, 12)),
    "convnet": (ConvNetConfig(widths=(4, 6, 6, 6)), (1, 28, 28)),
    "colour": (ConvNetConfig(widths=(4, 6, 6, 6), hidden=(9,), gather="flatten"), (3, 30, 28)),
    "resnet": (ResNetConfig(widths=(4, 6), depths=(1, 1)), (3, 16, 16)),
    "lite0": (EfficientNetLiteConfig(), (3, 64, 64)),
    "vit": (hf(VIT), (3, 32, 32)),
    "hf-resnet": (hf(HF_RESNET), (3, 32, 32)),
    "convnext": (hf(CONVNEXT), (3, 32, 32)),
    "swin": (hf(SWIN), (3, 32, 32)),
}
WITH_MAPS = [name for name in FAMILIES if name not in ("softmax", "mlp")]


def network(name, *, outputs=3, seed=0):
    """A network of a family whose weights and norms are not as they start."""
    config, shape = FAMILIES[name]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = build_model(config, shape=shape, outputs=outputs)
        if name == "lite0":  # with random weights so deep a network gives the same for all pictures
            load_pretrained(net)
            return net.eval()
        for key, value in net.state_dict().items():
            if value.is_floating_point() and not key.startswith("scale."):
                value.add_(0.05 * torch.rand_like(value))
    return net.eval()


def pictures(name, count=3, *, seed=0):
    channels, height, width = FAMILIES[name][1]
    draws = np.random.default_rng(seed)
    return draws.integers(0, 256, (count, height, width, channels), dtype=np.uint8)


def state(net):
    """Everything that looking at a network must leave as it was."""
    return {
        "weights": {key: value.clone() for key, value in net.state_dict().items()},
        "modes": [module.training for module in net.modules()],
        "required": [parameter.requires_grad for parameter in net.parameters()],
        "gradients": [parameter.grad for parameter in net.parameters()],
        "hooks": [
            (
                len(module._forward_hooks),
                len(module._forward_pre_hooks),
                len(module._backward_hooks),
            )
            for module in net.modules()
        ],
    }


def same(first, second):
    weights, others = first.pop("weights"), second.pop("weights")
    return first == second and all(torch.equal(weights[key], others[key]) for key in weights)
