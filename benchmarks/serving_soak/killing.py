"""The process that runs the network is killed under load, again and again."""

from __future__ import annotations

import asyncio
import os
import signal
import time

from serving_load.arrivals import Arrivals, Load, Request
from serving_load.figures import percentile
from serving_load.messages import Answer
from serving_load.servers import Server
from serving_soak.setting import Setting, Tally, Verdict

SMALL: dict[str, float] = {"count": 4, "rate": 50}
FULL: dict[str, float] = {"count": 100, "rate": 100}
FAULTS = ("stuck",)
LONGEST = 2.0  # seconds from the kill until a request sent after it is answered
LARGEST_BATCH = 64  # requests that may fail with each kill


async def run(
    setting: Setting,
    *,
    count: float,
    rate: float,
    gap: float = 5.0,
    longest: float = LONGEST,
    whole: float = 0,
) -> Verdict:
    """Nobody hangs and nobody is cut off; who is told that it failed is told so with 503.

    With `whole`, what the process was forked from is killed with it: then torch is loaded again.
    """
    server = setting.launch()
    kills: list[float] = []
    back: dict[float, float] = {}
    tally = Tally(models=(setting.expected,))
    told = 0

    def receive(request: Request, sent: float, answer: Answer) -> None:
        nonlocal told
        tally.receive(request, sent, answer)
        told += answer.status >= 500
        if answer.status == 200 and kills and sent > kills[-1]:
            back.setdefault(kills[-1], answer.arrived - kills[-1])

    try:
        requests = server.requests(setting.expected.paths)
        load = Load(rate=rate, seconds=gap * (count + 1), patience=gap + 10)
        arrivals = Arrivals(server.port, requests, load, receive)
        work = asyncio.create_task(arrivals.run())
        await asyncio.sleep(gap / 2)
        found = 0
        for _ in range(int(count)):
            victims = server.inference_processes(forked=not whole)
            found += bool(victims)
            for victim in victims:
                os.kill(victim, signal.SIGKILL)
            kills.append(time.monotonic())
            await _until_back(server, victims, gap)
            await asyncio.sleep(max(0.0, gap - (time.monotonic() - kills[-1])))
        await work
        is_alive = server.process.poll() is None
    finally:
        server.stop()
    reasons = tally.reasons()
    if found < count:
        reasons.append(f"no inference process to kill {int(count) - found} times")
    if not is_alive:
        reasons.append("the server itself ended")
    odd = sorted(status for status in tally.statuses if status > 0 and status not in (200, 503))
    if odd:
        reasons.append(f"statuses {odd}")
    if told > LARGEST_BATCH * count:
        reasons.append(f"{told} requests failed")
    slow = [each for each in kills if back.get(each, float("inf")) > longest]
    if slow:
        times = sorted(round(back.get(each, float("inf")), 2) for each in slow)
        reasons.append(f"{len(slow)} times not back in {longest:g} s: {times[:10]}")
    times = list(back.values())
    return Verdict(
        numbers={
            "kills": len(kills),
            "statuses": tally.said(),
            "wrong": tally.wrong,
            "answered again after s, median and worst": (
                f"{percentile(times, 50) / 1000:.2f} and {percentile(times, 100) / 1000:.2f}"
            ),
            "longest wait s": round(percentile(tally.waits, 100) / 1000, 2),
        },
        reasons=tuple(reasons),
    )


async def _until_back(server: Server, victims: list[int], patience: float) -> None:
    end = time.monotonic() + patience
    while time.monotonic() < end:
        await asyncio.sleep(0.05)
        if set(server.inference_processes()) - set(victims):
            return
