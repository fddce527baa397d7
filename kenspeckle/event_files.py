"""TensorBoard event files: training and validation in sibling folders, so that they overlay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from kenspeckle.errors import StorageError

FOLDERS = ("train", "validation")


class EventFiles:
    """Scalars of one run, from a step on; what an interrupted run wrote beyond it is hidden."""

    def __init__(self, folder: Path, *, first_step: int) -> None:
        self._folder = folder
        with _explained(folder):
            self._writers = {name: EventFileWriter(str(folder / name)) for name in FOLDERS}
            if first_step:
                restart = SessionLog(status=SessionLog.START)
                for writer in self._writers.values():
                    writer.add_event(Event(step=first_step, session_log=restart))

    def scalars(self, folder: str, step: int, values: dict[str, float], *, time: float) -> None:
        """Add numbers by tag; `time` is in seconds since 1970."""
        entries = [Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
        event = Event(step=step, wall_time=time, summary=Summary(value=entries))
        with _explained(self._folder):
            self._writers[folder].add_event(event)

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
