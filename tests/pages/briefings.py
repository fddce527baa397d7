"""A briefing made without any training, for classes of any name."""

from pathlib import Path

import numpy as np

import kenspeckle as ks
from kenspeckle.briefing.charts import course, reliability_of
from kenspeckle.briefing.gather import evidence_of
from kenspeckle.briefing.record import Briefing, DataFacts, Measured, Pictures, Row, Tile
from kenspeckle.data.ledger import ledger
from kenspeckle.data.splits import SplitConfig, draw
from kenspeckle.diagnosis.bias_variance import BiasVariance
from kenspeckle.diagnosis.findings import Finding
from kenspeckle.evaluation.accuracy import Interval, measure
from kenspeckle.events import EpochRecord
from kenspeckle.settings import RunConfig


def guesses(names, *, each=20, seed=0, right=0.8):
    """Answers on `each` pictures of every class, of which about a share of `right` is right."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(names)), each)
    logits = rng.normal(0, 1, (len(labels), len(names)))
    near = (labels + rng.choice([-1, 1], len(labels))) % len(names)
    best = np.where(rng.random(len(labels)) < right, labels, near)
    logits[np.arange(len(labels)), best] += rng.uniform(3, 9, len(labels))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return ks.Predictions(
        probabilities=shares.astype(np.float32),
        labels=labels,
        class_names=tuple(names),
        split="validation",
    )


def patterns(names, *, each=6, size=16, seed=0):
    """A Dataset with a pattern of its own for each class."""
    rng = np.random.default_rng(seed)
    shapes = np.kron(rng.random((len(names), size // 4, size // 4, 1)), np.ones((1, 4, 4, 1)))
    labels = np.arange(each * len(names)) % len(names)
    images = shapes[labels] * 200 + rng.normal(20, 12, (len(labels), size, size, 1))
    return ks.memory_dataset(
        images.clip(0, 255).astype(np.uint8), labels, class_names=tuple(names), source="patterns"
    )


def epoch(number, loss, accuracy):
    return EpochRecord(
        epoch=number,
        step=60 * number,
        loss=loss,
        accuracy=accuracy,
        validation_loss=loss + 0.05,
        validation_accuracy=accuracy - 0.02,
        validation_n=200,
        validation_interval=Interval(low=accuracy - 0.05, high=accuracy + 0.01),
        rate=0.01 / number,
        seconds=1.5,
        images_per_second=4000.0,
    )


def briefing(names, *, file_names=("item 7",), each=20):
    """Everything but the inside of a network; `file_names` are given to the pictures in turn."""
    names = tuple(names)
    said = guesses(names, each=each)
    data = patterns(names)
    book = ledger(data, draw(data, SplitConfig()))
    found = evidence_of(said, 0)
    answers = {*found.top_losses, *found.mistakes, *(a for _, part in found.pairs for a in part)}

    def tile(number):
        image = data.images[number % len(data)]
        return Tile(image=image, name=file_names[number % len(file_names)])

    rows = tuple(
        Row(label=label, tiles=tuple(tile(label + len(names) * k) for k in range(3)))
        for label in range(len(names))
    )
    measured = measure(said)
    return Briefing(
        name="a run",
        path=str(Path("runs") / "a run"),
        settings=ks.build_recipe("swift").__dict__
        | {"model": {"name": "convnet"}, "splits": {"folds": 0}},
        config_text='recipe = "swift"\n',
        environment={
            "processor": "a processor",
            "vector_instructions": "AVX2",
            "device": "cpu",
            "precision": "fp32",
            "precision_reason": "as set",
            "threads": 1,
            "system": "Linux",
            "python": "3.11",
            "versions": {"kenspeckle": "0.1.0", "torch": "2.13.0"},
            "commit": "",
        },
        data=DataFacts(
            source=file_names[0],
            fingerprint=book["fingerprint"],
            size=(16, 16, 1),
            class_names=names,
            counts=book["counts"],
            excluded={"damaged": len(file_names)},
            reasons={"damaged": "a picture whose content is damaged"},
            left_out=tuple((name, "damaged") for name in file_names),
            findings=(
                Finding(name=names[0], evidence=", ".join(file_names[:4]), advice="look at them"),
            ),
        ),
        epochs=(epoch(1, 0.5, 0.9), epoch(2, 0.3, 0.94)),
        kept=epoch(2, 0.3, 0.94),
        figures={"validation": Measured(measurement=measured, role="chosen on", temperature=1.5)},
        openings=0,
        evidence=found,
        balance=BiasVariance(
            train_accuracy=0.99,
            train_n=1000,
            other_accuracy=measured.accuracy,
            other_n=measured.n,
            best=1.0,
        ),
        summary=None,
        pictures=Pictures(
            samples=rows,
            augmented=rows[:2],
            answers={answer.item: tile(answer.item) for answer in answers},
        ),
        course=course(
            (epoch(1, 0.5, 0.9), epoch(2, 0.3, 0.94)), RunConfig(recipe="swift"), book["counts"]
        ),
        reliability=(reliability_of(found.calibration),),
        inside=(),
        left_out=(),
        notes=(),
    )
