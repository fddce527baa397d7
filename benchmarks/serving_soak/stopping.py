"""SIGTERM while 64 clients ask: what was sent before the door closed is answered."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from dataclasses import dataclass

from serving_load.connection import connect
from serving_load.messages import LATE, REFUSED, Answer
from serving_load.servers import Server
from serving_soak.setting import FAILURES, Setting, Tally, Verdict

SMALL: dict[str, float] = {"count": 5}
FULL: dict[str, float] = {"count": 200}
FAULTS = ("abrupt",)
LONGEST = 10.0  # seconds from the signal to the exit


@dataclass(frozen=True)
class Sent:
    """One request: when it left, and what became of it."""

    at: float
    picture: int
    answer: Answer


async def run(setting: Setting, *, count: float, connections: float = 64) -> Verdict:
    """Half of the clients keep their connection, half open one for each request.

    So some requests lie in connections that the server has not accepted yet.
    """
    tally = Tally(models=(setting.expected,))
    unanswered: list[str] = []
    ends: list[float] = []
    codes: list[int] = []
    answered_late = 0
    for number in range(int(count)):
        server = setting.launch()
        try:
            sent, told, shut, ended, code = await _one(server, setting, int(connections), number)
        finally:
            server.stop()
        ends.append(ended - told)
        codes.append(code)
        for each in sent:
            if each.at < shut:
                tally.count(each.picture, each.answer, 0.0)
            if each.answer.status in FAILURES and each.at < shut:
                about = (
                    f"{each.at - told:+.3f} s from the signal, {each.at - shut:+.3f} from the end"
                )
                unanswered.append(f"{FAILURES[each.answer.status]}, sent {about}")
            answered_late += each.answer.status > 0 and each.at > told
    reasons = [f"{len(unanswered)} unanswered, such as: {unanswered[0]}"] if unanswered else []
    if tally.wrong:
        reasons.append(f"{tally.wrong} wrong answers, such as: {tally.examples[-1]}")
    if max(ends) > LONGEST:
        reasons.append(f"it took {max(ends):.1f} s to end")
    if set(codes) != {0}:
        reasons.append(f"exit codes {sorted(set(codes))}")
    return Verdict(
        numbers={
            "stops": int(count),
            "requests before the door closed": sum(tally.statuses.values()),
            "statuses": tally.said(),
            "unanswered": len(unanswered),
            "answered after the signal": answered_late,
            "longest end s": round(max(ends), 2),
            "exit codes": str(sorted(set(codes))),
        },
        reasons=tuple(reasons),
    )


async def _one(
    server: Server, setting: Setting, connections: int, seed: int
) -> tuple[list[Sent], float, float, float, int]:
    """Requests, and when the signal was sent, the door closed, the process ended; its code."""
    requests = server.requests(setting.expected.paths)
    chooser = random.Random(seed)
    sent: list[Sent] = []
    is_over = False

    async def client(number: int) -> None:
        connection = None
        while not is_over:
            try:
                if not connection or not connection.is_open:
                    connection = await connect(server.port)
            except OSError:
                return
            given: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            picture = chooser.randrange(len(requests))
            at = time.monotonic()
            connection.ask(
                requests[picture],
                lambda _, answer, given=given: given.done() or given.set_result(answer),
            )
            try:
                answer = await asyncio.wait_for(given, 15)
            except TimeoutError:
                answer = Answer(LATE, b"", b"", time.monotonic())
            sent.append(Sent(at, picture, answer))
            if number % 2:
                connection.transport.abort()
            await asyncio.sleep(chooser.uniform(0, 0.01))

    clients = [asyncio.create_task(client(number)) for number in range(connections)]
    await asyncio.sleep(chooser.uniform(0.5, 1.5))
    os.kill(server.process.pid, signal.SIGTERM)
    told = time.monotonic()
    shut = 0.0
    while server.process.poll() is None and time.monotonic() - told < 30:
        if not shut and not await _accepts(server.port):
            shut = time.monotonic()
        await asyncio.sleep(0.002)
    ended = time.monotonic()
    is_over = True
    await asyncio.wait(clients, timeout=20)
    code = server.process.poll()
    return sent, told, shut or ended, ended, REFUSED if code is None else code


async def _accepts(port: int) -> bool:
    try:
        probe = await connect(port)
    except OSError:
        return False
    probe.transport.abort()
    return True
