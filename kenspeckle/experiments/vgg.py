"""VGG on digits and on small colour pictures; bias and variance (seed document 003, LTFN 8 to 12).

Where no CIFAR-10 archive is given, Fashion-MNIST in random colours stands in for it, and says so.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kenspeckle.assessment import evaluate
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.sources.detect import open_dataset
from kenspeckle.data.sources.fashion_mnist import fashion_mnist, local_folder
from kenspeckle.diagnosis.bias_variance import BiasVariance
from kenspeckle.errors import AbsentDataError
from kenspeckle.experiments.outcome import Outcome, Picture, Quantity
from kenspeckle.experiments.plan import QUICK_PICTURES, Plan, curves, train_seeds
from kenspeckle.pages.grid import grid, png

_SIDE = 32
STAND_IN = "Fashion-MNIST in random colours, because no CIFAR-10 archive was given (--data PATH)"


def vgg_mnist(plan: Plan) -> Outcome:
    """LTFN 8; one seed, because a run takes over five minutes."""
    found = train_seeds(plan, plan.config("vgg-mnist"), plan.dataset("mnist"), seeds=1)
    accuracy = found.accuracy(headline="97.86 %", least=0.993)
    return Outcome(
        quantities=(accuracy, found.duration()),
        story=(
            f"The same layers with batch norm, one cycle of the rate and moved digits: "
            f"{accuracy.mean:.2%} of the test digits after two passes."
        ),
        pictures=(curves(found),),
        recipe=found.recipe,
        notes=("the document has no batch norm and no augmentation",),
    )


def vgg_cifar(plan: Plan) -> Outcome:
    """LTFN 10: pixels scaled to 0..1."""
    return _colour(plan, "vgg-cifar", "70.9 %")


def mean_image(plan: Plan) -> Outcome:
    """LTFN 11: the mean image subtracted."""
    return _colour(plan, "mean-image", "72.6 %")


def bias_variance(plan: Plan) -> Outcome:
    """LTFN 12: few pictures and many passes, so that the two accuracies part."""
    data, note = colour_pictures(plan)
    few = plan.sample(data, QUICK_PICTURES if plan.quick else 6000)
    settings = plan.config("vgg-cifar", "model.widths=[32, 32, 64, 64]",
                           "model.kernels=[3, 3, 3, 3]", "model.paddings=[1, 1, 1, 1]",
                           "model.pools=[1, 2, 1, 2]", "model.hidden=[256]",
                           "optimizer.rate=0.001", "train.steps=1200")  # fmt: skip
    found = train_seeds(plan, replace(settings, recipe="bias-variance"), few, seeds=1)
    run = found.ends[0].run
    train, other = (
        evaluate(run, few, split=split).measurement for split in ("train", "validation")
    )
    verdict = BiasVariance(
        train_accuracy=train.accuracy,
        train_n=train.n,
        other_accuracy=other.accuracy,
        other_n=other.n,
        best=1.0,
    )
    return Outcome(
        quantities=(
            Quantity(name="accuracy on the training pictures", values=(train.accuracy,), n=train.n,
                     headline="84 %", interval=train.interval),
            Quantity(name="accuracy on others", values=(other.accuracy,), n=other.n,
                     headline="73 %", interval=other.interval),
            Quantity(name="bias", values=(verdict.bias,), headline="16 points"),
            Quantity(name="variance", values=(verdict.variance,), headline="11 points"),
        ),
        story=verdict.words,
        recipe=found.recipe,
        notes=(note, "a smaller network and few pictures, so that it takes a minute"),
    )  # fmt: skip


def colour_pictures(plan: Plan) -> tuple[Dataset, str]:
    """CIFAR-10 if an archive was given, else the stand-in; and a line that says which.

    Raises `AbsentDataError` where there is neither.
    """
    if plan.data:
        data = open_dataset(plan.data)
        note = f"{data.source}: {len(data):,} pictures"
    elif local_folder() is not None:
        data, note = in_colour(fashion_mnist(), seed=0), STAND_IN
    else:
        raise AbsentDataError(
            "needs a CIFAR-10 archive (--data PATH); its stand-in, Fashion-MNIST, is not here "
            "either: install Debian's dataset-fashion-mnist or run `ken train fashion-mnist`"
        )
    return (plan.sample(data, QUICK_PICTURES) if plan.quick else data), note


def in_colour(data: Dataset, *, seed: int) -> Dataset:
    """Grey pictures in a random colour on another one, padded to 32 x 32."""
    rng = np.random.default_rng(seed)
    count, height, width, _ = data.images.shape
    edges = [((_SIDE - side) // 2, _SIDE - side - (_SIDE - side) // 2) for side in (height, width)]
    ink = np.pad(data.images[:], ((0, 0), *edges, (0, 0)))
    images = np.empty((count, _SIDE, _SIDE, 3), dtype=np.uint8)
    front = rng.integers(120, 256, (count, 1, 1, 3), dtype=np.int32)
    back = rng.integers(0, 100, (count, 1, 1, 3), dtype=np.int32)
    for start in range(0, count, 5000):  # bounds the memory
        part = slice(start, start + 5000)
        mixed = back[part] + (front[part] - back[part]) * ink[part].astype(np.int32) // 255
        images[part] = mixed.astype(np.uint8)
    return replace(data, images=images, source="fashion-mnist-in-colour", files=())


def _colour(plan: Plan, recipe: str, headline: str) -> Outcome:
    data, note = colour_pictures(plan)
    found = train_seeds(plan, plan.config(recipe), data)
    name = "test accuracy" if plan.data else "test accuracy on the stand-in"
    accuracy = found.accuracy(name=name, headline=headline)
    mean = data.images[:].mean(axis=0).round().astype(np.uint8)
    sheet = grid(np.concatenate([mean[np.newaxis], data.images[:15]]), columns=8)
    return Outcome(
        quantities=(accuracy, found.duration()),
        story=(
            f"{accuracy.mean:.2%} after {found.ends[0].step:,} steps of "
            f"{found.settled.train.batch_size}. The mean image is the first of the pictures."
        ),
        pictures=(
            Picture(
                title="Mean image and the first pictures",
                about="The mean of all pictures, then fifteen of them.",
                png=png(sheet.repeat(3, axis=0).repeat(3, axis=1)),
            ),
            curves(found),
        ),
        recipe=found.recipe,
        notes=(note, "the document trains for 10,000 steps"),
        seeds=len(found.ends),
    )
