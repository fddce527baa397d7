"""What the routes work with: predictions, insight, recent answers, and what was marked as wrong."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from kenspeckle.errors import DataError, ServingError, unknown_name
from kenspeckle.serving.answer import Answer
from kenspeckle.serving.batching import Batcher, BatchLimits, Input, Told
from kenspeckle.serving.bodies import Upload
from kenspeckle.serving.explainer import Explainer
from kenspeckle.serving.library import library_of
from kenspeckle.serving.metrics import Metrics
from kenspeckle.serving.processes import Template, Worker
from kenspeckle.serving.review import append_review
from kenspeckle.serving.shelf import Recent, Shelf, moment

_RETRIES = (0.0, 0.5, 2.0, 5.0)  # seconds before a process is started again


class ServingDesk:
    """The desk of a real server: one template, one worker, and the queue before it."""

    def __init__(
        self, *, name: str, model: Path, run: Path | None, limits: BatchLimits, metrics: Metrics
    ) -> None:
        self.name, self.model, self.run = name, model, run
        self.metrics = metrics
        self.is_open = False  # whether requests are answered
        self._is_stopped = False
        self.template = Template(library_of(str(model)))
        self.batcher = Batcher(limits, metrics, renew=self._renew)
        self._loading = asyncio.Lock()
        self._file: BinaryIO | None = None  # of the model that answers
        self._renewing: asyncio.Task[None] | None = None
        self.shelf = Shelf()
        self.explainer = Explainer(self.template, model=model, run=run)
        metrics.is_ready = lambda: self.is_ready

    @property
    def is_ready(self) -> bool:
        """Whether a request would be answered."""
        worker = self.batcher.worker
        return self.is_open and worker is not None and not self.batcher.failure

    @property
    def worker(self) -> Worker:
        """The one that answers; `facts` of it describe the model."""
        assert self.batcher.worker is not None, "start first"
        return self.batcher.worker

    @property
    def version(self) -> str:
        """The first 12 hex digits of the SHA-256 of the model file."""
        return self.worker.version

    @property
    def class_names(self) -> tuple[str, ...]:
        """In the order of the probabilities."""
        return self.worker.class_names

    @property
    def about(self) -> dict[str, Any]:
        """What the page is told of the model."""
        facts = self.worker.facts
        told = {key: facts[key] for key in ("version", "class_names", "kind", "shape", "task")}
        return {"name": self.name, **told, "card": facts["card"]}

    async def load(self) -> None:
        """Answer with the model file as it is now; on `ServingError` the previous goes on."""
        async with self._loading:
            file = open_model(self.model)
            try:
                await self._start(file)
            except BaseException:
                file.close()
                raise
            if self._file is not None:
                self._file.close()
                self.metrics.loads += 1
            self._file = file

    async def _start(self, file: BinaryIO) -> None:
        worker = Worker(self.template)
        await worker.start(str(self.model), file.fileno())
        self.batcher.replace(worker)

    async def told(self, inputs: Sequence[Input]) -> Told:
        """What the model says, with the names of its classes; `Refused` where too much waits."""
        return await self.batcher.submit(inputs)

    def remember(self, answers: Sequence[Answer], given: Sequence[Upload], told: Told) -> None:
        """Keep answers for `recent`, within `KEPT` and `KEPT_BYTES`."""
        for answer, upload, thumbnail in zip(answers, given, told.thumbnails, strict=True):
            if not answer.error:
                self.shelf.add(answer, upload.data, thumbnail)

    def recent(self) -> list[Recent]:
        """Answers of late, newest first."""
        return self.shelf.recent()

    def mark_wrong(self, key: str, label: str) -> None:
        """Note the right class of an answer in the review file, with its picture.

        Raises `KeyError` where the answer is not kept any more, `DataError` for an unknown class
        and `StorageError` where the file cannot be written.
        """
        kept = self.shelf.get(key)
        if kept is None:
            raise KeyError(key)
        if label not in self.class_names:
            raise DataError(unknown_name("class", label, self.class_names))
        append_review(
            self.run or self.model.parent,
            name=kept.answer.name,
            label=kept.answer.label,
            probability=kept.answer.probability,
            right_label=label,
            time=moment(time.time()),
            version=kept.answer.version,
            picture=kept.picture,
        )
        kept.marked = label

    async def insight(
        self, picture: bytes, *, label: str = "", parts: Sequence[str] = ()
    ) -> dict[str, Any]:
        """What `Insight.of` tells of a picture; only `parts` of it, where some are named."""
        assert self._file is not None, "start first"
        # its own, because `load` may close the other while this waits for its turn
        file = os.dup(self._file.fileno())
        try:
            return await self.explainer.tell(
                picture, file=file, version=self.version, label=label, parts=parts
            )
        finally:
            os.close(file)

    async def stop(self) -> None:
        """End the processes."""
        self.is_open, self._is_stopped = False, True
        if self._renewing is not None:
            self._renewing.cancel()
        self.template.stop()
        if self._file is not None:
            self._file.close()

    def _renew(self) -> None:
        if not self._is_stopped and (self._renewing is None or self._renewing.done()):
            self._renewing = asyncio.get_running_loop().create_task(self._start_again())

    async def _start_again(self) -> None:
        for tried, seconds in enumerate([*_RETRIES, *[_RETRIES[-1]] * 1000]):
            await asyncio.sleep(seconds)
            try:
                async with self._loading:
                    # the file that is open: at its path there may be another by now
                    assert self._file is not None, "start first"
                    await self._start(self._file)
            except ServingError as error:
                if tried:  # once may be the end of the template, which another takes the place of
                    self.batcher.fail("the model cannot be loaded again")
                print(f"ken: {error}", file=sys.stderr, flush=True)
            else:
                return


def open_model(path: Path) -> BinaryIO:
    """A model file, which stays the same whatever happens at its path; raises `ServingError`."""
    try:
        # a pipe in its place must not make the server wait
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")
    except OSError as error:
        raise ServingError(f"{path}: cannot be read: {error.strerror or error}") from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ServingError(
            f"{path}: no regular file; expected a model.safetensors or an exported model.onnx"
        )
    return file
