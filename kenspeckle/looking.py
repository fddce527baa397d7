"""A look inside a run: which records are computed of it, on which pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kenspeckle import device, storage
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.decode import read_file
from kenspeckle.data.framing import decode_for
from kenspeckle.data.preprocess import prepare
from kenspeckle.errors import ConfigError, DataError, RunError, unknown_name
from kenspeckle.figures.drawable import Drawable
from kenspeckle.figures.style import png, svg
from kenspeckle.look_kinds import KINDS
from kenspeckle.model_file import load
from kenspeckle.prediction import find_pictures
from kenspeckle.run_folder import Run, open_run
from kenspeckle.run_pictures import RunPictures


@dataclass(frozen=True, kw_only=True)
class Look:
    """One record of a kind."""

    kind: str
    number: int  # among those of its kind, from 1
    record: Drawable

    @property
    def name(self) -> str:
        """Such as "filters", and "activations-2" for the second of a kind."""
        return self.kind if self.number == 1 else f"{self.kind}-{self.number}"


def look(
    run: str | Path | Run,
    *,
    what: str | Iterable[str] = (),
    layer: str = "",
    images: str | Path | Iterable[str | Path] = (),
    dataset: Dataset | None = None,
) -> list[Drawable]:
    """Records of the kinds `what`, or of a tour of all that suit; each shows itself in a notebook.

    `layer` is a name of the summary, instead of the one that suits; `images` are pictures to
    explain, instead of some of the validation split. `dataset` is needed only where the run was
    trained on one made in memory. Raises a `KenspeckleError` for names that are not there, and for
    a kind that was asked for and does not suit the run.
    """
    found = looks(
        run,
        what=what,
        layer=layer,
        images=images,
        dataset=dataset,
        left_out=None if what else _aside,
    )
    return [item.record for item in found]


def looks(
    run: str | Path | Run,
    *,
    what: str | Iterable[str] = (),
    layer: str = "",
    images: str | Path | Iterable[str | Path] = (),
    dataset: Dataset | None = None,
    left_out: Callable[[str], None] | None = None,
) -> Iterator[Look]:
    """As `look`, one after the other; `left_out` is told what the tour leaves out, and why."""
    found = run if isinstance(run, Run) else open_run(run)
    kinds = [what] if isinstance(what, str) and what else list(what)
    for name in kinds:
        if name not in KINDS:
            raise ConfigError(unknown_name("kind of look", name, list(KINDS)))
    of_examples = [name for name, kind in KINDS.items() if kind.is_of_examples]
    if images and kinds and not set(kinds) & set(of_examples):
        raise ConfigError(
            f"{kinds[0]} is not about single pictures; leave them out, or ask for one of "
            f"{', '.join(of_examples)}"
        )
    pictures = _pictures(found, images, dataset)
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
            for number, record in enumerate(KINDS[name].records(pictures, layer), start=1):
                yield Look(kind=name, number=number, record=record)
        except (ConfigError, RunError, DataError) as error:
            if left_out is None:
                raise
            left_out(f"{name}: {error}")


def write_look(found: Look, folder: Path) -> tuple[Path, Path]:
    """Write the figure as PNG and SVG into `folder`."""
    figure = found.record.figure()
    storage.make_folder(folder)
    files = folder / f"{found.name}.png", folder / f"{found.name}.svg"
    for file, data in zip(files, (png(figure), svg(figure)), strict=True):
        storage.write_file(file, data)
    return files


def _tour(pictures: RunPictures) -> list[str]:
    if pictures.named:
        return [
            name for name, kind in KINDS.items() if kind.is_of_examples and kind.tour != "never"
        ]
    sizes = ("always", "small") if pictures.are_small else ("always",)
    return [name for name, kind in KINDS.items() if kind.tour in sizes]


def _aside(_: str) -> None:
    """A tour shows what there is; who wants to know more asks for the kind."""


def _pictures(
    run: Run, images: str | Path | Iterable[str | Path], dataset: Dataset | None
) -> RunPictures:
    classifier = load(run.model_file)
    device.prepare(device.choose("cpu", "fp32", run.config.threads))
    named = []
    for path in find_pictures(images) if images else ():
        picture = decode_for(read_file(path), classifier.preprocess, name=str(path)).pixels
        views = prepare(picture, classifier.preprocess, channels=classifier.shape[0])
        named.append(views[len(views) // 2])
    return RunPictures(run, classifier, tuple(named), dataset)
