"""What somebody said is wrong: a CSV of corrections, and the pictures beside it.

The file lies in the run folder, or beside the model file. A row is written whole;
pictures are kept under the SHA-256 of their bytes, so that none is kept twice.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
from pathlib import Path

from kenspeckle.data.listing import printable
from kenspeckle.errors import StorageError

FILE, PICTURES = "review.csv", "review"
COLUMNS = ("name", "label", "probability", "right_label", "time", "version", "picture")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how what a spreadsheet would compute begins
_MOST = 64 << 20  # bytes of the CSV


def append_review(
    folder: Path,
    *,
    name: str,
    label: str,
    probability: float,
    right_label: str,
    time: str,
    version: str,
    picture: bytes,
) -> None:
    """Add a row to `review.csv` in `folder`, and keep the picture; `StorageError` on failure."""
    path = folder / FILE
    try:
        kept = f"{PICTURES}/{_keep(folder / PICTURES, picture)}"
        row = [name, label, f"{probability:.6g}", right_label, time, version, kept]
        text = _line([_harmless(value) for value in row])
        # O_NOFOLLOW: a link in its place would let a row go anywhere
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        descriptor = os.open(path, flags, 0o666)
        try:
            size = os.fstat(descriptor).st_size
            if size > _MOST:
                raise StorageError(f"{path}: has over {_MOST:,} bytes; move it elsewhere")
            text = text if size else _line(COLUMNS) + text
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror or error}") from error


def _keep(folder: Path, picture: bytes) -> str:
    """Write `picture` into `folder` under a name that says what is in it."""
    kinds = {b"\x89P": "png", b"\xff\xd8": "jpg", b"GI": "gif", b"BM": "bmp", b"RI": "webp"}
    name = f"{hashlib.sha256(picture).hexdigest()[:32]}.{kinds.get(picture[:2], 'tif')}"
    folder.mkdir(exist_ok=True)
    path = folder / name
    if not path.exists():
        temporary = path.with_suffix(f".{os.getpid()}.part")
        temporary.write_bytes(picture)
        os.replace(temporary, path)
    return name


def _line(values: list[str] | tuple[str, ...]) -> str:
    held = io.StringIO()
    csv.writer(held, lineterminator="\n").writerow(values)
    return held.getvalue()


def _harmless(value: str) -> str:
    """`value` on one line, and such that no spreadsheet takes it for a formula."""
    text = printable(value.encode("utf-8", "replace").decode())
    return f"'{text}" if text.startswith(_FORMULA) else text
