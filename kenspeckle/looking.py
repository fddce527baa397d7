"""A look inside a run: which records are computed of it, on which pictures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kenspeckle import device, storage
from kenspeckle.data.decode import read_file
from kenspeckle.data.framing import decode_for
from kenspeckle.data.preprocess import prepare
from kenspeckle.errors import ConfigError, DataError, RunError, unknown_name
from kenspeckle.event_files import histogram_history
from kenspeckle.explain.activation_maps import activation_maps
from kenspeckle.explain.embedding import embedding
from kenspeckle.explain.filters import first_filters
from kenspeckle.explain.fingerprints import fingerprints
from kenspeckle.explain.histogram_history import Kind as HistogramKind
from kenspeckle.explain.ideal_inputs import ideal_inputs
from kenspeckle.explain.ideal_units import ideal_units
from kenspeckle.explain.layers import hidden_layer, is_activation, label, pixels
from kenspeckle.explain.loss_surface import loss_surface
from kenspeckle.explain.maps import last_maps
from kenspeckle.explain.means import mean_pictures
from kenspeckle.explain.neighbours import nearest_pictures
from kenspeckle.explain.pixel_curves import pixel_curves
from kenspeckle.explain.saliency import compare_saliency, methods_for
from kenspeckle.explain.saliency_checks import sanity_check
from kenspeckle.explain.split_histograms import split_histograms
from kenspeckle.explain.units import unit_states
from kenspeckle.figures.drawable import Drawable
from kenspeckle.figures.style import png, svg
from kenspeckle.inference import find_pictures
from kenspeckle.model_file import load
from kenspeckle.models.heads import ClassHead
from kenspeckle.run_folder import TENSORBOARD, Run, open_run
from kenspeckle.run_pictures import RunPictures

_UNITS = 10  # of a layer, whose ideal pictures are shown
_NEAREST = 5
_NAME = 60  # letters of a file name


@dataclass(frozen=True, kw_only=True)
class Look:
    """One record of a kind."""

    kind: str
    record: Drawable


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A way to look at a run; "" as a layer stands for the one that suits."""

    about: str  # a few words
    records: Callable[[RunPictures, str], Iterable[Drawable]]
    needs_pictures: bool = True  # of the source of the run
    is_quick: bool = True  # also for photographs; the tour leaves the others out


def look(
    run: str | Path | Run,
    *,
    what: str | Iterable[str] = (),
    layer: str = "",
    images: str | Path | Iterable[str | Path] = (),
) -> list[Drawable]:
    """Records of the kinds `what`, or of a tour of all that suit; each shows itself in a notebook.

    `layer` is a name of the summary, instead of the one that suits; `images` are pictures to
    explain, instead of some of the validation split. Raises a `KenspeckleError` for names that are
    not there, and for a kind that was asked for and does not suit the run.
    """
    return [found.record for found in looks(run, what=what, layer=layer, images=images)]


def looks(
    run: str | Path | Run,
    *,
    what: str | Iterable[str] = (),
    layer: str = "",
    images: str | Path | Iterable[str | Path] = (),
    left_out: Callable[[str], None] | None = None,
) -> Iterator[Look]:
    """As `look`, one after the other; `left_out` is told what the tour leaves out, and why."""
    found = run if isinstance(run, Run) else open_run(run)
    kinds = [what] if isinstance(what, str) and what else list(what)
    for name in kinds:
        if name not in KINDS:
            raise ConfigError(unknown_name("kind of look", name, list(KINDS)))
    pictures = _pictures(found, images)
    yield from looks_at(pictures, kinds, layer=layer, left_out=left_out)


def looks_at(
    pictures: RunPictures,
    kinds: Sequence[str],
    *,
    layer: str = "",
    left_out: Callable[[str], None] | None = None,
) -> Iterator[Look]:
    """The records of `kinds`, or of the tour; what does not suit is an error only where asked."""
    for name in kinds or _tour(pictures):
        try:
            for record in KINDS[name].records(pictures, layer):
                yield Look(kind=name, record=record)
        except (ConfigError, RunError, DataError) as error:
            if left_out is None:
                raise
            left_out(f"{name}: {error}")


