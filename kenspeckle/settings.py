"""The complete configuration of one run: what `config.toml` holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from kenspeckle.data.augment_config import AugmentConfig
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.data.source_config import SourceConfig
from kenspeckle.data.splits import SplitConfig
from kenspeckle.device import DeviceName, PrecisionName
from kenspeckle.foreign import is_plain_name
from kenspeckle.models.convnet import ConvNetConfig
from kenspeckle.models.families import ModelConfig
from kenspeckle.models.initialization import InitializationConfig
from kenspeckle.monitor import MonitorConfig
from kenspeckle.optim_config import AdamConfig, OptimizerConfig
from kenspeckle.schedule import ScheduleConfig
from kenspeckle.train_config import TrainConfig
from kenspeckle.transfer_config import TransferConfig


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Everything that decides the weights that come out, besides the machine."""

    recipe: str  # the recipe that it began as
    source: str = "mnist"
    start: str = ""  # a model file or finished run whose weights it begins with; "" = random ones
    seed: int = 0
    device: DeviceName = "auto"
    precision: PrecisionName = "auto"
    threads: int = 0  # 0 = one for each processor core that this process may use
    # trained side by side with other seeds, in operations of many networks, which have other bits
    stacked: bool = False
    data: SourceConfig = field(default_factory=SourceConfig)
    splits: SplitConfig = field(default_factory=SplitConfig)
    preprocess: PreprocessConfig = field(default_factory=PreprocessConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    model: ModelConfig = field(default_factory=ConvNetConfig)
    transfer: TransferConfig = field(default_factory=TransferConfig)
    initialization: InitializationConfig = field(default_factory=InitializationConfig)
    optimizer: OptimizerConfig = field(default_factory=AdamConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    monitor: MonitorConfig = field(default_factory=MonitorConfig)

    def __post_init__(self) -> None:
        if not is_plain_name(self.recipe):
            raise ValueError(f"recipe must be a name, which run folders bear, got {self.recipe!r}")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed must be in 0..{2**63 - 1}, got {self.seed}")
        if not 0 <= self.threads <= 1024:
            raise ValueError(f"threads must be in 0..1024, got {self.threads}")
        if self.stacked and self.transfer.backbone:
            raise ValueError("stacked is for networks from scratch; leave out transfer.backbone")
        if self.splits.folds > 0 and self.transfer.backbone and self.transfer.fine_tune == "on":
            raise ValueError(
                "splits.folds are for the head alone where weights are pretrained; "
                "set transfer.fine_tune to off, or splits.folds to 0"
            )
        if self.splits.folds > 0 and self.start:
            raise ValueError(
                "splits.folds need weights that have seen none of the pictures, and start may have "
                "learned from them; set splits.folds to 0, or leave out start"
            )

    @property
    def keep(self) -> Literal["best", "last"]:
        """Which epoch becomes the model; by folds, which tell how many there are, the last."""
        return "last" if self.splits.folds > 0 else self.train.keep
