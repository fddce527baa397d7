"""Starting and stopping a server."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import logging
import os
import resource
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from kenspeckle.errors import ServingError
from kenspeckle.run_files import MODEL, existing, require_run
from kenspeckle.serving.app import application
from kenspeckle.serving.batching import BatchLimits
from kenspeckle.serving.desk import ServingDesk
from kenspeckle.serving.guards import hosts
from kenspeckle.serving.http_limits import HttpLimits
from kenspeckle.serving.http_server import HttpServer
from kenspeckle.serving.metrics import Metrics
from kenspeckle.serving.page_routes import page_routes
from kenspeckle.serving.run_routes import run_routes
from kenspeckle.serving.tokens import TokenGate, read_token

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class ServeConfig:
    """Where to listen, who may ask, and how much."""

    host: str = "127.0.0.1"
    port: int = 8000  # 0 = any that is free
    token_file: Path | None = None
    runs: Path | None = None  # the folder whose runs can be seen; None = the one around the run
    http: HttpLimits = field(default_factory=HttpLimits)
    batching: BatchLimits = field(default_factory=BatchLimits)


def serve(run: str | Path, config: ServeConfig, *, say: Say = print, warn: Say = print) -> None:
    """Answer over HTTP with the model of a run, or a model file, until SIGINT or SIGTERM.

    `say` gets one line when it is ready. Raises `ServingError` or `RunError`, before anything
    listens, where the model cannot be loaded, the port is taken, or a token is missing.
    """
    path = Path(run)
    if path.is_dir():
        require_run(path, called=run)
        name, model, run_path = path.resolve().name, existing(path, MODEL), path
    else:
        name, model, run_path = _name(path), path, None
    gate = _gate(config)
    if config.runs is not None and not config.runs.is_dir():
        raise ServingError(f"{config.runs}: no such folder; --runs takes one that holds runs")
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # it tells what clients send
    _allow_connections(config.http.connections)
    with _bound(config) as listener:
        metrics = Metrics()
        asyncio.run(_serve(name, model, run_path, config, gate, listener, metrics, say, warn))


async def _serve(
    name: str,
    model: Path,
    run: Path | None,
    config: ServeConfig,
    gate: TokenGate | None,
    listener: socket.socket,
    metrics: Metrics,
    say: Say,
    warn: Say,
) -> None:
    desk = ServingDesk(name=name, model=model, run=run, limits=config.batching, metrics=metrics)
    port = listener.getsockname()[1]
    runs = config.runs or (run.resolve().parent if run else None)
    routes = [*page_routes(desk), *run_routes(runs)]
    app = application(desk, hosts=hosts(config.host, port), gate=gate, routes=routes)
    server = HttpServer(app, limits=config.http, metrics=metrics)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        loading = loop.create_task(desk.load())
        stopping = loop.create_task(stop.wait())
        await asyncio.wait([loading, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not loading.done():
            loading.cancel()
            return
        loading.result()
        try:
            await server.start(listener)
        except OSError as error:
            raise _taken(config, error) from error
        loop.add_signal_handler(signal.SIGHUP, lambda: _reload(desk, say, warn))
        # what is loaded by now stays: looking through it again and again costs milliseconds
        gc.collect()
        gc.freeze()
        desk.is_open = True
        say(f"serving {name} ({desk.version}) at {_address(_name_of(config.host), port)}")
        await stop.wait()
        desk.is_open = False
        for number in (signal.SIGINT, signal.SIGTERM):  # a second signal ends it at once
            loop.add_signal_handler(number, lambda: [task.cancel() for task in asyncio.all_tasks()])
        with suppress(asyncio.CancelledError):
            await server.drain()
    finally:
        await desk.stop()


def _reload(desk: ServingDesk, say: Say, warn: Say) -> None:
    async def load() -> None:
        try:
            await desk.load()
        except ServingError as error:
            warn(f"{error}; {desk.version} goes on")
        else:
            say(f"serving {desk.name} ({desk.version})")

    task = asyncio.get_running_loop().create_task(load())
    _reloads.add(task)
    task.add_done_callback(_reloads.discard)


_reloads: set[asyncio.Task[None]] = set()  # the loop itself holds its tasks weakly


def _name(model: Path) -> str:
    """The name of a model file, or of its folder where the file has the usual name."""
    return Path(os.path.abspath(model)).parent.name if model.stem == "model" else model.stem


def _gate(config: ServeConfig) -> TokenGate | None:
    if config.token_file is not None:
        return TokenGate(read_token(config.token_file))
    if not _is_local(config.host):
        raise ServingError(
            f"{config.host}: others can reach this address, so a token is needed; give "
            "--token-file FILE, or leave --host out"
        )
    return None


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _allow_connections(count: int) -> None:
    """Let this process have so many connections open, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 100  # and files of its own
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _bound(config: ServeConfig) -> socket.socket:
    if not 0 <= config.port <= 65535:
        raise ServingError(f"port must be in 0..65535, got {config.port}")
    try:
        family, _, _, _, address = socket.getaddrinfo(
            config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise ServingError(f"{config.host}: no address of this machine") from error
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise _taken(config, error) from error
    listener.setblocking(False)
    return listener


def _taken(config: ServeConfig, error: OSError) -> ServingError:
    return ServingError(
        f"{_address(config.host, config.port)}: cannot listen there: {error.strerror or error}; "
        "choose another --port"
    )


def _name_of(host: str) -> str:
    """By what others reach `host`: all addresses of this machine are none that can be opened."""
    return socket.gethostname() if host in ("0.0.0.0", "::") else host


def _address(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
