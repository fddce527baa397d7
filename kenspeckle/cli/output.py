"""How commands print: a console for people, one JSON line for programs."""

from __future__ import annotations

import json
import sys
from typing import Any

from kenspeckle.storage import without_nan
from kenspeckle.views.screen import Screen


def console(*, quiet: bool = False) -> Screen:
    """The terminal; wide enough for any table when it is a file or a pipe."""
    return Screen(width=None if sys.stdout.isatty() else 160, highlight=False, quiet=quiet)


def print_json(document: Any) -> None:
    """One line of strict JSON; what is not a number, such as an undefined share, becomes null."""
    print(json.dumps(without_nan(document), allow_nan=False))
