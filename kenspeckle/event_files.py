"""TensorBoard event files: training and validation in sibling folders, so that they overlay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.attr_value_pb2 import AttrValue
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.graph_pb2 import GraphDef
from tensorboard.compat.proto.node_def_pb2 import NodeDef
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.versions_pb2 import VersionDef
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from kenspeckle.errors import ConfigError, RunError, StorageError, unknown_name
from kenspeckle.explain.histogram_history import HistogramHistory, Kind
from kenspeckle.explain.histograms import Histogram
from kenspeckle.models.summary import LayerRow

FOLDERS = ("train", "validation")


class EventFiles:
    """What TensorBoard shows of one run, from a step on; what lies beyond it is hidden."""

    def __init__(self, folder: Path, *, first_step: int) -> None:
        self._folder = folder
        with _explained(folder):
            self._writers = {name: EventFileWriter(str(folder / name)) for name in FOLDERS}
            # also at step 0: a run that was killed before its first checkpoint begins again
            restart = SessionLog(status=SessionLog.START)
            for writer in self._writers.values():
                writer.add_event(Event(step=first_step, session_log=restart))

    def scalars(self, folder: str, step: int, values: dict[str, float], *, time: float) -> None:
        """Add numbers by tag; `time` is in seconds since 1970."""
        entries = [Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
        self._add(folder, Event(step=step, wall_time=time, summary=Summary(value=entries)))

    def histograms(self, step: int, values: Mapping[str, Histogram], *, time: float) -> None:
        """Add histograms of the training by tag."""
        entries = [Summary.Value(tag=tag, histo=_proto(value)) for tag, value in values.items()]
        self._add("train", Event(step=step, wall_time=time, summary=Summary(value=entries)))

    def picture(
        self, tag: str, step: int, png: bytes, *, height: int, width: int, time: float
    ) -> None:
        """Add one encoded picture of the training."""
        image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=png)
        entry = Summary.Value(tag=tag, image=image)
        self._add("train", Event(step=step, wall_time=time, summary=Summary(value=[entry])))

    def graph(self, rows: Sequence[LayerRow], *, time: float) -> None:
        """Add the layers of the network and how they follow each other."""
        graph = GraphDef(versions=VersionDef(producer=22))
        graph.node.append(NodeDef(name="pictures", op="Placeholder"))
        for row in rows:
            node = NodeDef(name=row.name.replace(".", "/"), op=row.kind)
            node.input.extend(name.replace(".", "/") or "pictures" for name in row.inputs)
            sides = [TensorShapeProto.Dim(size=size) for size in (-1, *row.shape)]
            shape = AttrValue.ListValue(shape=[TensorShapeProto(dim=sides)])
            node.attr["_output_shapes"].CopyFrom(AttrValue(list=shape))
            node.attr["parameters"].CopyFrom(AttrValue(i=row.parameters))
            graph.node.append(node)
        self._add("train", Event(wall_time=time, graph_def=graph.SerializeToString()))

    def flush(self) -> None:
        """Hand everything so far to the operating system."""
        with _explained(self._folder):
            for writer in self._writers.values():
                writer.flush()

    def close(self) -> None:
        """Flush and release the files."""
        with _explained(self._folder):
            for writer in self._writers.values():
                writer.close()

    def _add(self, folder: str, event: Event) -> None:
        with _explained(self._folder):
            self._writers[folder].add_event(event)


def _proto(value: Histogram) -> HistogramProto:
    # TensorBoard takes the right edge of each bin, and one empty bin to begin the first
    return HistogramProto(
        min=value.edges[0],
        max=value.edges[-1],
        num=value.n,
        sum=value.mean * value.n,
        sum_squares=value.square_sum,
        bucket_limit=value.edges.tolist(),
        bucket=[0, *value.counts.tolist()],
    )


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Turn a failing write, which the writer's thread reports at some later call, into one line."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{folder}: cannot write event files: {error.strerror or error}; "
            "free space, then go on with --resume"
        ) from error


def histogram_history(folder: Path, layer: str, *, kind: Kind) -> HistogramHistory:
    """The histograms of `layer` that a training wrote into `folder`, RUN/tensorboard/train.

    Of a training that was resumed, what was done again counts once. Raises `RunError` where there
    are no histograms, and `ConfigError` for a layer without any of this `kind`.
    """
    found: dict[str, dict[int, HistogramProto]] = {}
    for path in sorted(folder.glob("*tfevents*")):
        for data in RawEventFileLoader(str(path)).Load():
            event = Event.FromString(data)
            if event.session_log.status == SessionLog.START:
                for steps in found.values():
                    for step in [step for step in steps if step >= event.step]:
                        del steps[step]
            for value in event.summary.value:
                if value.WhichOneof("value") == "histo":
                    found.setdefault(value.tag, {})[event.step] = value.histo
    names = [tag.partition("/")[2] for tag, steps in found.items() if steps and _is(tag, kind)]
    if not names:
        raise RunError(
            f"{folder}: no histograms of {kind} here; train with --set monitor.histograms=on"
        )
    if layer not in names:
        raise ConfigError(unknown_name(f"layer with {kind}", layer, names))
    steps = found[f"{kind}/{layer}"]
    return HistogramHistory(
        kind=kind,
        layer=layer,
        steps=tuple(sorted(steps)),
        histograms=tuple(_histogram(steps[step]) for step in sorted(steps)),
    )


def _is(tag: str, kind: Kind) -> bool:
    return tag.startswith(f"{kind}/")


def _histogram(proto: HistogramProto) -> Histogram:
    """What `_proto` was given, but for the share of zeros, which event files do not hold."""
    mean = proto.sum / max(1.0, proto.num)
    return Histogram(
        edges=np.array(proto.bucket_limit),
        counts=np.array(proto.bucket[1:]).astype(np.int64),
        mean=mean,
        deviation=max(0.0, proto.sum_squares / max(1.0, proto.num) - mean**2) ** 0.5,
        square_sum=proto.sum_squares,
        zeros=float("nan"),
    )
