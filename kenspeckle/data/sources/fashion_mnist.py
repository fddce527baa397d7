"""Fashion-MNIST (Xiao, Rasul and Vollgraf 2017, arXiv 1708.07747): found here, else fetched.

Looked for where Debian's `dataset-fashion-mnist` puts it, then in the user's cache; fetched into
that cache from the public mirrors only when asked for by name, and checked against SHA-256 sums.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import urllib.request
import zlib
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path

from kenspeckle.data.dataset import Dataset
from kenspeckle.data.sources.idx import folder_dataset, has_standard_files
from kenspeckle.errors import DataError
from kenspeckle.storage import make_folder, write_file

CLASS_NAMES = (
    "t-shirt", "trouser", "pullover", "dress", "coat",
    "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
MIRRORS = (
    # the first is plain http; what it sends is believed only if its SHA-256 is right
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)
CONTENT_SHA256 = {  # of the decompressed files, because mirrors compress them differently
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
MAX_DOWNLOAD = 32 << 20  # bytes; the largest of the four files has 26 MB
MAX_CONTENT = 64 << 20  # bytes after decompression; the largest has 47 MB

Progress = Callable[[str, int, int], None]  # file name, bytes so far, bytes in all (0: unknown)


def fashion_mnist(*, progress: Progress | None = None) -> Dataset:
    """The Dataset, from the first of: Debian's package, the cache, the mirrors.

    Raises `DataError` that says how to get the files where none of these has them.
    """
    folder = local_folder()
    if folder is None:
        folder = cache_folder()
        fetch(folder, progress=progress)
    return folder_dataset(folder, source="fashion-mnist", class_names=CLASS_NAMES)


def local_folder() -> Path | None:
    """Where the files lie on this machine; None where they would have to be fetched."""
    folders = (DEBIAN_FOLDER, cache_folder())
    return next((folder for folder in folders if has_standard_files(folder)), None)


def cache_folder() -> Path:
    """Where fetched files are kept: `$XDG_CACHE_HOME/kenspeckle/fashion-mnist`."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "kenspeckle" / "fashion-mnist"


def fetch(
    folder: Path, *, mirrors: tuple[str, ...] = MIRRORS, progress: Progress | None = None
) -> None:
    """Download the four files into `folder`, each from the first mirror that has it unharmed."""
    make_folder(folder)
    for name, sha256 in CONTENT_SHA256.items():
        failures = []
        for mirror in mirrors:
            try:
                data = _download(f"{mirror}{name}.gz", progress)
                _check(data, sha256)
            except (OSError, EOFError, zlib.error, HTTPException, DataError) as error:
                failures.append(f"{mirror}: {error}")
                continue
            write_file(folder / f"{name}.gz", data)
            break
        else:
            raise DataError(
                f"fashion-mnist is not on this machine and {name}.gz could not be fetched "
                f"({'; '.join(failures)}); install Debian's dataset-fashion-mnist "
                f"or put the four .gz files into {folder}"
            )


def _download(address: str, progress: Progress | None) -> bytes:
    data = bytearray()
    with urllib.request.urlopen(address, timeout=20) as response:
        size = response.length or 0  # None where the header is missing or no number
        while chunk := response.read(1 << 16):
            data += chunk
            if len(data) > MAX_DOWNLOAD:
                raise DataError(f"more than {MAX_DOWNLOAD:,} bytes")
            if progress:
                progress(address.rpartition("/")[2], len(data), size)
    return bytes(data)


def _check(data: bytes, sha256: str) -> None:
    """Raise `DataError` unless `data` is gzip of content with this SHA-256."""
    digest, size = hashlib.sha256(), 0
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as content:
        while chunk := content.read(1 << 20):
            digest.update(chunk)
            size += len(chunk)
            if size > MAX_CONTENT:
                raise DataError(f"more than {MAX_CONTENT:,} bytes after decompression")
    if digest.hexdigest() != sha256:
        raise DataError("its SHA-256 is not the published one")
