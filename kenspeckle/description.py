"""How a model is used: what it takes and what it answers, as plain data that any file can carry."""

from __future__ import annotations

from dataclasses import dataclass

from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.predictions import TaskName

MAX_CLASSES = 65536


@dataclass(frozen=True, kw_only=True)
class Description:
    """Checked when it is made, since it may come from a file of a stranger."""

    shape: tuple[int, ...]  # (C, H, W) of the input of the network
    preprocess: PreprocessConfig
    class_names: tuple[str, ...]
    task: TaskName
    temperature: float

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or any(not 1 <= extent <= 4096 for extent in self.shape):
            raise ValueError(f"shape must be three sizes in 1..4096, got {self.shape}")
        if self.shape[0] not in (1, 3):
            raise ValueError(f"shape must begin with 1 or 3 channels, got {self.shape[0]}")
        if not 1 <= len(self.class_names) <= MAX_CLASSES:
            raise ValueError(f"class_names must be 1 to {MAX_CLASSES}, got {len(self.class_names)}")
        if not 1e-6 <= self.temperature <= 1e6:
            raise ValueError(f"temperature must be in 1e-06..1e+06, got {self.temperature}")
        size = (self.preprocess.height, self.preprocess.width)
        if size != self.shape[1:] or self.preprocess.kind == "auto":
            raise ValueError(
                f"preprocess must make pictures of {self.shape[1:]}, "
                f"got {self.preprocess.kind} of {size}"
            )
