"""Recipes for pictures in files: photographs, drawings, scans of any size."""

from __future__ import annotations

from dataclasses import replace

from kenspeckle.data.augment_config import AugmentConfig
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.models.efficientnet_lite import EfficientNetLiteConfig
from kenspeckle.models.resnet import ResNetConfig
from kenspeckle.monitor import MonitorConfig
from kenspeckle.optim_config import AdamConfig
from kenspeckle.schedule import ScheduleConfig
from kenspeckle.settings import RunConfig
from kenspeckle.train_config import TrainConfig
from kenspeckle.transfer_config import TransferConfig


def photos() -> RunConfig:
    """A small residual network from random weights, for pictures of 64 x 64 pixels.

    What `ken train FOLDER` does where no pretrained weights are installed. Figures for real
    pictures: benchmarks/RESULTS.md, "Pictures in folders".
    """
    return RunConfig(
        recipe="photos",
        preprocess=PreprocessConfig(kind="pad", height=64, width=64, channels=3),
        augment=AugmentConfig(
            flip_horizontal=0.5,
            rotation=10,
            zoom=0.15,
            shift=4,
            brightness=0.1,
            contrast=0.2,
            saturation=0.2,
            until=0.9,
        ),
        model=ResNetConfig(widths=(32, 64, 128, 256), depths=(1, 1, 1, 1), dropout=0.2),
        optimizer=AdamConfig(rate=0.004, weight_decay=0.05),
        schedule=ScheduleConfig(name="linear-to-zero", warmup=0.15),
        train=TrainConfig(epochs=30, batch_size=0, patience=10, label_smoothing=0.1),
    )


def transfer() -> RunConfig:
    """What `ken train FOLDER` does: a head on features of lite0, then fine-tuning if it helps.

    Seconds for a thousand pictures. Figures: benchmarks/RESULTS.md, "Pictures in folders".
    """
    return replace(
        photos(),
        recipe="transfer",
        preprocess=PreprocessConfig(kind="pad", channels=3),
        augment=AugmentConfig(
            flip_horizontal=0.5, rotation=10, zoom=0.1, shift=8, brightness=0.1, contrast=0.1
        ),
        model=EfficientNetLiteConfig(),
        transfer=TransferConfig(backbone="lite0"),
        optimizer=AdamConfig(rate=0.0005, weight_decay=0.05),
        train=TrainConfig(
            epochs=3,
            batch_size=0,
            frozen_epochs=1,
            layer_decay=0.9,
            label_smoothing=0.1,
            patience=2,
        ),
        monitor=MonitorConfig(histograms="off", pictures=16),  # they would take a minute
    )
