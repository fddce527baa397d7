"""What is served is what `ken predict` says, however many pictures go together."""

from __future__ import annotations

import asyncio
import json

import numpy as np
from serving_load.connection import Connection, connect
from serving_load.expected import Expected
from serving_load.messages import BOUNDARY, Answer
from serving_load.servers import Server
from serving_soak.setting import Setting, Verdict

SMALL: dict[str, float] = {"pictures": 640, "largest": 64, "step": 9}
FULL: dict[str, float] = {"pictures": 10_000, "largest": 64, "step": 1}
FAULTS = ("wrong", "mix")


async def run(setting: Setting, *, pictures: float, largest: float, step: float) -> Verdict:
    """Forms of 1, 1 + `step`, ... and `largest` files, through all pictures for each size."""
    server = setting.launch()
    sizes = sorted({*range(1, int(largest) + 1, int(step)), int(largest)})
    expected = setting.everything
    count = min(int(pictures), len(expected.paths))
    gap, asked, others, refused = 0.0, 0, 0, {}
    try:
        data = [path.read_bytes() for path in expected.paths[:count]]
        connection = await connect(server.port)
        for size in sizes:
            for start in range(0, count, size):
                chosen = range(start, min(start + size, count))
                if not connection.is_open:
                    connection = await connect(server.port)
                answer = await _ask(connection, server, [data[each] for each in chosen])
                if answer.status != 200:
                    refused[size] = answer.status, answer.body[:200].decode(errors="replace")
                    break
                found = json.loads(answer.body)["predictions"]
                worst, wrong = _differences(expected, list(chosen), found)
                gap, others, asked = max(gap, worst), others + wrong, asked + len(chosen)
    finally:
        server.stop()
    reasons = []
    if refused:
        size, (status, said) = next(iter(refused.items()))
        reasons.append(f"{len(refused)} sizes refused; of {size} files: {status} {said}")
    if others:
        reasons.append(f"{others} labels differ")
    if not gap <= expected.tolerance:
        reasons.append(f"probabilities differ by up to {gap:.2g}")
    return Verdict(
        numbers={
            "pictures": asked,
            "files in a form": f"{len(sizes)} sizes, {sizes[0]} to {sizes[-1]}",
            "labels that differ": others,
            "largest difference": f"{gap:.2g}",
        },
        reasons=tuple(reasons),
    )


def _differences(
    expected: Expected, chosen: list[int], found: list[dict[str, object]]
) -> tuple[float, int]:
    """The largest difference of a probability, and how many labels differ."""
    if len(found) != len(chosen):
        return float("inf"), len(chosen)
    rows = np.array(
        [
            [each["probabilities"][name] for name in expected.class_names]
            for each in found  # type: ignore[index]
        ]
    )
    right = expected.probabilities[chosen]
    labels = [expected.class_names[place] for place in right.argmax(axis=1)]
    wrong = sum(each["label"] != label for each, label in zip(found, labels, strict=True))
    return float(np.abs(rows - right).max()), wrong


async def _ask(connection: Connection, server: Server, pictures: list[bytes]) -> Answer:
    parts = [
        (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{number}.png"'
            "\r\nContent-Type: image/png\r\n\r\n"
        ).encode()
        + data
        + b"\r\n"
        for number, data in enumerate(pictures)
    ]
    body = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
    head = (
        f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()
    given: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    connection.ask(head + body, lambda _, answer: given.done() or given.set_result(answer))
    return await asyncio.wait_for(given, 120)
