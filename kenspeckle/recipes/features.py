"""The recipe for rows of numbers, which `kenspeckle.sklearn` uses where there are no pictures."""

from __future__ import annotations

from kenspeckle.models.mlp import MlpConfig
from kenspeckle.optim_config import AdamConfig
from kenspeckle.schedule import ScheduleConfig
from kenspeckle.settings import RunConfig
from kenspeckle.train_config import TrainConfig


def features() -> RunConfig:
    """One hidden layer of 64; batches by the number of rows, so that few of them are enough."""
    return RunConfig(
        recipe="features",
        precision="fp32",  # layers this small gain nothing from bf16
        model=MlpConfig(hidden=(64,)),
        optimizer=AdamConfig(rate=0.01, weight_decay=0.01),
        schedule=ScheduleConfig(name="linear-to-zero", warmup=0.1),
        train=TrainConfig(epochs=20, batch_size=0),
    )
