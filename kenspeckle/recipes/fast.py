"""Recipes tuned for accuracy in seconds on two processor cores; figures: benchmarks/RESULTS.md.

Tuned on 10,000 held-out training digits, never on the test split.
"""

from __future__ import annotations

from dataclasses import replace

from kenspeckle.data.augment_config import AugmentConfig
from kenspeckle.models.convnet import ConvNetConfig
from kenspeckle.optim_config import AdamConfig
from kenspeckle.schedule import ScheduleConfig
from kenspeckle.settings import RunConfig
from kenspeckle.train_config import TrainConfig

_NETWORK = ConvNetConfig(
    crop=2,  # the ink of a digit lies within 20 of 28 pixels, so its border is paper
    widths=(16, 32, 64, 64),
    kernels=(5, 3, 3, 3),
    paddings=(0, 1, 1, 0),
    pools=(2, 2, 1, 1),
)


def swift() -> RunConfig:
    """The default, for the best accuracy within about ten seconds.

    Expect over 99.5 % on MNIST. Rotated, shifted, zoomed and slanted digits make it robust to the
    handwriting of strangers; in the last fifth it sees them as they are.
    """
    return RunConfig(
        recipe="swift",
        augment=AugmentConfig(rotation=10, shift=1.5, zoom=0.1, shear=8, until=0.8),
        model=_NETWORK,
        optimizer=AdamConfig(rate=0.01, beta1=0.85, beta2=0.97, weight_decay=0.01),
        schedule=ScheduleConfig(name="linear-to-zero", warmup=0.2),
        train=TrainConfig(epochs=2.8, batch_size=128, label_smoothing=0.05),
    )


def blink() -> RunConfig:
    """99.2 % on MNIST as fast as can be: two thirds of one pass over the data, in two seconds."""
    return replace(
        swift(),
        recipe="blink",
        augment=AugmentConfig(),
        optimizer=AdamConfig(rate=0.01, beta1=0.8, beta2=0.95, weight_decay=0.01),
        schedule=ScheduleConfig(name="linear-to-zero", warmup=0.15),
        train=TrainConfig(epochs=0.65, batch_size=100, label_smoothing=0.05),
    )
