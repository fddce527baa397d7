"""Trainings with planted faults, and healthy ones, on MNIST and Fashion-MNIST.

Of each fault the last variant of four, and of the healthy runs every second one, were not looked at
while the limits were tuned. `FRESH` and `fresh_healthy` were written after everything was tuned,
and ran once before their result was recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

import kenspeckle as ks
from kenspeckle.data.dataset import Dataset

COUNT = 1500
SPEED = ("threads=1", "precision=fp32", "monitor.pictures=0", "monitor.graph=off", "splits.folds=0")
MLP = ("model.name=mlp", "model.hidden=[64]", "train.epochs=8", "optimizer.rate=0.002")
DEEP = ("model.name=mlp", "model.hidden=[64,64,64,64,64,64,64,64]", "train.epochs=8")
CONV = ("model.norm=none", "train.epochs=6", "optimizer.rate=0.003")
HEART = ("train.epochs=50", "train.label_smoothing=0", "schedule.name=constant", "train.keep=last")
SMALL = ("model.widths=[8,16]", "model.kernels=[5,3]", "model.paddings=[2,1]", "model.pools=[2,2]")
Change = Callable[[Dataset, np.random.Generator], Dataset]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One training: its pictures, its settings and the fault that is planted, "" for none."""

    fault: str
    variant: int
    source: str
    settings: tuple[str, ...] = ()
    change: Change | None = None
    count: int = COUNT
    seed: int = 0

    @property
    def is_held_out(self) -> bool:
        """Whether nobody looked at it while limits were tuned."""
        return self.variant % 4 == 3 if self.fault else self.variant % 2 == 1


def pictures(case: Case) -> Dataset:
    """Some of the source's training pictures, with an official validation split of a fifth."""
    data = ks.open_dataset(case.source)
    rng = np.random.default_rng([case.seed, case.variant])
    chosen = np.sort(rng.permutation(np.flatnonzero(~data.official_test))[: case.count + 300])
    part = data.take(chosen)
    held = np.zeros(len(part), dtype=bool)
    held[rng.permutation(len(part))[:300]] = True
    test = np.zeros(len(part), dtype=bool)
    test[rng.permutation(np.flatnonzero(~held))[:50]] = True
    part = replace(part, official_validation=held, official_test=test)
    return case.change(part, rng) if case.change else part


def changed(data: Dataset, held: bool, how: Callable[[np.ndarray], np.ndarray]) -> Dataset:
    """`data` with the pictures of validation (or of the rest) changed, in 0..255."""
    images = data.images.astype(np.float32)
    chosen = data.official_validation if held else np.ones(len(data), dtype=bool)
    images[chosen] = how(images[chosen])
    return replace(data, images=np.clip(np.round(images), 0, 255).astype(np.uint8))


def only_validation(how: Callable[[np.ndarray], np.ndarray]) -> Change:
    return lambda data, rng: changed(data, True, how)


def everywhere(how: Callable[[np.ndarray], np.ndarray]) -> Change:
    return lambda data, rng: changed(data, False, how)


def noisy(images: np.ndarray) -> np.ndarray:
    return images + np.random.default_rng(0).normal(0, 60, images.shape)


def blurred(images: np.ndarray) -> np.ndarray:
    kept = images
    for axis in (1, 2):
        kept = (np.roll(kept, 1, axis) + kept + np.roll(kept, -1, axis)) / 3
    return kept


def moved(images: np.ndarray) -> np.ndarray:
    return np.roll(images, (4, 4), axis=(1, 2))


def boxed(images: np.ndarray) -> np.ndarray:
    kept = images.copy()
    kept[:, 8:14, 8:14] = 128
    return kept


def shuffled(share: float) -> Change:
    def change(data: Dataset, rng: np.random.Generator) -> Dataset:
        labels = data.labels.copy()
        chosen = np.flatnonzero(rng.random(len(labels)) < share)
        labels[chosen] = labels[rng.permutation(chosen)]
        return replace(data, labels=labels)

    return change


def rolled(data: Dataset, rng: np.random.Generator) -> Dataset:
    return replace(data, labels=np.roll(data.labels, 1))


def misread(data: Dataset, rng: np.random.Generator) -> Dataset:
    labels = data.labels.copy()
    held = np.flatnonzero(data.official_validation)
    labels[held] = rng.permutation(labels[held])
    return replace(data, labels=labels)


def leaking(spoil: Callable[[np.ndarray], np.ndarray], share: float) -> Change:
    def change(data: Dataset, rng: np.random.Generator) -> Dataset:
        held = np.flatnonzero(data.official_validation)
        known = np.flatnonzero(~data.official_validation & ~data.official_test)
        to = held[: round(share * len(held))]
        of = rng.choice(known, len(to), replace=False)
        images, labels = data.images.copy(), data.labels.copy()
        copies = spoil(images[of].astype(np.float32))
        images[to] = np.clip(np.round(copies), 0, 255).astype(np.uint8)
        labels[to] = labels[of]
        return replace(data, images=images, labels=labels)

    return change


