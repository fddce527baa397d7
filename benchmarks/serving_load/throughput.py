"""The highest rate of arrivals at which nearly all are answered in time."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass

from serving_load.arrivals import Arrivals, Load, Request
from serving_load.expected import Expected, judge_answer
from serving_load.figures import percentile
from serving_load.messages import Answer
from serving_load.one_client import ask_in_turn
from serving_load.servers import Server

_WARM_UP = 0.5  # seconds at the same rate that are not counted


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What one rate gave."""

    rate: float
    answered: int
    failures: int  # not answered with 200 in a second
    wrong: tuple[str, ...]  # what was wrong with answers
    p50: float  # ms from the due time
    p99: float
    lag: float  # ms, the 99th percentile of how late this program noticed an arrival
    share: float  # of one core that this program took

    def is_good(self, bound: float) -> bool:
        """Whether 99 % were in time and all were right."""
        return not self.failures and not self.wrong and self.p99 <= bound


def trial(
    server: Server,
    requests: Sequence[bytes],
    expected: Expected,
    rate: float,
    *,
    seconds: float,
    connections: int = 64,
    seed: int = 0,
) -> Trial:
    """Offer `rate` for `seconds` after a warm-up; every answer is checked afterwards."""
    heard: list[tuple[Request, float, Answer]] = []
    load = Load(
        rate=rate, seconds=seconds + _WARM_UP, connections=connections, patience=1.0, seed=seed
    )
    arrivals = Arrivals(server.port, requests, load, lambda *each: heard.append(each))
    gc.collect()
    gc.disable()
    begun, spent = time.monotonic(), time.process_time()
    try:
        asyncio.run(arrivals.run())
    finally:
        gc.enable()
    share = (time.process_time() - spent) / (time.monotonic() - begun)
    counted = [each for each in heard if each[0].due > begun + _WARM_UP]
    right = [each for each in counted if each[2].status == 200]
    verdicts = {judge_answer([expected], each[0].picture, each[2].body) for each in right}
    waited = [answer.arrived - request.due for request, _, answer in right]
    return Trial(
        rate=rate,
        answered=len(right),
        failures=len(counted) - len(right),
        wrong=tuple(sorted(verdicts - {""})),
        p50=percentile(waited, 50),
        p99=percentile(waited, 99),
        lag=percentile(arrivals.lags, 99),
        share=share,
    )


def highest_rate(
    server: Server,
    requests: Sequence[bytes],
    expected: Expected,
    *,
    bound: float,
    seconds: float,
    start: float,
    tries: int = 2,
    close: float = 1.06,
    seed: int = 0,
) -> tuple[Trial, list[Trial]]:
    """The best trial whose 99th percentile is at most `bound` ms, and all trials.

    Rates double until one fails and are halved, as ratios, until two neighbours are within
    `close`. A rate fails when it failed `tries` times, because other programs use the machine too.
    """
    done: list[Trial] = []

    def attempt(rate: float) -> bool:
        for number in range(tries):
            _settle(server, requests)
            done.append(
                trial(server, requests, expected, rate, seconds=seconds, seed=seed + number)
            )
            if done[-1].is_good(bound):
                return True
        return False

    low, high = 0.0, start
    while attempt(high):
        low, high = high, high * 2
    while not low:
        high /= 2
        if high < 0.5:
            return done[-1], done
        low = high if attempt(high) else 0.0
    high = low * 2
    while high / low > close:
        middle = (low * high) ** 0.5
        low, high = (middle, high) if attempt(middle) else (low, middle)
    best = [each for each in done if each.rate == low and each.is_good(bound)]
    return best[-1], done


def _settle(server: Server, requests: Sequence[bytes]) -> None:
    """Wait until what an earlier trial left behind is done."""
    for _ in range(100):
        try:
            seconds, _ = ask_in_turn(server.port, requests[:3])
        except OSError:
            seconds = [1.0]
        if max(seconds) < 0.1:
            return
        time.sleep(0.1)
