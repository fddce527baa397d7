"""Real servers for tests: processes on 127.0.0.1, at a free port, ended by their number."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STAND_IN = Path(__file__).with_name("stand_in.py")


@dataclass
class Server:
    """A running server."""

    process: subprocess.Popen
    port: int
    line: str  # what it printed when it was ready

    def ask(self, method, path, body=None, headers=(), *, timeout=30):
        """One request on a connection of its own: status, header fields, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def predict(self, picture, **options):
        """The status and the document for one picture."""
        status, _, body = self.ask(
            "POST", "/predict", picture, {"Content-Type": "image/png"}, **options
        )
        return status, json.loads(body)

    def metric(self, name):
        """The value of a metric without labels."""
        text = self.ask("GET", "/metrics")[2].decode()
        return float(re.search(rf"^kenspeckle_{name} (\S+)$", text, re.MULTILINE)[1])

    def stop(self):
        """End it by SIGTERM; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=15)

    def children(self):
        """The number of the process from which those that compute are forked."""
        return _children(self.process.pid)

    def forked(self):
        """The numbers of the processes that compute."""
        return [grandchild for child in self.children() for grandchild in _children(child)]


def _children(number):
    text = Path(f"/proc/{number}/task/{number}/children").read_text()
    return [int(word) for word in text.split()]


@contextmanager
def served(*arguments, command=("-m", "kenspeckle.cli.main", "serve"), environment=()):
    """A server that is ready, and is ended at the end whatever happens."""
    process = subprocess.Popen(
        [sys.executable, *command, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1", **dict(environment)},
    )
    try:
        line = process.stdout.readline().decode()
        assert line, process.communicate(timeout=10)[1].decode()
        yield Server(process, int(line.rsplit(":", 1)[1]), line)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=10)
        process.stdout.close()
        process.stderr.close()


def real(model, *arguments):
    """`ken serve` on any free port."""
    return served(model, "--port", "0", *arguments)


def stand_in(**options):
    """The server with a network that needs no torch, so that it starts at once."""
    return served(json.dumps(options), command=(str(STAND_IN),))


def until(condition, *, seconds=10.0):
    """Wait for `condition`; whether it came true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False
