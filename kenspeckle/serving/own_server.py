"""A server of one's own, for as long as something is asked of it: a way from files to answers."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kenspeckle.errors import KenspeckleError, ServingError

_MOST = 1 << 30  # bytes of a picture: they are the user's own
_READY = re.compile(r"at http://127\.0\.0\.1:(\d+)")
_PATIENCE = 60.0  # seconds for an answer, and for the end


@contextmanager
def own_server(run: Path) -> Iterator[Callable[[Sequence[Path]], NDArray[np.float32]]]:
    """What `ken serve RUN` answers to picture files, (N, K), while the context lasts.

    Raises `ServingError` where it does not start, or refuses a file.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(run)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # the terminal's Ctrl-C is for us, not for it
    )
    assert process.stdout is not None
    try:
        said = process.stdout.readline().strip()
        ready = _READY.search(said)
        if ready is None:
            raise ServingError(f"{run}: its server does not start: {said or 'it says nothing'}")
        port = int(ready[1])
        yield lambda files: np.stack([_asked(port, file) for file in files])
    finally:
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _asked(port: int, file: Path) -> NDArray[np.float32]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
    try:
        form = {"Content-Type": "application/octet-stream"}
        connection.request("POST", "/predict", file.read_bytes(), form)
        response = connection.getresponse()
        said = json.loads(response.read())
    except (OSError, http.client.HTTPException) as error:
        raise ServingError(f"{file}: the server gave no answer: {error}") from error
    finally:
        connection.close()
    if response.status != 200:
        raise ServingError(f"{file}: the server refused it ({response.status}): {said['error']}")
    shares = said["predictions"][0]["probabilities"]
    return np.array(list(shares.values()), dtype=np.float32)


def _main() -> None:
    from kenspeckle.serving.http_limits import HttpLimits
    from kenspeckle.serving.running import ServeConfig, serve

    limits = HttpLimits(body=_MOST, held=_MOST)
    try:
        serve(sys.argv[1], ServeConfig(port=0, http=limits), say=partial(print, flush=True))
    except KenspeckleError as error:
        print(error)  # in the place of the line with the address


if __name__ == "__main__":
    _main()
