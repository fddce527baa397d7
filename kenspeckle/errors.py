"""Every error that a user can act on; anything else that escapes is a bug and shows its traceback.

KenspeckleError
  ConfigError        a setting is unknown, mistyped, out of range or contradictory
  DataError          images or labels cannot be used as given
    AbsentDataError  what an experiment works on is not on this machine
    PictureError     one picture cannot be used; says why by a code of the ledger
  ModelFileError     a model file is damaged, inconsistent or of another format
  RunError           a run folder is missing, unfinished, in use or from another data set
    CheckpointError  no checkpoint of a run can be loaded
  StorageError       a file cannot be written
  DeviceError        the device or precision that was asked for is not here
  NonFiniteError     training produced NaN or infinity
  ServingError       a server cannot start, or go on
  MissingExtraError  an optional package is not installed
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class KenspeckleError(Exception):
    """Something that the user can put right; the text is one line that says how."""


class ConfigError(KenspeckleError, ValueError):
    """A setting is unknown, mistyped, out of range or contradictory."""


class DataError(KenspeckleError, ValueError):
    """Images or labels cannot be used as given."""


class AbsentDataError(DataError):
    """What an experiment works on is not on this machine."""


class PictureError(DataError):
    """One picture cannot be used; `reason` is a key of `kenspeckle.data.listing.REASONS`."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class ModelFileError(KenspeckleError, ValueError):
    """A model file is damaged, inconsistent or of another format."""


class RunError(KenspeckleError):
    """A run folder is missing, unfinished, in use or from another data set."""


class CheckpointError(RunError):
    """No checkpoint of a run can be loaded."""


class StorageError(KenspeckleError, OSError):
    """A file cannot be written."""


class DeviceError(KenspeckleError):
    """The device or precision that was asked for is not here."""


class NonFiniteError(KenspeckleError, ArithmeticError):
    """Training produced NaN or infinity; the weights of the last good step are untouched."""


class ServingError(KenspeckleError):
    """A server cannot start, or go on."""


class MissingExtraError(KenspeckleError, ImportError):
    """An optional package is not installed; the text names the extra that brings it."""


# what a library raises where it is given what does not go together: a large one, all of them
LIBRARY_FAILURES = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Say that `name` is no `kind`, offer the nearest known one, and list them all."""
    names = sorted(known)
    name = name if len(name) <= 100 else f"{name[:100]}..."  # it may come from a hostile file
    # 0.75 and not difflib's 0.6, which offers "cpu" for "gpu": a wrong hint is worse than none
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.75)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"unknown {kind} {name!r}{hint} (known: {', '.join(names)})"
