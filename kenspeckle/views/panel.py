"""The lines under a training that change: progress, loss, validation; as wide as the terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from kenspeckle.pages.text import share
from kenspeckle.views.outlook import Outlook, rounded
from kenspeckle.views.sparkline import BLOCKS, LETTERS, sparkline

if TYPE_CHECKING:
    from kenspeckle.events import EpochRecord, Event

_KEPT = 400  # losses that the sparkline is drawn from
_MEAN = 10  # steps over which a loss is averaged
_INDENT = "  "


class Panel:
    """What is shown of the events so far, on `screen`."""

    def __init__(self, outlook: Outlook, screen: Console) -> None:
        self.outlook = outlook
        self.notice = ""  # a line above all others
        self._screen = screen
        self._losses: list[float] = []
        self._speed = 0.0  # pictures a second
        self._latest: EpochRecord | None = None
        self._best: EpochRecord | None = None

    def show(self, event: Event) -> None:
        """Take note of `event`."""
        # here, because at the top of the file they would load torch before `--help` appears
        from kenspeckle.events import EpochRecord, FoldDone, kept_epoch
        from kenspeckle.training import Epoch

        self.outlook.show(event)
        match event:
            case Epoch():
                recent = event.losses[-_MEAN:]
                self._losses = [*self._losses, sum(recent) / len(recent)][-_KEPT:]
                self._speed = event.seen / max(event.seconds, 1e-9)
            case FoldDone():  # the next network is another one
                self._latest = self._best = None
            case EpochRecord():
                self._latest = event
                told = [self._best, event] if self._best else [event]
                self._best = told[kept_epoch(told, "best")]

    def lines(self) -> Text:
        """All of it; no line is wider than the screen."""
        width = self._screen.width
        groups = [self._progress(width), self._loss(width), self._validation(width)]
        lines = [line for group in groups for line in _packed(group, width)]
        if self.notice:
            lines.insert(0, Text(self.notice, style="yellow"))
        for line in lines:
            line.truncate(width - len(_INDENT) - 1, overflow="ellipsis" if self._blocks else "crop")
        text = Text("\n").join([Text(_INDENT).append_text(line) for line in lines])
        text.no_wrap = True
        return text

    @property
    def _blocks(self) -> bool:
        """Whether the terminal can show more than ASCII."""
        try:
            f"{BLOCKS}━─…".encode(self._screen.encoding)
        except (UnicodeEncodeError, LookupError):
            return False
        return True

    def _progress(self, width: int) -> list[Text]:
        estimate = self.outlook.estimate()
        length = min(30, max(10, width // 4))
        full = round(estimate.share * length)
        done, rest = "━─" if self._blocks else "#-"
        bar = Text.assemble(
            (done * full, "cyan"),
            (rest * (length - full), "bright_black"),
            f" {estimate.share:>4.0%}",
        )
        if not estimate.share:
            bar = Text(f"{rounded(estimate.elapsed)} so far")
        return [Text(estimate.what, style="bold"), bar, Text(estimate.text)]

    def _loss(self, width: int) -> list[Text]:
        if not self._losses:
            return []
        marks = BLOCKS if self._blocks else LETTERS
        # as logarithms, because the first steps would press all others flat
        course = [math.log(max(loss, 1e-9)) for loss in self._losses]
        line = sparkline(course, min(40, max(10, width // 4)), marks=marks)
        return [
            Text.assemble("loss ", (line, "yellow"), f" {self._losses[-1]:.4f}"),
            Text(f"{self._speed:,.0f} images/s"),
        ]

    def _validation(self, width: int) -> list[Text]:
        if not self._latest or not self._best:
            return []
        parts = [f"validation {_measured(self._latest)}", f"best {_named(self._best)}"]
        if len(parts[0]) + len(_INDENT) >= width:
            parts[:1] = parts[0].split(" (")
            parts[1] = f"({parts[1]}"
        return [Text(part) for part in parts]


def _measured(record: EpochRecord) -> str:
    interval = record.validation_interval
    return share(record.validation_accuracy, interval.low, interval.high, record.validation_n)


def _named(record: EpochRecord) -> str:
    name = f"epoch {record.epoch}" if record.epoch else "the head"
    return f"{record.validation_accuracy:.2%} of {name}".replace("%", " %", 1)


def _packed(parts: list[Text], width: int) -> list[Text]:
    """`parts` in as few lines as hold them."""
    lines: list[Text] = []
    for part in parts:
        if lines and len(lines[-1]) + 2 + len(part) < width - len(_INDENT):
            lines[-1].append("  ").append_text(part)
        else:
            lines.append(part.copy())
    return lines
