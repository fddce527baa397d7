"""The answers of late, in memory only, so that the page can show them and say what was wrong."""

from __future__ import annotations

import itertools
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime

from kenspeckle.serving.answer import Answer

KEPT = 200  # answers
KEPT_BYTES = 32 << 20  # of their pictures together


@dataclass(frozen=True, kw_only=True)
class Recent:
    """An answer that the page can show again."""

    key: str  # for `mark_wrong`
    answer: Answer
    time: str  # ISO 8601, UTC
    thumbnail: bytes = field(repr=False)  # PNG or JPEG; empty where there is none
    marked: str = ""  # the class that somebody said is right


@dataclass(slots=True)
class Kept:
    """What is kept of an answer."""

    answer: Answer
    picture: bytes  # as it was sent
    thumbnail: bytes
    since: float
    marked: str = ""


class Shelf:
    """At most `KEPT` answers with their pictures, within `KEPT_BYTES`."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._bytes = 0
        self._keys = itertools.count(1)

    def add(self, answer: Answer, picture: bytes | bytearray, thumbnail: bytes) -> None:
        """Keep an answer, and let the oldest go."""
        if len(picture) > KEPT_BYTES // 4:
            return
        self._kept[str(next(self._keys))] = Kept(answer, bytes(picture), thumbnail, time.time())
        self._bytes += len(picture) + len(thumbnail)
        while len(self._kept) > KEPT or self._bytes > KEPT_BYTES:
            _, old = self._kept.popitem(last=False)
            self._bytes -= len(old.picture) + len(old.thumbnail)

    def get(self, key: str) -> Kept | None:
        """What is kept under `key`; None where it has gone."""
        return self._kept.get(key)

    def recent(self) -> list[Recent]:
        """Newest first."""
        return [
            Recent(
                key=key,
                answer=kept.answer,
                time=moment(kept.since),
                thumbnail=kept.thumbnail or kept.picture,
                marked=kept.marked,
            )
            for key, kept in reversed(self._kept.items())
        ]


def moment(seconds: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
