"""The model file is replaced under load; every answer names the model that it is of."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import time
from collections import Counter
from pathlib import Path

from serving_load.arrivals import Arrivals, Load, Request
from serving_load.connection import ask_once
from serving_load.figures import percentile
from serving_load.messages import Answer
from serving_soak.setting import Setting, Tally, Verdict

SMALL: dict[str, float] = {"count": 4, "rate": 50}
FULL: dict[str, float] = {"count": 500, "rate": 100}
FAULTS = ("stale",)
LONGEST = 20.0  # seconds until a swap is seen


async def run(setting: Setting, *, count: float, rate: float, gap: float = 1.0) -> Verdict:
    """Half of the swaps are asked for by HTTP, half by SIGHUP."""
    _lay(setting.models[0][0], setting.model)
    server = setting.launch()
    versions: Counter[str] = Counter()
    tally = Tally(models=tuple(expected for _, expected in setting.models))
    now = ""  # the version of the latest answer

    def receive(request: Request, sent: float, answer: Answer) -> None:
        nonlocal now
        fault = tally.count(request.picture, answer, answer.arrived - request.due)
        if answer.status == 200 and not fault:
            now = json.loads(answer.body)["version"]
            versions[now] += 1

    took: list[float] = []
    unseen = 0
    stale_after_load = 0
    try:
        requests = server.requests(setting.expected.paths)
        first = json.loads((await ask_once(server.port, requests[0])).body)
        load = Load(rate=rate, seconds=1e9, patience=15)
        arrivals = Arrivals(server.port, requests, load, receive)
        work = asyncio.create_task(arrivals.run())
        for number in range(1, int(count) + 1):
            path, expected = setting.models[number % len(setting.models)]
            _lay(path, setting.model)
            began = time.monotonic()
            if number % 2:
                loaded = await _load(server.port, first["model"])
                again = json.loads((await ask_once(server.port, requests[0])).body)
                stale_after_load += loaded == 200 and again["version"] != expected.version
            else:
                os.kill(server.process.pid, signal.SIGHUP)
            while now != expected.version and time.monotonic() - began < LONGEST:
                await asyncio.sleep(0.02)
            took.append(time.monotonic() - began)
            unseen += now != expected.version
            await asyncio.sleep(gap)
        arrivals.stop()
        await work
    finally:
        server.stop()
    reasons = tally.reasons()
    if any(status > 0 and status != 200 for status in tally.statuses):
        reasons.append(f"statuses {tally.said()}")
    if unseen:
        reasons.append(f"{unseen} swaps were not seen in {LONGEST:g} s")
    if stale_after_load:
        reasons.append(f"{stale_after_load} times the old model answered after the load was told")
    return Verdict(
        numbers={
            "swaps": int(count),
            "statuses": tally.said(),
            "mismatches": tally.wrong,
            "answers of each version": str(dict(versions)),
            "swap seen after s, median and longest": (
                f"{percentile(took, 50) / 1000:.2f} and {percentile(took, 100) / 1000:.2f}"
            ),
            "p99 ms": round(percentile(tally.waits, 99), 1),
        },
        reasons=tuple(reasons),
    )


def _lay(source: Path, target: Path) -> None:
    """As a careful program does: never a half file."""
    part = target.with_suffix(".part")
    shutil.copyfile(source, part)
    os.replace(part, target)


async def _load(port: int, name: str) -> int:
    head = (
        f"POST /v2/repository/models/{name}/load HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    )
    return (await ask_once(port, head.encode(), patience=60)).status
