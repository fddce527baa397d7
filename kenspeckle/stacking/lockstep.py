"""Sessions whose networks learn in step: none goes on before all others have come as far."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass

from kenspeckle.data.batches import Batches
from kenspeckle.device import Compute
from kenspeckle.models.heads import Head
from kenspeckle.schedule import ScheduleConfig
from kenspeckle.stacking.training import Report, fit_together
from kenspeckle.train_config import TrainConfig
from kenspeckle.training import Epoch, Training, Waiting


@dataclass(frozen=True, kw_only=True)
class _Wish:
    """What a session wants to be trained, and with what."""

    training: Training
    batches: Batches
    config: TrainConfig
    schedule: ScheduleConfig
    head: Head
    compute: Compute

    @property
    def place(self) -> tuple[int, ...]:
        """How far it has come, of how many pictures: resumed ones may be in different folds."""
        training = self.training
        return training.epoch, training.step, training.total, len(self.batches.labels)


@dataclass(eq=False)
class _Group:
    """Sessions whose networks are one stack."""

    sessions: list[int | None]  # None: it wants no more of it
    steps: Iterator[dict[int, Report]]


class Lockstep:
    """The loops of several sessions, which the same caller asks in turn.

    A loop that has to wait for others says `Waiting`. A session that has ended must `leave`.
    """

    def __init__(self, sessions: int) -> None:
        self._sessions = set(range(sessions))  # that have not left
        self._waiting: dict[int, _Wish] = {}
        self._told: dict[int, Report | None] = {}  # None: its loop is over
        self._groups: list[_Group] = []

    def leave(self, session: int) -> None:
        """Nobody waits for this session any more."""
        self._sessions.discard(session)

    def fit(
        self,
        session: int,
        training: Training,
        batches: Batches,
        config: TrainConfig,
        *,
        schedule: ScheduleConfig,
        head: Head,
        compute: Compute,
    ) -> Generator[Epoch | Waiting]:
        """What `kenspeckle.training.fit` does, in step with the other sessions."""
        wish = _Wish(
            training=training,
            batches=batches,
            config=config,
            schedule=schedule,
            head=head,
            compute=compute,
        )
        try:
            while True:
                self._waiting[session] = wish
                while session in self._waiting:
                    if self._waiting.keys() >= self._sessions:
                        self._go_on()
                    else:
                        yield Waiting()
                told = self._told.pop(session)
                if told is None:
                    return
                if not isinstance(told, Epoch):
                    raise told
                yield told
        finally:
            self._waiting.pop(session, None)
            for group in self._groups:
                group.sessions = [None if one == session else one for one in group.sessions]

    def _go_on(self) -> None:
        """Let each group that is waited for take some steps; where none is, begin new ones."""
        found = [one for one in self._groups if self._waiting.keys() & set(one.sessions)]
        if not found:
            self._groups = self._begun()
            found = self._groups
        for group in found:
            everyone = range(len(group.sessions))
            reports: Mapping[int, Report | None]
            try:
                reports = next(group.steps, dict.fromkeys(everyone))
            except Exception as error:  # of all of them, and each session must hear of it
                reports = dict.fromkeys(everyone, error)
            for place, report in reports.items():
                session = group.sessions[place]
                if session is not None:
                    del self._waiting[session]
                    self._told[session] = report

    def _begun(self) -> list[_Group]:
        """Those that have come equally far, together."""
        places: dict[tuple[int, ...], list[int]] = {}
        for session in sorted(self._waiting):
            places.setdefault(self._waiting[session].place, []).append(session)
        groups = []
        for sessions in places.values():
            wishes = [self._waiting[session] for session in sessions]
            for wish in wishes[1:]:
                wish.batches.share(wishes[0].batches)
            steps = fit_together(
                [wish.training for wish in wishes],
                [wish.batches for wish in wishes],
                wishes[0].config,
                schedule=wishes[0].schedule,
                head=wishes[0].head,
                compute=wishes[0].compute,
            )
            groups.append(_Group(list(sessions), steps))
        return groups
