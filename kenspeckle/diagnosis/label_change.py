"""Whether augmentation turns pictures into those of another class, measured on the user's data.

A small network learns the pictures as they are. Where it is sure of most of them, and an operation
makes it take many for another class, that operation changes labels: a mirrored 2 is a 5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from kenspeckle.data.augment import augment
from kenspeckle.data.augment_config import AugmentConfig
from kenspeckle.data.batches import Batches
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.images import parts
from kenspeckle.data.preprocess import dataset_views
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.device import Compute, generator
from kenspeckle.diagnosis.findings import Finding
from kenspeckle.evaluation.accuracy import wilson
from kenspeckle.inference import outputs
from kenspeckle.models.convnet import ConvNetConfig
from kenspeckle.models.families import build_model
from kenspeckle.models.heads import ClassHead
from kenspeckle.models.initialization import InitializationConfig, initialize
from kenspeckle.models.layers import learn_scaling
from kenspeckle.optim import Optimizer
from kenspeckle.optim_config import AdamConfig
from kenspeckle.schedule import ScheduleConfig
from kenspeckle.train_config import TrainConfig
from kenspeckle.training import Training, fit

# up to here nobody's label changes, and two seconds of testing would be wasted
_MILD = {"rotation": 20.0, "shear": 20.0, "zoom": 0.25, "crop": 0.2}
_MILD_SHIFT = 0.12  # share of the shorter side
_TRAIN, _TESTED = 8000, 1000  # pictures
_AT_ONCE = 10_000_000  # pixel values that are changed at a time
_SIDE = 32  # the shorter one of larger pictures is reduced to it
_STEPS = 240  # of the judge
_LEAST_DROP = 0.05  # of accuracy
_BETTER_THAN_CHANCE = 2.0  # a judge below this many times chance is believed nothing


@dataclass(frozen=True, kw_only=True)
class LabelChange:
    """What one operation does to the judge's accuracy."""

    operation: str
    setting: float
    plain: float  # accuracy on pictures as they are
    changed: float  # on the same ones after the operation
    n: int
    classes: tuple[str, ...]  # the three that suffer most, as "2 is taken for 5"

    @property
    def is_fault(self) -> bool:
        """Whether the loss is large, and larger than chance allows."""
        plain = wilson(round(self.plain * self.n), self.n)
        changed = wilson(round(self.changed * self.n), self.n)
        return self.plain - self.changed >= _LEAST_DROP and changed.high < plain.low

    @property
    def finding(self) -> Finding:
        """In words."""
        return Finding(
            name=f"augment.{self.operation} changes labels",
            evidence=(
                f"a network that knows {self.plain:.1%} of {self.n:,} validation pictures knows "
                f"{self.changed:.1%} of them afterwards ({', '.join(self.classes)})"
            ),
            advice=f"set augment.{self.operation}=0, or augment.check=off if this is wanted",
            is_fault=self.is_fault,
        )


def strong_operations(config: AugmentConfig, size: tuple[int, int]) -> list[str]:
    """The operations that are worth a test, on pictures of `size` (height, width)."""
    limits = _MILD | {"shift": _MILD_SHIFT * min(size), "flip_horizontal": 0, "flip_vertical": 0}
    return [name for name, limit in limits.items() if getattr(config, name) > limit]


def label_changes(
    train: Dataset,
    validation: Dataset,
    config: AugmentConfig,
    *,
    compute: Compute,
    seed: int = 0,
    steps: int = _STEPS,
) -> list[LabelChange]:
    """Test each strong operation of `config`; empty where the judge does not learn the classes.

    The judge is given `steps` updates. Takes some seconds on two processor cores. A function of its
    arguments alone.
    """
    names = strong_operations(config, train.images.shape[1:3])
    if not names:
        return []
    rng = np.random.default_rng(seed)
    train, validation = _some(train, _TRAIN, rng), _some(validation, _TESTED, rng)
    judge = _judge(_reduced(train), compute, seed, steps)
    plain = _answers(judge, validation)
    accuracy = float((plain == validation.labels).mean())
    if accuracy < min(0.9, _BETTER_THAN_CHANCE / len(train.class_names)):
        return []
    found = []
    for name in names:
        changed = _answers(judge, _after(validation, config, name, seed))
        found.append(
            LabelChange(
                operation=name,
                setting=getattr(config, name),
                plain=accuracy,
                changed=float((changed == validation.labels).mean()),
                n=len(validation),
                classes=_sufferers(validation, plain, changed),
            )
        )
    return found


