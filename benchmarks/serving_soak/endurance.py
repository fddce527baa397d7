"""Load for hours, with clients that reset their connections and clients that go away."""

from __future__ import annotations

import asyncio
import time

import numpy as np
from serving_load.arrivals import Arrivals, Load
from serving_load.figures import percentile
from serving_load.processes import Usage
from serving_load.servers import Server
from serving_soak.setting import Setting, Tally, Verdict

SMALL: dict[str, float] = {"seconds": 20, "rate": 100}
FULL: dict[str, float] = {"seconds": 8 * 3600, "rate": 200}
FAULTS = ("lose", "reset", "mix", "wrong", "hang", "leak", "leak-files")
MOST_GROWTH = 20.0  # MB after the warm-up
MOST_DRIFT = 0.10  # of the 99th percentile, where there is enough to tell it
_ENOUGH = 100_000  # answers for each of the two percentiles


async def run(
    setting: Setting,
    *,
    seconds: float,
    rate: float,
    connections: float = 64,
    resets: float = 0.05,
    cancels: float = 0.05,
    patience: float = 10,
) -> Verdict:
    """0 lost, 0 wrong; memory, files and threads stay; every minute one line says how it is."""
    server = setting.launch()
    try:
        requests = server.requests(setting.expected.paths)
        load = Load(
            rate=rate,
            seconds=seconds,
            connections=int(connections),
            resets=resets,
            cancels=cancels,
            patience=patience,
        )
        # as many connections and abandoned requests as later, so that every pool has its size
        warm = Load(
            rate=rate,
            seconds=min(60.0, max(3.0, seconds / 5)),
            connections=int(connections),
            resets=resets,
            cancels=cancels,
            patience=patience,
            seed=1,
        )
        tally = Tally(models=(setting.expected,))
        await Arrivals(server.port, requests, warm, tally.receive).run()
        before = await _at_rest(server, None)
        tally.waits.clear()
        arrivals = Arrivals(server.port, requests, load, tally.receive)
        minutes: list[list[float]] = []
        watch = asyncio.create_task(_watch(server, tally, minutes))
        await arrivals.run()
        watch.cancel()
        minutes.append(tally.waits)
        after = await _at_rest(server, before)
    finally:
        server.stop()
    half = len(minutes) // 2
    early = [wait for minute in minutes[:half] for wait in minute]
    late = [wait for minute in minutes[-half:] for wait in minute] if half else []
    drift = percentile(late, 99) / percentile(early, 99) - 1 if early else float("nan")
    reasons = tally.reasons()
    if after.memory - before.memory > MOST_GROWTH:
        reasons.append(f"memory grew by {after.memory - before.memory:.1f} MB")
    for name in ("files", "threads", "processes"):
        if getattr(after, name) > getattr(before, name):
            reasons.append(f"{name} grew from {getattr(before, name)} to {getattr(after, name)}")
    if any(status not in (200,) for status in tally.statuses if status > 0):
        reasons.append(f"not all were answered with 200 ({tally.said()})")
    if min(len(early), len(late)) >= _ENOUGH and drift > MOST_DRIFT:
        reasons.append(f"the 99th percentile drifted by {drift:.0%}")
    waits = np.concatenate([np.array(minute) for minute in minutes])
    return Verdict(
        numbers={
            "requests": sum(tally.statuses.values()),
            "statuses": tally.said(),
            "wrong": tally.wrong,
            "p50 ms": round(percentile(waits, 50), 2),
            "p99 ms": round(percentile(waits, 99), 2),
            "p99 drift": f"{drift:.1%} ({len(early):,} and {len(late):,} answers)",
            "memory MB": f"{before.memory:.1f} to {after.memory:.1f}",
            "files": f"{before.files} to {after.files}",
            "threads": f"{before.threads} to {after.threads}",
        },
        reasons=tuple(reasons),
    )


async def _watch(server: Server, tally: Tally, minutes: list[list[float]]) -> None:
    began = time.monotonic()
    while True:
        await asyncio.sleep(60 - (time.monotonic() - began) % 60)
        now = server.usage()
        minutes.append(tally.waits)
        tally.waits = []
        print(
            f"{(time.monotonic() - began) / 60:.0f} min: {tally.said()}; wrong {tally.wrong}; "
            f"p50 {percentile(minutes[-1], 50):.2f}, p99 {percentile(minutes[-1], 99):.2f} ms; "
            f"{now.memory:.1f} MB, {now.files} files, {now.threads} threads, "
            f"{now.processes} processes",
            flush=True,
        )


async def _at_rest(server: Server, before: Usage | None) -> Usage:
    """What the server holds when all clients have gone; it may take some seconds to notice."""
    for _ in range(8):
        await asyncio.sleep(1)
        now = server.usage()
        if before and now.files <= before.files and now.threads <= before.threads:
            break
    return now
