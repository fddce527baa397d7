"""Learning without a run folder: from arrays to a classifier in memory; nothing is written.

Nothing is held back for validation either: the caller does that, and the last epoch is the model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from kenspeckle.choices import batch_size
from kenspeckle.course import course_on, shape_of, take_weights
from kenspeckle.data.dataset import Dataset, concatenated
from kenspeckle.data.numbers import Numbers
from kenspeckle.data.preprocess import dataset_views, settle
from kenspeckle.device import borrowed, choose
from kenspeckle.errors import ConfigError
from kenspeckle.model_file import Classifier, from_bytes, to_bytes
from kenspeckle.models.heads import head_of
from kenspeckle.models.mlp import MlpConfig
from kenspeckle.settings import RunConfig
from kenspeckle.training import Epoch, averaged, fit


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What came out of it."""

    model: bytes  # a whole model file
    epochs: tuple[Epoch, ...]

    @property
    def classifier(self) -> Classifier:
        """The model, on the CPU and in evaluation mode."""
        return from_bytes(self.model)


def learn(
    items: Dataset | Numbers, asked: RunConfig, *, tell: Callable[[Epoch], object]
) -> Learned:
    """Train on all of `items`; `tell` hears of every pass.

    Raises `ConfigError` where the settings do not go with the items or need a run folder.
    """
    if asked.transfer.backbone:
        raise ConfigError(
            f"recipe {asked.recipe} works on files of pictures; use `ken train` for it, "
            "or a recipe without transfer.backbone here, such as photos"
        )
    if asked.train.task != "classes":
        raise ConfigError(
            f"train.loss={asked.train.loss} tells a number, which needs validation; "
            "use cross-entropy or binary here"
        )
    compute = choose(asked.device, asked.precision, asked.threads)
    settings = _settled(items, asked)
    views = items
    if isinstance(items, Dataset):
        views = concatenated(dataset_views(items, settings.preprocess))
    head = head_of("classes", items.class_names)
    epochs = []
    with borrowed(compute):
        course = course_on(views, settings, compute)
        training = course.training
        take_weights(training.network, settings)
        for epoch in fit(
            training,
            course.batches,
            settings.train,
            schedule=settings.schedule,
            head=head,
            compute=compute,
        ):
            if epoch.complete:
                epochs.append(epoch)
                tell(epoch)
        with averaged(training) as network:
            classifier = Classifier(
                network=network,
                architecture=settings.model,
                shape=course.input_shape,
                class_names=items.class_names,
                preprocess=settings.preprocess,
                card={"recipe": settings.recipe, "seed": settings.seed, "items": len(items)},
            )
            return Learned(model=to_bytes(classifier), epochs=tuple(epochs))


def _settled(items: Dataset | Numbers, asked: RunConfig) -> RunConfig:
    """`asked` with the size of the input and of the batches settled."""
    if isinstance(items, Dataset):
        preprocess = settle(asked.preprocess, items)
    else:
        _, height, width = shape_of(items)
        preprocess = replace(
            asked.preprocess, kind="resize", height=height, width=width, channels=1
        )
        if not isinstance(asked.model, MlpConfig):
            raise ConfigError(
                f"recipe {asked.recipe} reads pictures, uint8 of shape (N, H, W) or (N, H, W, C), "
                "got rows of numbers; reshape them, or use one of the recipes mlp and softmax"
            )
        if not asked.augment.is_identity:
            raise ConfigError("augment changes pictures, got rows of numbers; leave it out")
    size = asked.train.batch_size or batch_size(len(items.labels))
    return replace(asked, preprocess=preprocess, train=replace(asked.train, batch_size=size))
