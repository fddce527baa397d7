"""The kinds of look at a run: what each computes, and on which pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from kenspeckle.errors import ConfigError
from kenspeckle.event_files import histogram_history
from kenspeckle.explain.activation_maps import activation_maps
from kenspeckle.explain.embedding import embedding
from kenspeckle.explain.filters import first_filters
from kenspeckle.explain.fingerprints import fingerprints
from kenspeckle.explain.histogram_history import Kind as HistogramKind
from kenspeckle.explain.ideal_inputs import IdealInputsRows, ideal_inputs
from kenspeckle.explain.ideal_units import ideal_units
from kenspeckle.explain.layers import hidden_layer, is_activation, label, pixels
from kenspeckle.explain.loss_surface import loss_surface
from kenspeckle.explain.maps import last_maps
from kenspeckle.explain.means import mean_pictures
from kenspeckle.explain.neighbours import nearest_pictures
from kenspeckle.explain.picture_descent import IdealInputsConfig, usual_config
from kenspeckle.explain.pixel_curves import pixel_curves
from kenspeckle.explain.saliency import compare_saliency, methods_for
from kenspeckle.explain.saliency_checks import sanity_check
from kenspeckle.explain.split_histograms import split_histograms
from kenspeckle.explain.units import unit_states
from kenspeckle.explain.vectors import vectors
from kenspeckle.figures.drawable import Drawable
from kenspeckle.judging import judge
from kenspeckle.models.heads import ClassHead
from kenspeckle.run_folder import TENSORBOARD
from kenspeckle.run_pictures import RunPictures

_UNITS = 10  # of a layer, whose ideal pictures are shown
_NEAREST = 5
_PENALTIES = (
    IdealInputsConfig(l2=0.0, steps=200),
    IdealInputsConfig(l1=0.05, l2=0.0, steps=200),
    IdealInputsConfig(l2=0.25, steps=200),
    IdealInputsConfig(l2=0.02, jitter=2, steps=200),
    IdealInputsConfig(l2=0.02, total_variation=0.02, jitter=2, steps=200),
)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A way to look at a run; "" as a layer stands for the one that suits."""

    records: Callable[[RunPictures, str], Iterable[Drawable]]
    is_of_examples: bool = False  # explains single pictures, which the user may name
    needs_pictures: bool = True  # of the source of the run
    tour: Literal["always", "small", "never"] = "always"  # small: of pictures of 64 pixels a side


def _activations(pictures: RunPictures, layer: str) -> Iterator[Drawable]:
    network = pictures.classifier.network
    chosen = [layer] if layer else []
    if not chosen:
        first = [name for name, module in network.named_modules() if is_activation(module)][:1]
        chosen = [*first, last_maps(network, pixels(pictures.examples[:1], network))]
    for name in dict.fromkeys(chosen):
        yield activation_maps(pictures.classifier, pictures.examples[:2], name)


def _histograms(pictures: RunPictures, _: str) -> Iterator[Drawable]:
    yield split_histograms(
        pictures.classifier.network,
        pictures.batches(),
        pictures.classifier.head,
        pictures.run.config.train.loss,
    )


def _history(pictures: RunPictures, layer: str) -> Iterator[Drawable]:
    folder = pictures.run.path / TENSORBOARD / "train"
    kind: HistogramKind = "pre-activations"
    name = layer or label(hidden_layer(pictures.classifier.network))
    yield histogram_history(folder, name, kind=kind)


def _ideal_inputs(pictures: RunPictures, _: str) -> Iterator[Drawable]:
    classifier = pictures.classifier
    if not isinstance(classifier.head, ClassHead):
        raise ConfigError("a model that tells a number has no ideal picture of a class")
    configs = _PENALTIES if pictures.are_small else (usual_config(classifier.shape),)
    judging = judge(pictures)
    yield IdealInputsRows(
        rows=tuple(
            ideal_inputs(
                classifier.network,
                classifier.class_names,
                shape=classifier.shape,
                config=config,
                judge=judging,
            )
            for config in configs
        )
    )


def _ideal_units(pictures: RunPictures, layer: str) -> Iterator[Drawable]:
    network = pictures.classifier.network
    name = layer or hidden_layer(network)
    width = vectors(network, pictures.training.images[:1], name).shape[1]
    yield ideal_units(
        network,
        name,
        range(min(_UNITS, width)),
        shape=pictures.classifier.shape,
        compare=pictures.training.images,
    )


def _saliency(pictures: RunPictures, _: str) -> Iterator[Drawable]:
    classifier, images = pictures.classifier, pictures.examples
    methods = methods_for(classifier, images)
    if not pictures.are_small:  # the others take many passes
        methods = tuple(name for name in methods if name in ("gradient", "grad-cam"))
    yield compare_saliency(classifier, images, methods=methods)


def _saliency_checks(pictures: RunPictures, _: str) -> Iterator[Drawable]:
    classifier, images = pictures.classifier, pictures.examples
    methods = methods_for(classifier, images)
    yield pixel_curves(classifier, compare_saliency(classifier, images, methods=methods).methods)
    for method in methods:
        yield sanity_check(classifier, images, method=method)


KINDS: dict[str, Kind] = {
    "means": Kind(records=lambda pictures, _: [mean_pictures(pictures.training)]),
    "filters": Kind(
        records=lambda pictures, _: [first_filters(pictures.classifier)],
        needs_pictures=False,
    ),
    "activations": Kind(records=_activations, is_of_examples=True),
    "units": Kind(
        records=lambda pictures, _: [unit_states(pictures.classifier, pictures.followed.images[:])],
    ),
    "fingerprints": Kind(
        records=lambda pictures, layer: [
            fingerprints(pictures.classifier.network, pictures.unseen, layer=layer)
        ],
    ),
    "embedding": Kind(
        records=lambda pictures, layer: [
            embedding(pictures.classifier.network, pictures.unseen, layer=layer, method=method)
            for method in ("tsne", "pca")
        ],
    ),
    "neighbours": Kind(
        is_of_examples=True,
        records=lambda pictures, layer: [
            nearest_pictures(
                pictures.classifier.network,
                pictures.training,
                pictures.examples,
                min(_NEAREST, len(pictures.training)),
                layer=layer,
                head=pictures.classifier.head,
            )
        ],
    ),
    "ideal-inputs": Kind(records=_ideal_inputs, needs_pictures=False),
    "saliency": Kind(records=_saliency, is_of_examples=True),
    "histograms": Kind(records=_histograms),
    "history": Kind(records=_history, needs_pictures=False),
    "surface": Kind(
        records=lambda pictures, _: [
            loss_surface(
                pictures.classifier.network,
                pictures.training,
                pictures.classifier.head,
                pictures.run.config.train.loss,
            )
        ],
        tour="small",
    ),
    "ideal-units": Kind(records=_ideal_units, tour="never"),
    "saliency-checks": Kind(records=_saliency_checks, is_of_examples=True, tour="never"),
}
