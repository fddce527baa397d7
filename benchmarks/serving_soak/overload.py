"""Ten times as many requests as can be answered."""

from __future__ import annotations

import asyncio
import time

from serving_load.arrivals import Arrivals, Load, Request
from serving_load.connection import ask_once, connect
from serving_load.figures import percentile
from serving_load.messages import Answer
from serving_load.servers import Server
from serving_soak.counters import counter
from serving_soak.setting import Setting, Tally, Verdict

SMALL: dict[str, float] = {"seconds": 10, "calibrate": 4}
FULL: dict[str, float] = {"seconds": 600, "calibrate": 30}
FAULTS = ("unbounded", "silent", "lose", "mix")
MOST_MEMORY = 64.0  # MB more than at rest
MOST_FOR_REFUSAL = 50.0  # ms at the 99th percentile, from when it was sent
LEAST_GOODPUT = 0.9  # of what is answered without overload
BACK_AFTER = 2.0  # seconds
_BEFORE = 5  # single requests before the load
_CLIENTS = 16  # whose answers a second are the capacity


async def run(
    setting: Setting,
    *,
    seconds: float,
    calibrate: float,
    factor: float = 10,
    connections: float = 512,
    longest: float = 2.0,
) -> Verdict:
    """The rest is refused at once with 429 or 503 and Retry-After; the accepted take `longest` s.

    Capacity is what a few clients, each of which waits for its answer, get.
    """
    server = setting.launch()
    try:
        requests = server.requests(setting.expected.paths)
        before = await _one(server, requests[0])
        capacity, tally = await _capacity(server, requests, setting, calibrate)
        rest = server.usage().memory
        refused: list[float] = []
        accepted: list[float] = []
        silent = unsent = 0

        def receive(request: Request, sent: float, answer: Answer) -> None:
            nonlocal silent, unsent
            if not sent:  # this program had no connection for it
                unsent += 1
                return
            tally.receive(request, sent, answer)
            if answer.status in (429, 503):
                refused.append(answer.arrived - sent)
                silent += not answer.header("Retry-After")
            elif answer.status == 200:
                accepted.append(answer.arrived - sent)

        load = Load(rate=factor * capacity, seconds=seconds, connections=int(connections))
        arrivals = Arrivals(server.port, requests, load, receive)
        began = time.monotonic()
        work = asyncio.create_task(arrivals.run())
        most = rest
        while not work.done():
            await asyncio.wait([work], timeout=0.5)
            most = max(most, server.usage().memory)
        took = time.monotonic() - began
        await work
        back, more = await _normal_again(server, requests[0], max(0.05, 3 * before))
        asked = _BEFORE + sum(tally.statuses.values()) + more
        counted = await counter(server.port, 'requests_total{route="/predict"')
    finally:
        server.stop()
    goodput = len(accepted) / took / capacity
    reasons = tally.reasons()
    odd = sorted(set(tally.statuses) - {200, 429, 503})
    if any(status > 0 for status in odd):
        reasons.append(f"statuses {odd}")
    if arrivals.sent / took < factor / 2 * capacity:
        reasons.append(
            f"the client could offer only {arrivals.sent / took:,.0f} a second of "
            f"{factor * capacity:,.0f}; use pictures that take longer, or a smaller factor"
        )
    if counted not in (None, asked):
        reasons.append(f"the server counted {counted:,} requests of {asked:,}")
    if not refused:
        reasons.append("nothing was refused")
    elif percentile(refused, 99) > MOST_FOR_REFUSAL:
        reasons.append(f"refusals took {percentile(refused, 99):.0f} ms at p99")
    if silent:
        reasons.append(f"{silent:,} refusals without Retry-After")
    if goodput < LEAST_GOODPUT:
        reasons.append(f"only {goodput:.0%} of the capacity was answered")
    if percentile(accepted, 99) > 1000 * longest:
        reasons.append(f"what was accepted took {percentile(accepted, 99):,.0f} ms at p99")
    if most - rest > MOST_MEMORY:
        reasons.append(f"memory grew by {most - rest:.0f} MB")
    if back > BACK_AFTER:
        reasons.append(f"normal again only after {back:.1f} s")
    return Verdict(
        numbers={
            "capacity /s": round(capacity, 1),
            "offered /s": round(arrivals.sent / took, 1),
            "never sent": unsent,
            "counted by the server": "nothing" if counted is None else f"{counted:,} of {asked:,}",
            "goodput": f"{goodput:.0%}",
            "statuses": tally.said(),
            "wrong": tally.wrong,
            "refused p99 ms": round(percentile(refused, 99), 1),
            "accepted p99 ms": round(percentile(accepted, 99), 1),
            "client late p99 ms": round(percentile(arrivals.lags, 99), 1),
            "memory MB": f"{rest:.0f}, at most {most:.0f}",
            "normal again s": round(back, 2),
        },
        reasons=tuple(reasons),
    )


async def _capacity(
    server: Server, requests: list[bytes], setting: Setting, seconds: float
) -> tuple[float, Tally]:
    """Answers a second to some clients that wait."""
    tally = Tally(models=(setting.expected,))
    end = time.monotonic() + seconds

    async def client(number: int) -> None:
        connection = await connect(server.port)
        picture = number
        while time.monotonic() < end and connection.is_open:
            given: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            connection.ask(
                requests[picture], lambda _, answer, given=given: given.set_result(answer)
            )
            began = time.monotonic()
            answer = await given
            tally.count(picture, answer, time.monotonic() - began)
            if answer.status != 200:  # refusals at full speed would take what is measured
                await asyncio.sleep(0.1)
            picture = (picture + _CLIENTS) % len(requests)
        connection.transport.abort()

    await asyncio.gather(*(client(each) for each in range(_CLIENTS)))
    return max(1.0, tally.statuses[200] / seconds), tally


async def _one(server: Server, request: bytes) -> float:
    """Seconds of one request among no others, the median."""
    times = []
    for _ in range(_BEFORE):
        began = time.monotonic()
        await ask_once(server.port, request)
        times.append(time.monotonic() - began)
    return sorted(times)[len(times) // 2]


async def _normal_again(server: Server, request: bytes, limit: float) -> tuple[float, int]:
    """Seconds until a request is answered with 200 within `limit`, at most ten; and how many."""
    began = time.monotonic()
    count = 0
    while time.monotonic() - began < 10:
        asked = time.monotonic()
        try:
            answer = await ask_once(server.port, request)
        except OSError:
            continue
        count += 1
        if answer.status == 200 and time.monotonic() - asked <= limit:
            return time.monotonic() - began, count
        await asyncio.sleep(0.02)
    return 10.0, count