def write_look(found: Look, folder: Path) -> tuple[Path, Path]:
    """Write the figure as PNG and SVG into `folder`, named after what it shows."""
    figure = found.record.figure()
    storage.make_folder(folder)
    words = re.findall(r"[a-z0-9]+", found.record.title.lower())
    name = "-".join([found.kind, *words])[:_NAME]
    files = folder / f"{name}.png", folder / f"{name}.svg"
    for file, data in zip(files, (png(figure), svg(figure)), strict=True):
        storage.write_file(file, data)
    return files


def _tour(pictures: RunPictures) -> list[str]:
    if pictures.named:
        return ["activations", "saliency", "neighbours"]
    return [name for name, kind in KINDS.items() if kind.is_quick or pictures.are_small]


def _pictures(run: Run, images: str | Path | Iterable[str | Path]) -> RunPictures:
    classifier = load(run.model_file)
    device.prepare(device.choose("cpu", "fp32", run.config.threads))
    named = {}
    for path in find_pictures(images) if images else ():
        picture = decode_for(read_file(path), classifier.preprocess, name=str(path)).pixels
        views = prepare(picture, classifier.preprocess, channels=classifier.shape[0])
        named[path.name] = views[len(views) // 2]
    return RunPictures(run, classifier, named)


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
    yield ideal_inputs(
        classifier.network,
        classifier.class_names,
        shape=classifier.shape,
        judge=pictures.judge,
    )


def _ideal_units(pictures: RunPictures, layer: str) -> Iterator[Drawable]:
    network = pictures.classifier.network
    yield ideal_units(
        network,
        layer or hidden_layer(network),
        range(_UNITS),
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
    "means": Kind(
        about="the mean picture, of all and of each class",
        records=lambda pictures, _: [mean_pictures(pictures.training)],
    ),
    "filters": Kind(
        about="what the first layer looks for",
        records=lambda pictures, _: [first_filters(pictures.classifier)],
        needs_pictures=False,
    ),
    "activations": Kind(about="what a layer makes of pictures", records=_activations),
    "units": Kind(
        about="dead and saturated units, layer by layer",
        records=lambda pictures, _: [unit_states(pictures.classifier, pictures.training.images[:])],
    ),
    "fingerprints": Kind(
        about="the hidden layer of each class",
        records=lambda pictures, layer: [
            fingerprints(pictures.classifier.network, pictures.unseen, layer=layer)
        ],
    ),
    "embedding": Kind(
        about="pictures as points, near where the network finds them alike",
        records=lambda pictures, layer: [
            embedding(pictures.classifier.network, pictures.unseen, layer=layer, method=method)
            for method in ("pca", "tsne")
        ],
    ),
    "neighbours": Kind(
        about="the training pictures that are nearest",
        records=lambda pictures, layer: [
            nearest_pictures(
                pictures.classifier.network,
                pictures.training,
                pictures.examples,
                min(_NEAREST, len(pictures.training)),
                layer=layer,
            )
        ],
    ),
    "ideal-inputs": Kind(about="the picture that each class likes best", records=_ideal_inputs),
    "saliency": Kind(about="what in a picture the answer comes from", records=_saliency),
    "histograms": Kind(
        about="weights, gradients and pre-activations of each layer", records=_histograms
    ),
    "history": Kind(
        about="a layer from the first step to the last", records=_history, needs_pictures=False
    ),
    "surface": Kind(
        about="the loss around the solution",
        records=lambda pictures, _: [
            loss_surface(
                pictures.classifier.network,
                pictures.training,
                pictures.classifier.head,
                pictures.run.config.train.loss,
            )
        ],
        is_quick=False,
    ),
    "ideal-units": Kind(
        about="the picture that each unit of a layer likes best",
        records=_ideal_units,
        is_quick=False,
    ),
    "saliency-checks": Kind(
        about="whether the maps of saliency are to be believed",
        records=_saliency_checks,
        is_quick=False,
    ),
}
