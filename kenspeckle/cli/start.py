"""Where the command `ken` begins: it can be stopped quietly before it has loaded anything."""

from __future__ import annotations

import signal


def main() -> int:
    """Run one command; return its exit code."""
    # the traceback of Python would tell which import was going on
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from kenspeckle.cli import main as command

    return command.main()
