"""TensorBoard event files: training and validation in sibling folders, so that they overlay.

The row of a run in the table of hyper-parameters lies with validation, whose curves are then its
measures, whatever folder TensorBoard is started on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.attr_value_pb2 import AttrValue
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.graph_pb2 import GraphDef
from tensorboard.compat.proto.node_def_pb2 import NodeDef
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_FLOAT, DT_STRING
from tensorboard.compat.proto.versions_pb2 import VersionDef
from tensorboard.plugins.hparams.api_pb2 import STATUS_FAILURE, STATUS_SUCCESS
from tensorboard.plugins.hparams.plugin_data_pb2 import (
    HParamsPluginData,
    SessionEndInfo,
    SessionStartInfo,
)
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from kenspeckle.errors import ConfigError, RunError, StorageError, unknown_name
from kenspeckle.explain.histogram_history import HistogramHistory, Kind
from kenspeckle.explain.histograms import Histogram
from kenspeckle.models.summary import LayerRow

FOLDERS = ("train", "validation")
Setting = bool | float | str


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
        self,
        folder: str,
        tag: str,
        step: int,
        png: bytes,
        *,
        height: int,
        width: int,
        time: float,
    ) -> None:
        """Add one encoded picture."""
        image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=png)
        entry = Summary.Value(tag=tag, image=image)
        self._add(folder, Event(step=step, wall_time=time, summary=Summary(value=[entry])))

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

    def text(self, tag: str, markdown: str, *, time: float) -> None:
        """Add a text of the whole run."""
        shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
        tensor = TensorProto(
            dtype=DT_STRING, tensor_shape=shape, string_val=[markdown.encode("utf-8", "replace")]
        )
        self._plugin("train", "text", b"", tag, tensor, time)

    def settings(self, values: Mapping[str, Setting], *, time: float) -> None:
        """Begin the row of this run in the table of hyper-parameters."""
        begun = SessionStartInfo(start_time_secs=time)
        for name, value in values.items():
            if isinstance(value, bool):
                begun.hparams[name].bool_value = value
            elif isinstance(value, str):
                begun.hparams[name].string_value = value
            else:
                begun.hparams[name].number_value = value
        data = HParamsPluginData(session_start_info=begun)
        self._hyper_parameters("_hparams_/session_start_info", data, time)

    def ended(self, state: Literal["finished", "failed"], *, time: float) -> None:
        """End that row."""
        status = STATUS_SUCCESS if state == "finished" else STATUS_FAILURE
        end = SessionEndInfo(status=status, end_time_secs=time)
        data = HParamsPluginData(session_end_info=end)
        self._hyper_parameters("_hparams_/session_end_info", data, time)

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

    def _hyper_parameters(self, tag: str, data: HParamsPluginData, time: float) -> None:
        empty = TensorShapeProto(dim=[TensorShapeProto.Dim(size=0)])
        tensor = TensorProto(dtype=DT_FLOAT, tensor_shape=empty)  # all of it is in the metadata
        self._plugin("validation", "hparams", data.SerializeToString(), tag, tensor, time)

    def _plugin(
        self, folder: str, plugin: str, content: bytes, tag: str, tensor: TensorProto, time: float
    ) -> None:
        data = SummaryMetadata.PluginData(plugin_name=plugin, content=content)
        entry = Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=data), tensor=tensor)
        self._add(folder, Event(wall_time=time, summary=Summary(value=[entry])))

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
