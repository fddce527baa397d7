"""Requests that are no good, over all routes and methods."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

from serving_load.connection import ask_once
from serving_load.expected import judge_answer
from serving_load.servers import Server
from serving_soak.counters import counter
from serving_soak.mutations import Fuzzed, fuzzed
from serving_soak.setting import Setting, Verdict

SMALL: dict[str, float] = {"count": 1000}
FULL: dict[str, float] = {"count": 100_000}
FAULTS = ("brittle",)
_PATIENCE = 15.0  # seconds for an answer, or an end; servers wait 10 for the rest
_PROPER = (501, 505)  # 5xx that say what a client did wrong


@dataclass(kw_only=True)
class Found:
    """What was seen."""

    statuses: Counter[int | str] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)
    honest: int = 0

    def blame(self, seed: int, what: str, how: str, data: bytes) -> None:
        """Keep the first of them."""
        self.bad.append(f"{how}: seed {seed} ({what}): {data[:160]!r}")


async def run(setting: Setting, *, count: float, first: float = 0, at_once: float = 8) -> Verdict:
    """4xx or what is fit; no 5xx, no process ends, and others are answered as before."""
    server = setting.launch()
    found = Found()
    try:
        request = server.requests(setting.expected.paths[:1])[0]
        name = json.loads((await ask_once(server.port, request)).body)["model"]
        picture = setting.expected.paths[0].read_bytes()
        processes = {server.process.pid, *server.below()}
        seeds = iter(range(int(first), int(first + count)))

        async def client() -> None:
            for seed in seeds:
                one = fuzzed(seed, port=server.port, name=name, picture=picture)
                await _send(server, seed, one, found)
                if seed % 50 == 0:
                    await _honest(server, request, setting, found, seed)

        await asyncio.gather(*(client() for _ in range(int(at_once))))
        # a model may have been loaded again, by a request that was in order
        ended = processes - {server.process.pid, *server.below()}
        is_alive = server.process.poll() is None
        restarts = await counter(server.port, "restarts_total") if is_alive else 0
        log = server.log.read_text(errors="replace")
    finally:
        server.stop()
    reasons = [f"{len(found.bad)} bad, such as: {found.bad[0]}"] if found.bad else []
    if not is_alive:
        reasons.append("the server ended")
    if restarts:
        reasons.append(f"{restarts} inference processes ended")
    if "Traceback" in log:
        reasons.append(f"{log.count('Traceback')} tracebacks in {server.log}")
    ordered = sorted(found.statuses.items(), key=lambda each: str(each[0]))
    return Verdict(
        numbers={
            "requests": int(count),
            "answers": ", ".join(f"{status}: {number:,}" for status, number in ordered),
            "bad": len(found.bad),
            "right answers in between": found.honest,
            "processes that ended or were replaced": len(ended),
        },
        reasons=tuple(reasons),
    )


async def _send(server: Server, seed: int, one: Fuzzed, found: Found) -> None:
    """One connection, one request, the end of what the client says; then what comes."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    except OSError:
        found.statuses["refused"] += 1
        found.blame(seed, one.what, "refused", one.data)
        return
    answer = b""
    is_late = False
    try:
        with suppress(OSError):
            writer.write(one.data)
            await writer.drain()
            if not one.is_whole:
                writer.write_eof()
        try:
            async with asyncio.timeout(_PATIENCE):
                while b"\r\n\r\n" not in answer:
                    part = await reader.read(65536)
                    if not part:
                        break
                    answer += part
        except TimeoutError:
            is_late = True
        except OSError:
            pass
    finally:
        writer.transport.abort()
    line = answer.split(b"\r\n", 1)[0].split(b" ")
    status = int(line[1]) if len(line) > 1 and line[0][:7] == b"HTTP/1." else 0
    if status:
        found.statuses[status] += 1
        if status >= 500 and status not in _PROPER:
            found.blame(seed, one.what, str(status), one.data)
    else:
        found.statuses["late" if is_late else "closed"] += 1
        if is_late or one.what == "plain":
            found.blame(seed, one.what, "no answer in time" if is_late else "closed", one.data)


async def _honest(
    server: Server, request: bytes, setting: Setting, found: Found, seed: int
) -> None:
    try:
        answer = await ask_once(server.port, request)
    except OSError:
        found.blame(seed, "honest", "refused", b"")
        return
    fault = judge_answer([setting.expected], 0, answer.body) if answer.status == 200 else ""
    if answer.status != 200 or fault:
        found.blame(seed, "honest", f"{answer.status} {fault}", answer.body)
    found.honest += 1
