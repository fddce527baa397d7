"""Well-known networks by name, as settings of the families in `families.py`."""

from __future__ import annotations

from dataclasses import replace

from kenspeckle.errors import ConfigError, unknown_name
from kenspeckle.models.convnet import ConvNetConfig
from kenspeckle.models.efficientnet_lite import EfficientNetLiteConfig
from kenspeckle.models.families import ModelConfig
from kenspeckle.models.mlp import MlpConfig
from kenspeckle.models.resnet import ResNetConfig

DEEP_MNIST = ConvNetConfig(
    widths=(32, 64),
    kernels=(5, 5),
    paddings=(2, 2),
    pools=(2, 2),
    norm="none",
    pool_at="last",
    gather="flatten",
    hidden=(1024,),
    dropout=0.5,
)
_VGG = ConvNetConfig(
    widths=(64, 64, 128, 128, 256, 256, 256, 512, 512, 512),
    kernels=(3,) * 10,
    paddings=(1,) * 10,
    pools=(1, 2, 1, 2, 1, 1, 2, 1, 1, 2),
    norm="none",
    gather="flatten",
    hidden=(4096,),
)
VGG_MNIST = replace(_VGG, pad=2)
_FOUR = ConvNetConfig(
    widths=(64, 64, 128, 128),
    kernels=(3, 3, 3, 3),
    paddings=(1, 1, 1, 1),
    pools=(1, 2, 1, 2),
    norm="none",
    pool_at="last",
    gather="flatten",
)

PRESETS: dict[str, ModelConfig] = {
    # softmax regression and the two networks of seed documents 001 and 002
    "softmax": MlpConfig(hidden=()),
    "mlp-300": MlpConfig(hidden=(300,)),
    "deep-mnist": DEEP_MNIST,
    # seed document 004: the same without padding
    "digit-cnn": replace(DEEP_MNIST, paddings=(0, 0)),
    # "Learn TensorFlow Now" 6 (seed document 003), which leaves the widths open
    "four-dense": MlpConfig(hidden=(512, 512, 512)),
    "four-convolutions": _FOUR,
    # the same 8: VGG-16 with four of its five blocks and a head of 4096; 28 x 28 padded to 32 x 32
    "vgg-mnist": VGG_MNIST,
    "vgg-small": _VGG,
    # Simonyan and Zisserman 2015, configuration D
    "vgg-16": replace(
        _VGG,
        widths=(*_VGG.widths, 512, 512, 512),
        kernels=(3,) * 13,
        paddings=(1,) * 13,
        pools=(*_VGG.pools, 1, 1, 2),
        hidden=(4096, 4096),
        dropout=0.5,
    ),
    "resnet-18": ResNetConfig(),
    "resnet-34": ResNetConfig(depths=(3, 4, 6, 3)),
    "resnet-18-photo": ResNetConfig(stem="photo"),
    "resnet-34-photo": ResNetConfig(stem="photo", depths=(3, 4, 6, 3)),
    "lite0": EfficientNetLiteConfig(),
}


def preset(name: str) -> ModelConfig:
    """The settings of the network called `name`; raise `ConfigError` for an unknown name."""
    if name not in PRESETS:
        raise ConfigError(unknown_name("model", name, PRESETS))
    return PRESETS[name]


def usual_shape(name: str) -> tuple[int, int, int]:
    """(C, H, W) of the pictures that the network called `name` was made for."""
    if name in ("vgg-16", "lite0") or name.endswith("-photo"):
        return 3, 224, 224
    return (3, 32, 32) if name == "vgg-small" or name.startswith("resnet") else (1, 28, 28)