def unequal(rare: int, keep: float) -> Change:
    def change(data: Dataset, rng: np.random.Generator) -> Dataset:
        is_kept = (data.labels < rare) | (rng.random(len(data)) < keep)
        for label in range(len(data.class_names)):  # none may vanish
            is_kept[np.flatnonzero(data.labels == label)[:12]] = True
        return data.take(np.flatnonzero(is_kept))

    return change


def nothing(level: float) -> Change:
    return everywhere(lambda images: np.full_like(images, level))


def four(fault: str, *variants: tuple[str, tuple[str, ...], Change | None]) -> list[Case]:
    """Four variants: source, settings, change."""
    return [
        Case(fault=fault, variant=number, source=source, settings=settings, change=change)
        for number, (source, settings, change) in enumerate(variants)
    ]


M, F = "mnist", "fashion-mnist"
START = ("initialization.name=normal",)
BROKEN = [
    *four(
        "rate too high",
        (M, (*MLP, "optimizer.rate=1"), None),
        (F, (*MLP, "model.hidden=[128]", "optimizer.rate=3"), None),
        (M, (*CONV, "optimizer.rate=0.3"), None),
        (F, (*MLP, "optimizer.rate=0.5"), None),
    ),
    *four(
        "rate too low",
        (M, (*MLP, "optimizer.rate=0.000003"), None),
        (F, ("train.epochs=4", "optimizer.rate=0.000003"), None),
        (M, ("train.epochs=4", "optimizer.name=sgd", "optimizer.rate=0.00003"), None),
        (F, (*MLP, "optimizer.rate=0.000005"), None),
    ),
    *four(
        "vanishing gradients",
        (M, (*DEEP, "model.activation=sigmoid"), None),
        (F, (*DEEP, "initialization.name=truncated-normal", "initialization.scale=0.01"), None),
        (F, (*DEEP, "model.activation=sigmoid", "initialization.name=xavier"), None),
        (M, (*CONV, "initialization.name=normal", "initialization.scale=0.003"), None),
    ),
    *four(
        "exploding gradients",
        (M, (*DEEP, *START), None),
        (F, (*CONV, *START), None),
        (F, (*DEEP, "initialization.name=normal", "initialization.scale=0.5"), None),
        (M, (*CONV, "initialization.name=truncated-normal", "initialization.scale=0.7"), None),
    ),
    *four(
        "dead ReLUs",
        (M, (*MLP, "initialization.bias=-5"), None),
        (F, (*CONV, "initialization.bias=-3"), None),
        (M, (*CONV, "initialization.bias=-8"), None),
        (F, (*MLP, "model.hidden=[64,64]", "initialization.bias=-4"), None),
    ),
    *four(
        "saturated softmax",
        (M, ("model.name=mlp", "model.hidden=[]", *START, "train.epochs=2"), None),
        (F, (*MLP, "model.hidden=[300]", *START, "initialization.scale=0.5"), None),
        (F, ("model.name=mlp", "model.hidden=[]", *START, "train.epochs=3"), None),
        (M, ("initialization.head=normal", "model.widths=[16,32,64,128]", "train.epochs=2"), None),
    ),
    *[
        replace(case, count=300)
        for case in four(
            "overfitting",
            (F, (*MLP, *HEART, "model.hidden=[300]"), None),
            (M, (*MLP, *HEART, "model.hidden=[300]", "optimizer.rate=0.005"), None),
            (F, (*CONV, *HEART), None),
            (F, (*MLP, *HEART, "model.hidden=[200,200]"), None),
        )
    ],
    *four(
        "underfitting",
        (M, (*MLP, "model.hidden=[1]", "train.epochs=30", "optimizer.rate=0.01"), None),
        (F, (*MLP, "optimizer.weight_decay=60", "train.epochs=20"), None),
        (M, ("model.widths=[1,1,1,1]", "train.epochs=20"), None),
        (F, (*MLP, "model.hidden=[2]", "train.epochs=30", "optimizer.rate=0.01"), None),
    ),
    *four(
        "too short",
        (M, ("train.epochs=0", "train.steps=4"), None),
        (F, (*MLP, "train.epochs=0", "train.steps=5"), None),
        (M, (*CONV, "train.epochs=0", "train.steps=12"), None),
        (F, ("train.epochs=0", "train.steps=3"), None),
    ),
    *four(
        "preprocessing gap",
        (M, ("train.epochs=4",), only_validation(lambda images: 255 - images)),
        (F, ("train.epochs=4",), only_validation(lambda images: images / 12)),
        (M, MLP, only_validation(lambda images: images.transpose(0, 2, 1, 3))),
        (F, ("train.epochs=4",), only_validation(lambda images: images[:, ::-1])),
    ),
    *four(
        "distribution shift",
        (M, ("train.epochs=4",), only_validation(noisy)),
        (F, ("train.epochs=4",), only_validation(blurred)),
        (M, MLP, only_validation(moved)),
        (F, MLP, only_validation(boxed)),
    ),
    *four(
        "class imbalance",
        (M, ("train.epochs=4",), unequal(2, 0.02)),
        (F, ("train.epochs=4",), unequal(5, 0.02)),
        (F, MLP, unequal(1, 0.05)),
        (M, MLP, unequal(8, 0.02)),
    ),
    *four(
        "labels do not fit the pictures",
        (M, ("train.epochs=4",), shuffled(1.0)),
        (F, MLP, rolled),
        (M, ("train.epochs=4",), misread),
        (F, ("train.epochs=4",), shuffled(0.9)),
    ),
    *four(
        "leak between splits",
        (M, ("train.epochs=4",), leaking(lambda images: images, 0.3)),
        (F, ("train.epochs=4",), leaking(lambda images: images + 2, 0.1)),
        (M, MLP, leaking(lambda images: images * 0.9, 0.5)),
        (F, MLP, leaking(lambda images: images, 0.05)),
    ),
    *four(
        "augmentation changes labels",
        (M, ("train.epochs=4", "augment.rotation=180"), None),
        (F, ("train.epochs=4", "augment.flip_vertical=0.5"), None),
        (M, ("train.epochs=4", "augment.flip_horizontal=0.5"), None),
        (F, ("train.epochs=4", "augment.rotation=120"), None),
    ),
    *four(
        "constant inputs",
        (M, ("train.epochs=2",), nothing(0)),
        (F, MLP, everywhere(lambda images: images / 255)),
        (F, ("train.epochs=2",), nothing(120)),
        (M, MLP, everywhere(lambda images: images / 255)),
    ),
    *four(
        "mislabelled items",
        (M, ("train.epochs=4",), shuffled(0.3)),
        (F, MLP, shuffled(0.4)),
        (F, ("train.epochs=4",), shuffled(0.3)),
        (M, MLP, shuffled(0.25)),
    ),
    *four(
        "not a number",
        (M, (*MLP, "optimizer.name=sgd", "optimizer.rate=1e20"), None),
        (F, (*DEEP, *START, "initialization.scale=1000000"), None),
        (F, (*CONV, "optimizer.name=sgd", "optimizer.rate=1e15"), None),
        (M, ("model.name=mlp", "model.hidden=[32,32]", "optimizer.rate=1e30"), None),
    ),
]


