"""From a listing of picture files to a Dataset: decoded, labelled, every file accounted for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kenspeckle import config
from kenspeckle.data.dataset import Dataset, Origin, PictureFile
from kenspeckle.data.decoders import Report
from kenspeckle.data.groups import groups
from kenspeckle.data.images import Images, StoredImages
from kenspeckle.data.listing import Excluded, Item, Listing, natural
from kenspeckle.data.near_duplicates import near_duplicates
from kenspeckle.data.picture_bytes import says_colour
from kenspeckle.data.picture_cache import Kept, Progress, kept
from kenspeckle.data.picture_notes import notes_on
from kenspeckle.data.place import read_place
from kenspeckle.data.preprocess import has_ink_form
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.data.source_config import SourceConfig
from kenspeckle.data.streamed_images import StreamedImages
from kenspeckle.data.thumbnails import SIDE
from kenspeckle.errors import DataError, PictureError

_ASKED = 16  # pictures that are asked whether they have colours before all are decoded
_START = 64 << 10  # bytes of each
Classes = Literal["learned", "all"]  # those with a picture to train on, or all that have one
SMALL = 64  # pictures of one size up to this side are used as they are
_SUFFIXES = {
    "PNG": (".png", ".apng"),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "GIF": (".gif",),
    "BMP": (".bmp", ".dib"),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
}


def picture_dataset(
    listing: Listing,
    source: SourceConfig,
    preprocess: PreprocessConfig,
    *,
    classes: Classes = "learned",
    progress: Progress | None = None,
) -> Dataset:
    """Decode all pictures of `listing` to one size, once, and label them.

    Without a size in `preprocess`, small pictures of one size stay as they are, others become
    squares of 64 pixels; digits in the form of MNIST are treated as prediction treats a digit.
    Classes without a picture to train on are left out, unless `classes` is "all". Raises
    `DataError` where no picture can be used.
    """
    made = _decoded(listing, source, preprocess, classes, progress)
    if preprocess.kind == "auto" and has_ink_form(made):
        return _decoded(listing, source, replace(preprocess, kind="ink"), classes, progress)
    return made


def _decoded(
    listing: Listing,
    source: SourceConfig,
    preprocess: PreprocessConfig,
    classes: Classes,
    progress: Progress | None,
) -> Dataset:
    framing = _framing_beforehand(listing, preprocess)
    found = _framed(listing, source, framing, progress) if framing else None
    if framing is None or found is None or not (preprocess.channels or _has_colour(found)):
        seen = look(listing, source, progress=progress)
        listing = _usable(listing, seen.reports)
        framing = _framing([look for look in seen.reports if "reason" not in look], preprocess)
        found = replace(_framed(listing, source, framing, progress), notes=seen.notes)
    reports = found.reports
    excluded = _excluded(listing, reports)
    rows = np.array([row for row, report in enumerate(reports) if "reason" not in report])
    if not len(rows):
        raise _useless(listing, excluded)
    rows, contradictions = _without_contradictions(listing.items, reports, rows)
    unknown: list[Excluded] = []
    if classes == "learned":
        rows, unknown = _of_known_classes(listing.items, rows)
    if not len(rows):
        raise DataError(f"{listing.source}: no class has a picture to train on")
    everything = [*listing.excluded, *excluded, *contradictions, *unknown]
    return _dataset(listing, source, framing, found, rows, everything, found.notes)


def _framed(
    listing: Listing,
    source: SourceConfig,
    framing: PreprocessConfig,
    progress: Progress | None,
) -> Kept:
    """All of `listing` in the size of `framing`."""
    work = {
        "work": "decode",
        "preprocess": config.to_dict(framing),
        "channels": framing.channels,
        "keep": "nothing" if source.cache == "off" else "pixels",
        "max_pixels": source.max_pixels,
    }
    row_bytes = {"thumbnails": SIDE * SIDE}
    if source.cache == "on":
        row_bytes["pixels"] = framing.height * framing.width * framing.channels
    return kept(listing, work, row_bytes=row_bytes, progress=progress)


def _framing_beforehand(listing: Listing, config: PreprocessConfig) -> PreprocessConfig | None:
    """What `_framing` will say, where no pass over all headers is needed to know it."""
    if not config.height:
        return None
    # colour in one makes colour of all
    if not config.channels and not any(map(_says_colour, listing.items[:_ASKED])):
        return None
    return _framing([], replace(config, channels=config.channels or 3))


def _says_colour(item: Item) -> bool:
    with suppress(PictureError):
        return says_colour(read_place(item.place, name=item.name, at_most=_START))
    return False


def _has_colour(found: Kept) -> bool:
    """Whether a picture that can be used has colours, as one said that promised them."""
    return any("reason" not in report and not report["is_grey"] for report in found.reports)


def look(listing: Listing, source: SourceConfig, *, progress: Progress | None = None) -> Kept:
    """The headers of all files of `listing`."""
    work = {"work": "look", "max_pixels": source.max_pixels}
    return kept(listing, work, progress=progress)


def _usable(listing: Listing, looks: Sequence[Report]) -> Listing:
    """`listing` without the files whose headers are no picture's; raise `DataError` if all are."""
    good = [item for item, look in zip(listing.items, looks, strict=True) if "reason" not in look]
    excluded = _excluded(listing, looks)
    if not good:
        raise _useless(listing, excluded)
    return replace(listing, items=tuple(good), excluded=(*listing.excluded, *excluded))


