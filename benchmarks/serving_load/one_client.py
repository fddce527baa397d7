"""One client with one connection that stays open: a request, its answer, the next request."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence

from serving_load.messages import Answer, take


def ask_in_turn(port: int, requests: Sequence[bytes]) -> tuple[list[float], list[Answer]]:
    """Seconds and answers of `requests`, one after the other; `OSError` where one is not answered.

    A blocking socket, because nothing costs the client less.
    """
    seconds, answers = [], []
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for request in requests:
            began = time.perf_counter()
            connection.sendall(request)
            answer = _receive(connection)
            seconds.append(time.perf_counter() - began)
            answers.append(answer)
    return seconds, answers


def _receive(connection: socket.socket) -> Answer:
    buffer = connection.recv(65536)
    while buffer and (taken := take(buffer, 0.0)) is None:
        more = connection.recv(65536)
        if not more:
            raise ConnectionResetError("closed within an answer")
        buffer += more
    if not buffer:
        raise ConnectionResetError("closed without an answer")
    return taken[0]
