"""The real server around a network that is a sum of bytes; a program, see `servers.stand_in`.

Its argument is JSON: `http` and `batching` limits, `seconds` a picture, and `drain`: how it ends.
"""

import asyncio
import json
import signal
import socket
import sys
from array import array
from pathlib import Path

from kenspeckle.serving.app import application
from kenspeckle.serving.batching import BatchLimits
from kenspeckle.serving.desk import ServingDesk
from kenspeckle.serving.guards import hosts
from kenspeckle.serving.http_limits import HttpLimits
from kenspeckle.serving.http_server import HttpServer
from kenspeckle.serving.metrics import Metrics

NAMES = ("even", "odd")


class SumWorker:
    """Answers by whether the sum of the bytes is odd, after `seconds` for each picture."""

    class_names, version, is_gone = NAMES, "0123456789ab", False
    facts = {"shape": (1, 1, 1), "kind": "resize", "task": "classes", "card": {}}  # noqa: RUF012

    def __init__(self, seconds):
        self.seconds = seconds

    def give(self, items, parts):
        odd = [sum(part) % 2 for part in parts]
        rows = array("f", [share for one in odd for share in (1 - one, one)]).tobytes()
        header = {"items": [{} for _ in items], "rows": len(rows)}
        loop = asyncio.get_running_loop()
        loop.call_later(self.seconds * len(items), lambda: self.answered(self, header, rows))

    def kill(self):
        pass

    def close(self):
        pass


async def main(options):
    metrics = Metrics()
    limits = BatchLimits(**options.get("batching", {}))
    desk = ServingDesk(name="sums", model=Path("x"), run=None, limits=limits, metrics=metrics)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    port = listener.getsockname()[1]
    app = application(desk, hosts=hosts("127.0.0.1", port))
    server = HttpServer(app, limits=HttpLimits(**options.get("http", {})), metrics=metrics)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    desk.batcher.replace(SumWorker(options.get("seconds", 0.0)))
    await server.start(listener)
    desk.is_open = True
    print(f"serving at http://127.0.0.1:{port}", flush=True)
    await stop.wait()
    desk.is_open = False
    if options.get("drain", True):
        await server.drain()
    else:  # as servers do that close their listener and their idle connections at once
        for connection in list(server._connections):
            connection.abort()


asyncio.run(main(json.loads(sys.argv[1])))