def _judge(data: Dataset, compute: Compute, seed: int, steps: int) -> torch.nn.Module:
    """A small network that has seen `data` as it is."""
    _, height, width, channels = data.images.shape
    head = ClassHead(len(data.class_names))
    config = ConvNetConfig(paddings=(2, 1, 1, 1))
    network = build_model(config, shape=(channels, height, width), outputs=head.outputs)
    initialize(network, InitializationConfig(), seed=seed)
    batches = Batches(data, batch_size=100, seed=seed, device=compute.torch_device)
    learn_scaling(network, parts(data.images))
    network.to(compute.torch_device)
    optimizer = Optimizer(dict(network.named_parameters()), AdamConfig(rate=0.01, beta2=0.97))
    loop = fit(
        Training(network=network, optimizer=optimizer),
        batches,
        TrainConfig(epochs=0, steps=steps, batch_size=100, label_smoothing=0.05),
        schedule=ScheduleConfig(),
        head=head,
        compute=compute,
    )
    for _ in loop:
        pass
    return network


def _after(data: Dataset, config: AugmentConfig, name: str, seed: int) -> Dataset:
    """`data` after this operation alone; flips are made for certain."""
    setting: dict[str, Any] = {name: 1.0 if name.startswith("flip") else getattr(config, name)}
    alone = replace(
        AugmentConfig(),
        fill=config.fill,
        order=config.order,
        operations=config.operations,
        **setting,
    )
    draws = generator(seed, "label change", name)
    after = []
    # a thousand photographs as floating point would fill the memory
    for images in parts(data.images, max(50, _AT_ONCE // math.prod(data.images.shape[1:]))):
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float()
        changed = augment(pixels, alone, draws).round().clamp(0, 255).to(torch.uint8)
        after.append(changed.permute(0, 2, 3, 1).contiguous().numpy())
    return replace(data, images=np.concatenate(after))


def _answers(judge: torch.nn.Module, data: Dataset) -> NDArray[np.int64]:
    answers: NDArray[np.int64] = outputs(judge, _reduced(data).images).argmax(dim=1).numpy()
    return answers


def _sufferers(
    data: Dataset, plain: NDArray[np.int64], changed: NDArray[np.int64]
) -> tuple[str, ...]:
    lost = (plain == data.labels) & (changed != data.labels)
    counts = np.bincount(data.labels[lost], minlength=len(data.class_names))
    worst = [label for label in np.argsort(-counts, kind="stable")[:3] if counts[label]]
    names = data.class_names
    return tuple(
        f"{names[label]} is taken for "
        f"{names[np.bincount(changed[lost & (data.labels == label)]).argmax()]}"
        for label in worst
    )


def _some(data: Dataset, count: int, rng: np.random.Generator) -> Dataset:
    return data if len(data) <= count else data.take(np.sort(rng.permutation(len(data))[:count]))


def _reduced(data: Dataset) -> Dataset:
    """With a shorter side of at most `_SIDE`, so that the judge is as quick on photographs."""
    height, width = data.images.shape[1:3]
    scale = _SIDE / min(height, width)
    if scale >= 1:
        return data
    height, width = round(height * scale), round(width * scale)
    (reduced,) = dataset_views(data, PreprocessConfig(kind="resize", height=height, width=width))
    return reduced
