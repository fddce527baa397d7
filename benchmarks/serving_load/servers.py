"""Servers as processes: started, found ready, paused and stopped by their own ids."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from serving_load.material import ROOT, environment, model_file
from serving_load.messages import picture_request, upload_request
from serving_load.processes import Usage, command_of, descendants, usage

PEERS = ROOT / "benchmarks" / "serving_peers"
_ADDRESS = re.compile(r"http://[^\s/]*:(\d+)")
KEN = "from kenspeckle.cli.start import main; raise SystemExit(main())"


@dataclass(kw_only=True)
class Server:
    """A running server."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    log: Path
    request: Callable[..., bytes]
    path: str
    started: float  # seconds from the start of the process to the first connection
    known: set[int] = field(default_factory=set)  # every process that was ever seen below it

    def requests(self, pictures: Sequence[Path]) -> list[bytes]:
        """One POST for each picture, as this server wants it."""
        return [
            self.request(self.port, path.read_bytes(), path=self.path, kind=_kind(path))
            for path in pictures
        ]

    def usage(self) -> Usage:
        """Of all its processes."""
        return usage(self.process.pid)

    def below(self) -> list[int]:
        """Its processes but the first."""
        found = descendants(self.process.pid)
        self.known.update(found)
        return found

    def inference_processes(self, *, forked: bool = True) -> list[int]:
        """Those that run the network; without `forked`, also the one that they are forked from."""
        found = [each for each in self.below() if "inference_process" in command_of(each)]
        return [each for each in found if not (forked and set(descendants(each)) & set(found))]

    def pause(self) -> None:
        """It takes no processor time until `resume`."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """After `pause`."""
        self._signal(signal.SIGCONT)

    def stop(self) -> int:
        """Ask it to end, then make it; its exit code. Nothing that it started stays."""
        self.below()
        self.resume()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for each in self.known:
            if str(ROOT) in command_of(each) or "python" in command_of(each):
                with suppress(ProcessLookupError):
                    os.kill(each, signal.SIGKILL)
        return int(self.process.returncode)

    def _signal(self, number: int) -> None:
        for each in [self.process.pid, *self.below()]:
            with suppress(ProcessLookupError):
                os.kill(each, number)


def start(
    name: str,
    command: Sequence[str],
    work: Path,
    *,
    port: int = 0,
    request: Callable[..., bytes] = picture_request,
    path: str = "/predict",
    threads: int = 1,
    patience: float = 120,
) -> Server:
    """Run `command`; without `port`, the address is what it prints first.

    Raises `RuntimeError` with its last lines where it ends or takes longer than `patience`.
    """
    work.mkdir(parents=True, exist_ok=True)
    log = work / f"{name}.log"
    began = time.monotonic()
    with open(log, "wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, env=environment(threads=threads), cwd=work
        )
    found = port
    while time.monotonic() - began < patience and process.poll() is None:
        if not found and (match := _ADDRESS.search(log.read_text(errors="replace"))):
            found = int(match[1])
        if found and _accepts(found):
            return Server(
                name=name,
                process=process,
                port=found,
                log=log,
                request=request,
                path=path,
                started=time.monotonic() - began,
            )
        time.sleep(0.02)
    process.kill()
    process.wait()
    raise RuntimeError(f"{name} did not start:\n{log.read_text(errors='replace')[-2000:]}")


def kenspeckle(
    run: Path,
    work: Path,
    *,
    name: str = "kenspeckle",
    form: bool = False,
    threads: int = 1,
    more: Sequence[str] = (),
) -> Server:
    """`ken serve RUN`, which may be an exported file too."""
    command = [sys.executable, "-c", KEN, "serve", str(run.resolve()), "--port", "0", *more]
    request = upload_request if form else picture_request
    return start(name, command, work, request=request, threads=threads)


def peer(name: str, python: Path, run: Path, work: Path, *, threads: int = 1) -> Server:
    """One of `PEER_KINDS`, run by the interpreter that has it installed."""
    script, more, request, path = PEER_KINDS[name]
    port = free_port()
    model = str(model_file(run).resolve())
    command = [str(python), str(PEERS / script), model, "--port", str(port), *more]
    return start(name, command, work, port=port, request=request, path=path, threads=threads)


def understudy(answers: Sequence[Path], work: Path, *more: str) -> Server:
    """The server that knows the answers from files, and misbehaves where it is told to."""
    command = [sys.executable, str(PEERS / "understudy.py"), *map(str, answers), *more]
    return start("understudy", command, work)


def free_port() -> int:
    """One that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _kind(path: Path) -> str:
    return {".jpg": "jpeg", ".jpeg": "jpeg"}.get(path.suffix.lower(), path.suffix[1:].lower())


PEER_KINDS: dict[str, tuple[str, list[str], Callable[..., bytes], str]] = {
    "fastapi": ("fastapi_peer.py", [], upload_request, "/predict"),
    "fastapi-raw": ("fastapi_peer.py", [], picture_request, "/raw"),
    "litserve": ("litserve_peer.py", [], upload_request, "/predict"),
    "litserve-batch": ("litserve_peer.py", ["--batch", "16"], upload_request, "/predict"),
    "litserve-workers": ("litserve_peer.py", ["--workers", "2"], upload_request, "/predict"),
}
