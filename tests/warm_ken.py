"""`ken` as a program that need not load everything again: each call is forked from a warm process.

`python warm_ken.py SOCKET` is that process, until its input ends; `python warm_ken.py SOCKET call
WORD...` is `ken WORD...` with the folder, environment, input and output of the caller.
"""

import contextlib
import importlib
import json
import os
import select
import socket
import subprocess
import sys
from pathlib import Path

STREAMS = (0, 1, 2)


@contextlib.contextmanager
def warm(folder):
    """As long as this is entered, `ken` in `folder` is a program that answers calls in turn."""
    address, program = folder / "ken.socket", folder / "ken"
    command = f'exec "{sys.executable}" -S -E "{__file__}" "{address}" call "$@"'
    program.write_text(f"#!/bin/sh\n{command}\n")
    program.chmod(0o755)
    with subprocess.Popen(
        [sys.executable, __file__, str(address)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"ready\n"
        yield
        process.stdin.close()
        process.wait(20)


def call(address, words):
    """The exit code of `ken` with `words`."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        told = json.dumps([os.getcwd(), dict(os.environ), words]).encode()
        socket.send_fds(connection, [len(told).to_bytes(4, "big")], list(STREAMS))
        connection.sendall(told)
        return int(connection.recv(16))


def serve(address):
    """Answer calls until the input ends."""
    import kenspeckle as ks
    from kenspeckle.cli.main import COMMANDS, main

    for name in ks.__all__:
        getattr(ks, name)
    more = ("looking", "experiments.series", "data.sources.digits", "prediction")
    for name in (*(f"cli.{command}" for command in COMMANDS), *more):
        importlib.import_module(f"kenspeckle.{name}")
    importlib.import_module("torch._dynamo")
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(address)
        door.listen()
        print("ready", flush=True)
        while sys.stdin not in select.select([sys.stdin, door], [], [])[0]:
            with door.accept()[0] as connection:
                child = os.fork()
                if child == 0:
                    door.close()
                    answer(connection, main)
                _, status = os.waitpid(child, 0)
                connection.sendall(str(os.waitstatus_to_exitcode(status) % 256).encode())


def answer(connection, main):
    """In the forked process: never returns."""
    code = 70
    try:
        length, streams, _, _ = socket.recv_fds(connection, 4, len(STREAMS))
        told = connection.recv(int.from_bytes(length, "big"), socket.MSG_WAITALL)
        folder, environment, words = json.loads(told)
        for stream, number in zip(streams, STREAMS, strict=True):
            os.dup2(stream, number)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        code = main(words)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    if sys.argv[2:3] == ["call"]:
        sys.exit(call(sys.argv[1], sys.argv[3:]))
    sys.path.insert(0, str(Path(__file__).parents[1]))
    serve(sys.argv[1])