def _excluded(listing: Listing, reports: Sequence[Report]) -> list[Excluded]:
    return [
        Excluded(name=item.name, reason=report["reason"], detail=report["detail"])
        for item, report in zip(listing.items, reports, strict=True)
        if "reason" in report
    ]


def _useless(listing: Listing, excluded: Sequence[Excluded]) -> DataError:
    return DataError(
        f"{listing.source}: none of {len(listing.items):,} files is a picture that can be used; "
        f"the first: {excluded[0].name}: {excluded[0].detail}"
    )


def _framing(looks: Sequence[Report], asked: PreprocessConfig) -> PreprocessConfig:
    """`asked` with size, kind and channels that suit the pictures."""
    if not asked.channels:
        asked = replace(asked, channels=1 if all(look["is_grey"] for look in looks) else 3)
    if not asked.height:
        sizes = {(look["height"], look["width"]) for look in looks}
        height, width = next(iter(sizes))
        if len(sizes) != 1 or max(height, width) > SMALL:
            height = width = SMALL
        asked = replace(asked, height=height, width=width)
    if asked.kind == "auto":
        asked = replace(asked, kind="resize")
    if asked.kind == "crops":
        raise DataError(
            "preprocess.kind=crops is for data of one size; for picture files use crop or pad"
        )
    return replace(asked, scaling="standard")  # of no account here; one cache serves all


def _without_contradictions(
    items: Sequence[Item], reports: Sequence[Report], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], list[Excluded]]:
    """Without pictures of equal pixels and different labels, of which none can be believed."""
    labels: dict[str, set[str]] = {}
    for row in rows:
        labels.setdefault(reports[row]["digest"], set()).add(items[row].label)
    is_clear = np.array([len(labels[reports[row]["digest"]]) == 1 for row in rows])
    excluded = [
        Excluded(
            name=items[row].name,
            reason="contradiction",
            detail="equal pixels as " + " and ".join(sorted(labels[reports[row]["digest"]])),
        )
        for row in rows[~is_clear]
    ]
    return rows[is_clear], excluded


def _of_known_classes(
    items: Sequence[Item], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], list[Excluded]]:
    """Without classes that only validation or test have: nothing can learn them."""
    known = {items[row].label for row in rows if items[row].split in (None, "train")}
    is_known = np.array([items[row].label in known for row in rows], dtype=bool)
    excluded = [
        Excluded(
            name=items[row].name,
            reason="unknown-class",
            detail=f"no picture of {items[row].label} to train on",
        )
        for row in rows[~is_known]
    ]
    return rows[is_known], excluded


def _dataset(
    listing: Listing,
    source: SourceConfig,
    framing: PreprocessConfig,
    found: Kept,
    rows: NDArray[np.int64],
    excluded: Sequence[Excluded],
    changes: Sequence[str],
) -> Dataset:
    items = [listing.items[row] for row in rows]
    reports = [found.reports[row] for row in rows]
    assert found.thumbnails is not None
    names = tuple(sorted({item.label for item in items}, key=natural))
    number = {name: label for label, name in enumerate(names)}
    digests = np.frombuffer(
        b"".join(bytes.fromhex(report["digest"]) for report in reports), dtype=np.uint8
    ).reshape(len(rows), 16)
    thumbnails = found.thumbnails[rows]
    duplicates = near_duplicates(thumbnails, digests)
    is_validation = np.array([item.split == "validation" for item in items])
    return Dataset(
        source=listing.source,
        images=_images(found, items, rows, framing, source),
        labels=np.array([number[item.label] for item in items], dtype=np.int64),
        class_names=names,
        official_test=np.array([item.split == "test" for item in items]),
        official_validation=is_validation if is_validation.any() else None,
        groups=groups(items, digests, duplicates, source),
        origin=Origin(
            pictures=tuple(
                _file(item, report) for item, report in zip(items, reports, strict=True)
            ),
            excluded=tuple(sorted(excluded, key=lambda item: natural(item.name))),
            preprocess=framing,
            digests=digests,
            duplicates=duplicates,
            notes=(*listing.notes, *changes, *notes_on(listing, items, excluded)),
            cache=str(found.folder),
        ),
    )


def _images(
    found: Kept,
    items: Sequence[Item],
    rows: NDArray[np.int64],
    framing: PreprocessConfig,
    source: SourceConfig,
) -> Images:
    if found.pixels is None or found.mapped is None:
        sums = [found.reports[row]["sha256"] for row in rows.tolist()]
        return StreamedImages(items, framing, sums=sums, max_pixels=source.max_pixels)
    size = framing.height, framing.width, framing.channels
    return StoredImages(
        found.pixels, size, mapped=found.mapped, rows=rows, count=len(found.reports)
    )


def _file(item: Item, report: Mapping[str, Any]) -> PictureFile:
    suffix = PurePosixPath(item.name).suffix.lower()
    known = any(suffix in suffixes for suffixes in _SUFFIXES.values())
    is_wrong = known and suffix not in _SUFFIXES[report["format"]]
    return PictureFile(
        name=item.name,
        sha256=report["sha256"],
        width=report["width"],
        height=report["height"],
        format=report["format"],
        mode=report["mode"],
        notes=(*report["notes"], *(["wrong-suffix"] if is_wrong else [])),
    )
