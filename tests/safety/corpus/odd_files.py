"""Exported models that are no files, and damaged ones."""

import os
from collections.abc import Callable
from pathlib import Path

from corpus.exploit import Room, written
from corpus.onnx_graph import sealed, small_graph

NAME = "model.onnx"


def pipe(room: Room) -> Path:
    """Nobody will ever write into it."""
    os.mkfifo(room.folder / NAME)
    return room.folder / NAME


def folder(room: Room) -> Path:
    """One that is called as a file."""
    (room.folder / NAME).mkdir()
    return room.folder / NAME


def link(target: str) -> Callable[[Room], Path]:
    """A link to somewhere."""

    def make(room: Room) -> Path:
        (room.folder / NAME).symlink_to(target)
        return room.folder / NAME

    return make


def sparse(size: int) -> Callable[[Room], Path]:
    """A file of `size` bytes that takes no room on the disk."""

    def make(room: Room) -> Path:
        path = written(room.folder / NAME, small_graph().SerializeToString())
        os.truncate(path, size)
        return path

    return make


def cut(share: float) -> Callable[[Room], bytes]:
    """The first part of a file."""

    def make(room: Room) -> bytes:
        whole = sealed(small_graph().SerializeToString())
        return whole[: int(len(whole) * share)]

    return make


def flipped(number: int) -> Callable[[Room], bytes]:
    """A file with one bit that is another."""

    def make(room: Room) -> bytes:
        whole = bytearray(sealed(small_graph().SerializeToString()))
        whole[number * 7919 % len(whole)] ^= 1 << number % 8
        return bytes(whole)

    return make