def healthy() -> Iterator[Case]:
    """A hundred trainings that nothing is wrong with, of ten kinds."""
    kinds = [
        ("train.epochs=5",),
        ("train.epochs=5", "augment.rotation=10", "augment.shift=1.5", "augment.zoom=0.1"),
        MLP,
        (*CONV, "train.epochs=15"),
        ("model.name=mlp", "model.hidden=[]", "train.epochs=12", "optimizer.rate=0.003"),
        (*MLP, "model.hidden=[128,64]", "train.epochs=10", "model.dropout=0.2"),
        ("train.epochs=5", "optimizer.name=sgd", "optimizer.rate=0.1", "optimizer.momentum=0.9"),
        (*SMALL, "train.epochs=20"),
        (
            "train.epochs=6",
            "optimizer.rate=0.003",
            "train.label_smoothing=0",
            "train.averaging=0.9",
        ),
        (*MLP, "model.activation=tanh", "train.epochs=12", "initialization.name=xavier"),
    ]
    for number in range(100):
        yield Case(
            fault="",
            variant=number,
            source=(M, F)[number // 2 % 2],
            settings=kinds[number % 10],
            count=(1500, 2500, 1000)[number // 10 % 3],
            seed=8 if number % 10 in (3, 7) else 7,
        )


def once(
    number: int, fault: str, source: str, *settings: str, change: Change | None = None
) -> Case:
    """A fresh variant of a fault."""
    return Case(
        fault=fault,
        variant=4 * number + 3,
        source=source,
        settings=settings,
        change=change,
        count=300 if fault == "overfitting" else COUNT,
        seed=31,
    )


ENOUGH = ("train.epochs=4",)
FRESH = [
    once(1, "rate too high", M, *MLP, "model.hidden=[96]", "optimizer.rate=0.8"),
    once(2, "rate too high", F, *CONV, "optimizer.rate=0.5"),
    once(1, "rate too low", F, *CONV, "optimizer.rate=0.000004"),
    once(2, "rate too low", M, *MLP, "model.hidden=[128,64]", "optimizer.rate=0.000004"),
    once(1, "vanishing gradients", M, *DEEP, "model.activation=sigmoid", "optimizer.rate=0.003"),
    once(
        2,
        "vanishing gradients",
        M,
        *DEEP,
        "initialization.name=normal",
        "initialization.scale=0.005",
    ),
    once(1, "exploding gradients", F, *DEEP, *START),
    once(2, "exploding gradients", M, *CONV, "initialization.name=normal"),
    once(1, "dead ReLUs", F, *MLP, "initialization.bias=-6"),
    once(2, "dead ReLUs", M, *CONV, "initialization.bias=-4"),
    once(1, "saturated softmax", F, *MLP, "model.hidden=[200]", *START, "initialization.scale=0.4"),
    once(2, "saturated softmax", M, "model.name=mlp", "model.hidden=[]", *START, "train.epochs=2"),
    once(1, "overfitting", M, *CONV, *HEART),
    once(2, "overfitting", F, *MLP, *HEART, "model.hidden=[128,128]", "optimizer.rate=0.004"),
    once(1, "underfitting", F, *MLP, "model.hidden=[1]", "train.epochs=25", "optimizer.rate=0.01"),
    once(2, "underfitting", F, "model.widths=[1,1,1,1]", "train.epochs=20"),
    once(1, "too short", F, *CONV, "train.epochs=0", "train.steps=10"),
    once(2, "too short", M, *MLP, "train.epochs=0", "train.steps=6"),
    once(1, "preprocessing gap", F, *ENOUGH, change=only_validation(lambda images: 255 - images)),
    once(2, "preprocessing gap", M, *ENOUGH, change=only_validation(lambda images: images / 9)),
    once(1, "distribution shift", M, *ENOUGH, change=only_validation(blurred)),
    once(2, "distribution shift", F, *ENOUGH, change=only_validation(noisy)),
    once(1, "class imbalance", F, *ENOUGH, change=unequal(3, 0.03)),
    once(2, "class imbalance", M, *MLP, change=unequal(4, 0.02)),
    once(1, "labels do not fit the pictures", M, *MLP, change=shuffled(0.95)),
    once(2, "labels do not fit the pictures", F, *ENOUGH, change=rolled),
    once(1, "leak between splits", F, *ENOUGH, change=leaking(lambda images: images, 0.2)),
    once(2, "leak between splits", M, *ENOUGH, change=leaking(lambda images: images * 0.95, 0.3)),
    once(1, "augmentation changes labels", M, *ENOUGH, "augment.flip_vertical=0.5"),
    once(2, "augmentation changes labels", F, *ENOUGH, "augment.rotation=180"),
    once(1, "constant inputs", F, "train.epochs=2", change=nothing(255)),
    once(2, "constant inputs", M, *MLP, change=nothing(60)),
    once(1, "mislabelled items", F, *MLP, change=shuffled(0.3)),
    once(2, "mislabelled items", M, *ENOUGH, change=shuffled(0.35)),
    once(1, "not a number", F, *MLP, "optimizer.name=sgd", "optimizer.rate=1e22"),
    once(2, "not a number", M, *CONV, "optimizer.name=sgd", "optimizer.rate=1e18"),
]


def fresh_healthy() -> Iterator[Case]:
    """A hundred more that nothing is wrong with, of ten other kinds."""
    kinds = [
        ("train.epochs=15",),
        ("train.epochs=15", "model.dropout=0.2", "model.gather=mean"),
        (*MLP, "model.hidden=[256,128]", "model.norm=before", "train.epochs=15"),
        (*MLP, "model.activation=gelu", "train.epochs=20"),
        ("train.epochs=8", "model.activation=elu"),
        (
            *(*MLP, "model.hidden=[128]", "train.epochs=20"),
            *("optimizer.name=sgd", "optimizer.rate=0.05", "optimizer.momentum=0.9"),
        ),
        ("train.epochs=12", "augment.shift=2"),
        (*MLP, "train.epochs=15", "optimizer.name=rmsprop", "optimizer.rate=0.001"),
        ("train.epochs=6", "train.batch_size=32", "schedule.name=cosine", "optimizer.rate=0.004"),
        ("train.epochs=10", "model.widths=[12,24]", *SMALL[1:]),
    ]
    for number in range(100):
        yield Case(
            fault="",
            variant=2 * number + 1,
            source=(M, F)[number // 2 % 2],
            settings=kinds[number % 10],
            count=(1500, 2500, 2000)[number // 10 % 3],
            seed=31,
        )
