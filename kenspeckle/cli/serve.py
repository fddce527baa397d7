"""`ken serve`: answers over HTTP, and a page to draw or drop a picture."""

from __future__ import annotations

import sys
from pathlib import Path

from kenspeckle.data.listing import printable


def serve(
    run: Path,
    /,
    *,
    port: int = 8000,
    host: str = "127.0.0.1",
    token_file: Path | None = None,
    runs: Path | None = None,
) -> None:
    """Answer over HTTP with the model of a run, until it is stopped.

    Parameters
    ----------
    run
        a finished run folder, a model.safetensors, or an exported model.onnx
    port
        where to listen; 0 is any that is free (8000)
    host
        the address to listen at; another than this machine's own needs a token (127.0.0.1)
    token_file
        a file with the token that every request must bring
    runs
        the folder whose runs can be seen in a browser (the one around the run)
    """
    from kenspeckle.serving.running import ServeConfig
    from kenspeckle.serving.running import serve as answer

    answer(
        run,
        ServeConfig(host=host, port=port, token_file=token_file, runs=runs),
        say=lambda line: print(printable(line), flush=True),
        warn=lambda line: print(f"ken: {printable(line)}", file=sys.stderr, flush=True),
    )
