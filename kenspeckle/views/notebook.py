"""A training in a notebook: curves that grow, and a line that says how the whole job stands.

One output that is replaced, without widgets: so it works in every front end, and stays in the file.
"""

from __future__ import annotations

import base64
import html
import time
import uuid
from collections.abc import Callable

from IPython.display import publish_display_data

from kenspeckle.events import Ended, EpochRecord, Event, Started, kept_epoch
from kenspeckle.figures.curves import curves
from kenspeckle.figures.style import png
from kenspeckle.pages.text import duration, share
from kenspeckle.training import Epoch
from kenspeckle.views.outlook import Outlook

_PAUSE = 0.5  # seconds between two updates at least
_COST = 0.05  # share of the time that drawing curves may take
_LONGEST = 4.0  # seconds that curves stay as they are at most
_STEPS = 200  # points of the loss of single steps


class NotebookView:
    """Replaces its output at most twice a second, and curves so rarely that they cost little."""

    def __init__(
        self,
        publish: Callable[..., None] = publish_display_data,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._publish, self._clock = publish, clock
        self._outlook = Outlook(clock)
        self._place = uuid.uuid4().hex
        self._is_shown = False
        self._next = 0.0  # when the output may be replaced
        self._drawn, self._redraw = "", 0.0  # the curves, and when they may be drawn again
        self._about: list[str] = []  # lines on what is trained
        self._epochs: list[EpochRecord] = []
        self._losses: list[tuple[int, float]] = []  # by step, as far as they were heard of
        self._speed = 0.0  # pictures a second
        self._total = 0  # steps
        self._ended: Ended | None = None
        self._is_open = True

    def working(self, what: str, done: int, total: int) -> None:
        """Show how far work before the first step has come."""
        self._outlook.working(what, done, total)
        self._draw()

    def show(self, event: Event) -> None:
        """Show what `event` is about."""
        self._outlook.show(event)
        match event:
            case Started():
                self._begin(event)
            case Epoch():
                first = event.step - len(event.losses) + 1
                known = self._losses[-1][0] if self._losses else 0
                steps = enumerate(event.losses, start=first)
                self._losses += [(step, loss) for step, loss in steps if step > known]
                self._speed = event.seen / max(event.seconds, 1e-9)
                self._total = event.total_steps
            case EpochRecord() if not event.fold:
                self._epochs.append(event)
            case Ended():
                self._ended, self._epochs = event, list(event.epochs)
        self._draw()

    def close(self) -> None:
        """Draw the last state."""
        if self._is_open and (self._is_shown or self._ended):
            self._is_open = False
            self._next = 0.0
            self._draw()

    def _begin(self, event: Started) -> None:
        self._about = [
            f"{event.run.path}: recipe {event.config.recipe} on {event.config.source}, "
            f"seed {event.config.seed}",
            f"{event.train_n:,} pictures to train on, {event.validation_n:,} to validate; "
            f"{event.config.model.name} with {event.parameters:,} parameters; "
            f"{event.compute.words}",
            *(f"note: {note}" for note in event.notes),
        ]

    def _draw(self) -> None:
        began = self._clock()
        if began < self._next:
            return
        lines = [*self._about, *self._state()]
        text = "".join(f"<div>{html.escape(line)}</div>" for line in lines)
        if began >= self._redraw or not self._is_open:
            self._drawn = self._picture()
            cost = self._clock() - began
            self._redraw = began + min(_LONGEST, cost / _COST)
        shown = {"text/plain": "\n".join(lines), "text/html": f"{text}{self._drawn}"}
        self._next = began + _PAUSE
        self._publish(shown, transient={"display_id": self._place}, update=self._is_shown)
        self._is_shown = True

    def _picture(self) -> str:
        if not self._losses and len(self._epochs) < 2:  # a head alone has no course
            return ""
        every = max(1, len(self._losses) // _STEPS)
        drawn = png(curves(self._epochs, losses=self._losses[::every], last=self._total))
        data = base64.b64encode(drawn).decode()
        return (
            f'<img width="600" alt="loss and accuracy by step" src="data:image/png;base64,{data}">'
        )

    def _state(self) -> list[str]:
        """How it stands, and what validation said."""
        ended = self._ended
        if ended and ended.state == "finished":
            times = f"{duration(ended.train_seconds)} of training, {duration(ended.total_seconds)}"
            return [f"model of {_name(ended.best)}: {_accuracy(ended.best)} on validation; "
                    f"{times} in all"]  # fmt: skip
        if ended or not self._is_open:
            return [
                f"stopped; go on with ks.resume({str(ended.run.path)!r})" if ended else "stopped"
            ]
        estimate = self._outlook.estimate()
        progress = f"{estimate.what}, {estimate.text}"
        if estimate.share:
            progress = f"{estimate.what}, {estimate.share:.0%} of all, {estimate.text}"
        if self._speed:
            progress += f"; {self._speed:,.0f} images/s"
        if not self._epochs:
            return [progress]
        best = self._epochs[kept_epoch(self._epochs, "best")]
        last = self._epochs[-1]
        return [
            progress,
            f"validation {_accuracy(last)}; best {best.validation_accuracy:.2%} of {_name(best)}",
        ]


def _accuracy(record: EpochRecord) -> str:
    interval = record.validation_interval
    return share(record.validation_accuracy, interval.low, interval.high, record.validation_n)


def _name(record: EpochRecord) -> str:
    return f"epoch {record.epoch}" if record.epoch else "the head"
