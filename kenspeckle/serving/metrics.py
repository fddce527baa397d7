"""What the server counts, and how Prometheus reads it."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence

SECONDS = (
    0.0005,
    0.001,
    0.002,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
)
SIZES = (1, 2, 4, 8, 16, 32, 64)


class Histogram:
    """Counts by upper bounds."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one `value`."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def lines(self, name: str, labels: str = "") -> list[str]:
        """As Prometheus has it: cumulative, with sum and count."""
        within, found = 0, []
        lead = f"{labels}," if labels else ""
        for bound, count in zip([*self.bounds, None], self.counts, strict=True):
            within += count
            edge = "+Inf" if bound is None else f"{bound:g}"
            found.append(f'{name}_bucket{{{lead}le="{edge}"}} {within}')
        inside = f"{{{labels}}}" if labels else ""
        return [*found, f"{name}_sum{inside} {self.total:.9g}", f"{name}_count{inside} {within}"]


class Metrics:
    """Counters of one server; every request that was answered or given up is in `requests`."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()  # by route and status; 499 = gone
        self.seconds: dict[str, Histogram] = {}  # by route, from the first byte to the answer
        self.batches = Histogram(SIZES)
        self.restarts = 0  # processes that ended without being asked to
        self.loads = 0  # models put in the place of others
        self.dropped = 0  # requests whose client went away while they waited
        self.waiting: Callable[[], int] = lambda: 0
        self.held: Callable[[], int] = lambda: 0  # bytes of bodies
        self.connections: Callable[[], int] = lambda: 0
        self.is_ready: Callable[[], bool] = lambda: False

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self.requests[route, status] += 1
        histogram = self.seconds.get(route)
        if histogram is None:
            histogram = self.seconds[route] = Histogram(SECONDS)
        histogram.observe(seconds)

    def text(self) -> str:
        """The text format of Prometheus, version 0.0.4."""
        rejected = sum(count for (_, status), count in self.requests.items() if status == 429)
        found = _head("requests_total", "counter", "Requests by route and status.")
        for (route, status), count in sorted(self.requests.items()):
            found.append(f'kenspeckle_requests_total{{route="{route}",status="{status}"}} {count}')
        found += _head("request_seconds", "histogram", "From the first byte to the answer.")
        for route, histogram in sorted(self.seconds.items()):
            found += histogram.lines("kenspeckle_request_seconds", f'route="{route}"')
        found += _head("batch_pictures", "histogram", "Pictures that were computed together.")
        found += self.batches.lines("kenspeckle_batch_pictures")
        for name, kind, text, value in (
            ("rejected_total", "counter", "Requests that found the queue full.", rejected),
            ("dropped_total", "counter", "Requests given up while they waited.", self.dropped),
            ("restarts_total", "counter", "Inference processes that ended.", self.restarts),
            ("model_loads_total", "counter", "Models loaded again.", self.loads),
            ("queue_pictures", "gauge", "Pictures that wait.", self.waiting()),
            ("held_bytes", "gauge", "Bytes of request bodies in memory.", self.held()),
            ("connections", "gauge", "Open connections.", self.connections()),
            ("ready", "gauge", "Whether requests are answered.", int(self.is_ready())),
        ):
            found += [*_head(name, kind, text), f"kenspeckle_{name} {value}"]
        return "\n".join(found) + "\n"


def _head(name: str, kind: str, text: str) -> list[str]:
    return [f"# HELP kenspeckle_{name} {text}", f"# TYPE kenspeckle_{name} {kind}"]
