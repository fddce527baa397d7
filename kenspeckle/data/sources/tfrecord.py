"""TFRecord files of `tf.train.Example`, without TensorFlow; a picture is a range in its file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kenspeckle.data.listing import Excluded, Item, Listing, Place, in_order, printable, split_named
from kenspeckle.data.source_config import SourceConfig
from kenspeckle.data.sources.columns import USUAL, listed
from kenspeckle.data.sources.example_record import Feature, features_of
from kenspeckle.data.sources.rows import class_name, shown
from kenspeckle.data.sources.shards import check_complete, short_names, split_of
from kenspeckle.data.sources.spool import unpacked
from kenspeckle.data.sources.tfrecord_frames import (
    Checksums,
    Frame,
    frames,
    starts_as_tfrecord,
)
from kenspeckle.errors import DataError

PICTURES = ("image/encoded", "image", "image_raw", "encoded", "image/image_raw", "jpeg", "png")
TEXTS = ("image/class/text", "class/text", "label/text", "text", "label_name", "class_name")
LABELS = ("image/class/label", "image/label", *USUAL["label"])
_STARTS = (b"\xff\xd8", b"\x89PNG", b"GIF8", b"BM", b"RIFF", b"II*\0", b"MM\0*")  # of pictures
_RAW = (
    "raw pixels, not an encoded picture; write them as PNG, such as by tf.io.encode_png, "
    "or save arrays in an .npz file"
)
_MAX_NAME = 1000  # bytes of a label


@dataclass
class _Found:
    """What the records of all files were."""

    items: list[Item] = field(default_factory=list)
    excluded: list[Excluded] = field(default_factory=list)
    seen: dict[str, None] = field(default_factory=dict)  # names of features, in their order
    pictures: int = 0  # records with a feature for the picture
    encoded: int = 0  # of which begin as a picture does
    raw: str = ""  # the first that does not


def is_tfrecord(path: Path) -> bool:
    """Whether `path` is a file that begins as a TFRecord file does, or is called as one."""
    return path.is_file() and (".tfrecord" in path.name.lower() or starts_as_tfrecord(path))


def list_tfrecord(
    paths: Sequence[Path],
    config: SourceConfig,
    *,
    source: str,
    spool: Path,
    checksums: Checksums = "verify",
) -> Listing:
    """The labelled pictures in all records of `paths`; splits are told by the files' names.

    Files in gzip are unpacked into the folder `spool` once. Raises `DataError` where a file is
    damaged so that its records cannot be told apart, or where they hold no encoded pictures.
    """
    check_complete(source, [path.name for path in paths])
    found = _Found()
    for path, short in zip(paths, short_names(paths), strict=True):
        content = unpacked(path, spool)
        for frame in frames(content, path=path, checksums=checksums):
            name = f"{printable(short)}/{frame.number:06}"
            _sort(found, frame, config, name=name, content=content, file=path.name)
    _explain(found, source, config)
    archive = str(paths[0]) if len(paths) == 1 else ""
    return in_order(source, found.items, found.excluded, archive=archive)


def _sort(
    found: _Found, frame: Frame, config: SourceConfig, *, name: str, content: Path, file: str
) -> None:
    """Make an item of the record, or exclude it."""

    def exclude(reason: str, detail: str) -> None:
        found.excluded.append(Excluded(name=name, reason=reason, detail=detail))

    if not frame.is_intact:
        return exclude("bad-checksum", f"record {frame.number:,} at byte {frame.offset - 12:,}")
    try:
        features = features_of(frame.record)
    except ValueError:
        return exclude("not-a-picture", "no tf.train.Example")
    if len(found.seen) < 100:
        found.seen.update(dict.fromkeys(features))
    key = _first(features, (config.path_column,) if config.path_column else PICTURES)
    if not key:
        return exclude("not-a-picture", f"no feature of a picture (it has {listed([*features])})")
    picture = features[key]
    found.pictures += 1
    if picture.kind != "bytes" or not picture.is_single:
        found.raw = found.raw or f"{name}: feature {shown(key)!r} holds numbers or several values"
        return exclude("not-a-picture", f"feature {shown(key)!r} is not one text of bytes")
    if frame.record.startswith(_STARTS, picture.start, picture.stop):
        found.encoded += 1
    else:
        size = picture.stop - picture.start
        found.raw = found.raw or f"{name}: feature {shown(key)!r} holds {size:,} bytes"
    label = _label(frame.record, features, config)
    if not label:
        return exclude("unlabelled", "no feature of a label, or an empty one")
    split = _text(frame.record, features.get(config.split_column))
    if split and split_named(split) is None:
        raise DataError(
            f"{name}: feature {config.split_column!r} says {shown(split)!r}; "
            "expected train, validation or test"
        )
    group = _first(features, (config.group_column,) if config.group_column else USUAL["group"])
    found.items.append(
        Item(
            name=name,
            label=label,
            place=Place(
                path=str(content.absolute()),
                offset=frame.offset + picture.start,
                size=picture.stop - picture.start,
            ),
            split=split_named(split) or split_of(file),
            group=_text(frame.record, features.get(group)),
        )
    )
    return None


def _explain(found: _Found, source: str, config: SourceConfig) -> None:
    """Raise `DataError` where all records have one and the same fault."""
    if not found.seen:
        return
    if not found.pictures:
        names = f"is called {config.path_column!r}" if config.path_column else "holds the picture"
        raise DataError(
            f"{source}: no feature {names} (there are {listed([*found.seen])}); "
            "name it with --set data.path_column=NAME"
        )
    if not found.encoded:
        raise DataError(f"{source}: {found.raw}: {_RAW}")
    if not found.items:
        raise DataError(
            f"{source}: no feature is a label (there are {listed([*found.seen])}); "
            "name it with --set data.label_column=NAME"
        )


def _label(record: bytes, features: Mapping[str, Feature], config: SourceConfig) -> str:
    if config.label_column:
        return _text(record, features.get(config.label_column))
    return next(_texts(record, features), "")


def _texts(record: bytes, features: Mapping[str, Feature]) -> Iterator[str]:
    """What the features for labels say; words before numbers."""
    for name in (*TEXTS, *LABELS):
        if text := _text(record, features.get(name)):
            yield text


def _first(features: Mapping[str, Feature], names: Sequence[str]) -> str:
    return next((name for name in names if name in features), "")


def _text(record: bytes, feature: Feature | None) -> str:
    """The one value of `feature` as text; "" where there are none or several, as in one-hot."""
    if feature is None or not feature.is_single:
        return ""
    if feature.kind != "bytes":
        return "" if feature.number == -1 else class_name(feature.number)  # -1: not known
    if feature.stop - feature.start > _MAX_NAME:
        return ""
    return class_name(record[feature.start : feature.stop].decode("utf-8", "surrogateescape"))
