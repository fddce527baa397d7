"""Fingerprints and ideal inputs of the dense network (seed document 002)."""

from __future__ import annotations

import numpy as np

from kenspeckle.data.dataset import Dataset
from kenspeckle.data.splits import VALIDATION, draw
from kenspeckle.experiments.outcome import Outcome, Picture, Quantity, over_seeds
from kenspeckle.experiments.plan import Plan, train_seeds
from kenspeckle.explain.fingerprints import fingerprints as take_fingerprints
from kenspeckle.explain.ideal_inputs import IdealInputs
from kenspeckle.explain.ideal_inputs import ideal_inputs as find_ideal_inputs
from kenspeckle.explain.picture_descent import IdealInputsConfig
from kenspeckle.figures.fingerprints import fingerprints as draw_fingerprints
from kenspeckle.figures.ideal_inputs import ideal_inputs as draw_ideal_inputs
from kenspeckle.figures.style import png
from kenspeckle.model_file import load

_PENALTIES = {
    "no penalty": IdealInputsConfig(l2=0.0),
    "L1 0.05": IdealInputsConfig(l1=0.05, l2=0.0),
    "L2 0.25": IdealInputsConfig(l2=0.25),
    "L2 0.02, jitter 2": IdealInputsConfig(l2=0.02, jitter=2),
}


def fingerprints(plan: Plan) -> Outcome:
    """The hidden layer of pictures that the network has not learned from."""
    data = plan.dataset("mnist")
    found = train_seeds(plan, plan.config("mlp-300", "train.epochs=10"), data, name="fingerprints")
    unseen = data.take(draw(data, found.settled.splits).validation)
    looks = [take_fingerprints(load(end.run.model_file).network, unseen) for end in found.ends]
    told = tuple(look.nearest_mean for look in looks)
    share = Quantity(
        name="told by the nearest mean fingerprint alone",
        values=told,
        headline="bands in each class",
        n=looks[0].n,
        interval=over_seeds(told, highest=1.0) or looks[0].interval,
    )
    return Outcome(
        quantities=(share, found.accuracy()),
        story=(
            f"Pictures of a class share their bands: the mean fingerprint of each class alone "
            f"tells {share.mean:.1%} of {share.n:,} others."
        ),
        pictures=(
            Picture(
                title="The hidden layer, class by class",
                about="A panel for each digit: 300 units down, pictures across; bright is active.",
                png=png(draw_fingerprints(looks[0])),
            ),
        ),
        recipe=found.recipe,
        notes=("10 of the document's 50 passes", f"pictures of the {VALIDATION} split"),
        seeds=len(found.ends),
    )


def ideal_inputs(plan: Plan) -> Outcome:
    """The picture of each class that the network likes best, judged by a network of its own."""
    data = plan.dataset("mnist")
    settings = plan.config("mlp-300", "train.epochs=10")
    found = train_seeds(plan, settings, data, name="ideal-inputs")
    judge = train_seeds(plan, plan.config("blink"), data, seeds=1, name="ideal-inputs-judge")
    judging = load(judge.ends[0].run.model_file).network
    models = [load(end.run.model_file) for end in found.ends]
    rows: dict[str, list[IdealInputs]] = {
        title: [
            find_ideal_inputs(
                model.network, model.class_names, shape=model.shape, config=config, judge=judging
            )
            for model in models
        ]
        for title, config in _PENALTIES.items()
    }
    quantities = tuple(
        Quantity(
            name=f"{title}: recognised by the judge",
            values=tuple(item.recognised for item in items),
            headline=_HEADLINES.get(title, ""),
            n=len(data.class_names),
        )
        for title, items in rows.items()
    )
    by_title = dict(zip(rows, quantities, strict=True))
    return Outcome(
        quantities=quantities,
        story=(
            f"Without a penalty a second network recognises {by_title['no penalty'].mean:.0%} of "
            f"the ideal pictures, with L2 0.25 {by_title['L2 0.25'].mean:.0%}, and with a weaker "
            f"penalty on pictures that are shifted about {by_title['L2 0.02, jitter 2'].mean:.0%}."
        ),
        pictures=(
            Picture(
                title="Mean pictures and ideal inputs",
                about="Mean of each class, then the ideal picture with each penalty; where the "
                "judge sees another digit, it is named.",
                png=png(
                    draw_ideal_inputs(
                        {title: items[0] for title, items in rows.items()}, _means(data)
                    )
                ),
            ),
        ),
        recipe=found.recipe,
        notes=("10 of the document's 50 passes",),
        seeds=len(found.ends),
    )


_HEADLINES = {"no penalty": "noise", "L1 0.05": "few pixels left", "L2 0.25": "readable"}


def _means(data: Dataset) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The mean picture of each class, (K, H, W, C)."""
    classes = range(len(data.class_names))
    return np.stack([data.images[data.labels == label].mean(axis=0) for label in classes])
