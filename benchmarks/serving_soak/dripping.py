"""A thousand clients that send a byte now and then, and what honest ones notice of them."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress
from dataclasses import dataclass, field

from serving_load.arrivals import Arrivals, Load
from serving_load.connection import Connection, connect
from serving_load.figures import percentile
from serving_load.messages import LATE, Answer
from serving_soak.setting import Setting, Tally, Verdict

SMALL: dict[str, float] = {"slow": 50, "seconds": 15}
FULL: dict[str, float] = {"slow": 1000, "seconds": 600}
FAULTS = ("patient", "blocking")
DEADLINE = 10.0  # seconds for the head of a request, and for its body
_SLACK = 4.0  # seconds more, for a machine at work
MOST_SLOWER = 2.0  # honest p99, times that without slow clients


@dataclass(kw_only=True)
class Drips:
    """What became of slow requests."""

    ended: list[float] = field(default_factory=list)  # seconds from the first byte
    statuses: list[int] = field(default_factory=list)
    too_long: int = 0


async def run(
    setting: Setting, *, slow: float, seconds: float, rate: float = 50, deadline: float = DEADLINE
) -> Verdict:
    """Every slow client is sent away in time; honest ones wait at most twice as long."""
    server = setting.launch()
    try:
        requests = server.requests(setting.expected.paths)
        load = Load(rate=rate, seconds=max(5.0, seconds / 3), connections=16)
        alone = Tally(models=(setting.expected,))
        await Arrivals(server.port, requests, load, alone.receive).run()
        drips = Drips()
        end = time.monotonic() + seconds
        drippers = [
            asyncio.create_task(_drip(server.port, requests, number, end, deadline, drips))
            for number in range(int(slow))
        ]
        beside = Tally(models=(setting.expected,))
        load = Load(rate=rate, seconds=seconds, connections=16, seed=1)
        await Arrivals(server.port, requests, load, beside.receive).run()
        await asyncio.gather(*drippers)
    finally:
        server.stop()
    before, during = percentile(alone.waits, 99), percentile(beside.waits, 99)
    reasons = beside.reasons()
    if any(status > 0 and status != 200 for status in beside.statuses):
        reasons.append(f"honest clients got {beside.said()}")
    if not during <= MOST_SLOWER * before + 5:  # ms, of which little is told apart
        reasons.append(f"honest p99 went from {before:.1f} to {during:.1f} ms")
    if drips.too_long:
        reasons.append(f"{drips.too_long} slow requests were kept over {deadline + _SLACK:g} s")
    if not drips.ended:
        reasons.append("no slow request came to its end")
    return Verdict(
        numbers={
            "slow clients": int(slow),
            "slow requests sent away": len(drips.ended),
            "with": str({each: drips.statuses.count(each) for each in set(drips.statuses)}),
            "after s, median and longest": (
                f"{percentile(drips.ended, 50) / 1000:.1f} and "
                f"{percentile(drips.ended, 100) / 1000:.1f}"
            ),
            "honest p99 ms": f"{before:.2f} alone, {during:.2f} beside them",
            "honest statuses": beside.said(),
            "wrong": beside.wrong,
        },
        reasons=tuple(reasons),
    )


async def _drip(
    port: int, requests: list[bytes], number: int, end: float, deadline: float, drips: Drips
) -> None:
    """Requests whose head, or body, comes byte by byte; again until `end`."""
    chooser = random.Random(number)
    while time.monotonic() < end:
        request = requests[number % len(requests)]
        head = request.index(b"\r\n\r\n") + 4
        at_once = 1 if number % 2 else head + 1
        connection: Connection | None = None
        with suppress(OSError):
            connection = await connect(port)
        if not connection:
            await asyncio.sleep(0.5)
            continue
        given: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        began = time.monotonic()
        connection.ask(
            request[:at_once],
            lambda _, answer, given=given: given.done() or given.set_result(answer),
        )
        place = at_once
        while not given.done() and time.monotonic() - began < deadline + _SLACK:
            await asyncio.wait([given], timeout=chooser.uniform(0.5, 1.5))
            if connection.is_open and not given.done() and place < len(request) - 1:
                connection.transport.write(request[place : place + 1])
                place += 1
        if given.done():
            drips.ended.append(time.monotonic() - began)
            drips.statuses.append(given.result().status)
        else:
            drips.too_long += 1
        connection.close(LATE)
