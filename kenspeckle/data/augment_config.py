"""Settings of augmentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

OperationName = Literal[
    "stretch", "shear", "rotation", "zoom", "shift", "crop", "brightness", "contrast", "saturation"
]


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """The largest change of each kind; 0 switches it off."""

    rotation: float = 0.0  # degrees to either side
    shift: float = 0.0  # pixels along each axis
    zoom: float = 0.0  # share larger or smaller, 0.1 = 90 % to 110 %
    shear: float = 0.0  # degrees to either side
    stretch: float = 0.0  # share by which width and height may differ from their proportion
    elastic: float = 0.0  # pixels, deviation of a smooth random field (Simard et al. 2003)
    crop: float = 0.0  # share of the sides that a random window may leave out, then enlarged
    flip_horizontal: float = 0.0  # probability of mirroring left and right
    flip_vertical: float = 0.0  # probability of mirroring top and bottom
    brightness: float = 0.0  # share of the full range that is added or taken away
    contrast: float = 0.0  # share of change around the picture's mean
    saturation: float = 0.0  # share of change around the picture's grey; colour pictures only
    erasing: float = 0.0  # probability of filling a random rectangle (Zhong et al. 2020)
    mixup: float = 0.0  # Beta parameter of blending with another picture (Zhang et al. 2018)
    cutmix: float = 0.0  # Beta parameter of pasting from another picture (Yun et al. 2019)
    # what comes in from outside: the nearest edge pixel, the picture's median, black or white
    fill: Literal["edge", "median", "black", "white"] = "edge"
    # in which geometry, then colour, is changed; "random" = shuffled for each picture and batch
    order: Literal["given", "random"] = "given"
    operations: tuple[OperationName, ...] = get_args(OperationName)
    until: float = 1.0  # share of the training after which pictures are left as they are
    check: Literal["auto", "off"] = "auto"  # whether strong changes are tested for changed labels

    def __post_init__(self) -> None:
        limits = {"rotation": 180, "shift": 1000, "zoom": 0.9, "shear": 80, "crop": 0.9}
        limits |= {"stretch": 0.9, "elastic": 100}
        limits |= dict.fromkeys(("flip_horizontal", "flip_vertical", "erasing"), 1)
        limits |= dict.fromkeys(("brightness", "contrast", "saturation"), 1)
        limits |= dict.fromkeys(("mixup", "cutmix"), 100)
        for name, limit in limits.items():
            if not 0 <= getattr(self, name) <= limit:
                raise ValueError(f"{name} must be in 0..{limit}, got {getattr(self, name)}")
        if not 0 < self.until <= 1:
            raise ValueError(f"until must be in 0..1, got {self.until}")
        if self.mixup and self.cutmix:
            raise ValueError("mixup and cutmix exclude each other; set one of them to 0")
        if len(set(self.operations)) != len(self.operations):
            raise ValueError(f"operations must not repeat one, got {', '.join(self.operations)}")
        for name in get_args(OperationName):
            if getattr(self, name) and name not in self.operations:
                raise ValueError(f"{name} is {getattr(self, name)} but operations leaves it out")

    @property
    def moves(self) -> bool:
        """Whether pixels change their places."""
        return bool(self.flip_horizontal or self.flip_vertical or not self.only_flips)

    @property
    def only_flips(self) -> bool:
        """Whether pixels move by mirroring alone."""
        names = ("rotation", "shift", "zoom", "shear", "crop", "stretch", "elastic")
        return not any(getattr(self, name) for name in names)

    @property
    def mixes(self) -> bool:
        """Whether two pictures and their labels become one."""
        return bool(self.mixup or self.cutmix)

    @property
    def is_identity(self) -> bool:
        """Whether nothing would change."""
        colour = (self.brightness, self.contrast, self.saturation)
        return not (self.moves or self.mixes or self.erasing or any(colour))
