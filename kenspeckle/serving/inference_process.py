"""The process from which those that compute are forked: what they need is loaded once.

Started by `processes.Template`. Each order on the first socket comes with one end of another, on
which the forked process works until it is closed. This process itself computes next to
nothing, on one thread, so that it has no others when it forks. Loading torch takes seconds and a
fork milliseconds: that is how a process that was killed is back at once. ONNX Runtime is loaded
after the fork, because it starts a thread; it takes less than a tenth of a second.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from contextlib import suppress
from typing import NoReturn

from kenspeckle.serving.frames import Header, send

ORDER = 65536  # bytes at most of an order


def main(descriptor: int, library: str) -> None:
    """Fork a process for each order until the server closes its end."""
    # Ctrl-C in a terminal is for the server, which ends the rest in its own time
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import kenspeckle.serving.answering

    if library == "torch":
        import kenspeckle.serving.torch_engine
        from kenspeckle.serving.quick_network import warm_up

        warm_up()
    else:
        import kenspeckle.data.ink
        import kenspeckle.onnx_check  # noqa: F401
    gc.collect()
    gc.freeze()  # looking through all of torch takes 50 ms, in the middle of somebody's request
    wakeful, waker = socket.socketpair()
    waker.setblocking(False)
    signal.set_wakeup_fd(waker.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)  # only to be woken
    with socket.socket(fileno=descriptor) as orders, selectors.DefaultSelector() as selector:
        selector.register(orders, selectors.EVENT_READ)
        selector.register(wakeful, selectors.EVENT_READ)
        send(orders, {"ready": True})
        children: set[int] = set()
        while True:
            for key, _ in selector.select():
                if key.fileobj is wakeful:
                    wakeful.recv(4096)
                    _reap(children)
                elif not _obey(orders, children, [wakeful, waker]):
                    for child in children:
                        os.kill(child, signal.SIGKILL)
                    return


def _reap(children: set[int]) -> None:
    with suppress(ChildProcessError):
        while (child := os.waitpid(-1, os.WNOHANG)[0]) > 0:
            children.discard(child)


def _obey(orders: socket.socket, children: set[int], ours: list[socket.socket]) -> bool:
    """Carry out the orders that have come, each a line; False where there will be no more."""
    data, ends, _, _ = socket.recv_fds(orders, ORDER, 2)
    if not data:
        return False
    for line in data.splitlines():
        order = json.loads(line)
        if "kill" not in order:
            child = os.fork()
            if not child:
                _become(order, ends, [orders, *ours])
            children.add(child)
            for end in ends:
                os.close(end)
        elif order["kill"] in children:
            # one that was not reaped yet: its number cannot belong to another process
            os.kill(order["kill"], signal.SIGKILL)
    return True


def _become(order: Header, ends: list[int], foreign: list[socket.socket]) -> NoReturn:
    """Work on `order`, in the forked process, and end it."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for one in foreign:
            one.close()
        with socket.socket(fileno=ends[0]) as end:
            _work(order, end, ends[1])
        code = 0
    except (BrokenPipeError, ConnectionResetError):
        code = 0  # the server does not wait for it any more
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _work(order: Header, end: socket.socket, model: int) -> None:
    if order["work"] == "insight":
        from kenspeckle.serving.insight_work import explain

        explain(order, end, model)
    else:
        from kenspeckle.serving.answering import answer

        answer(order, end, model)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
