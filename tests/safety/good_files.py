"""Data, a finished run and one that was stopped, all as they should be."""

import contextlib
import io
import os
import shutil
from pathlib import Path

import numpy as np
from corpus.onnx_graph import sealed, small_graph
from doors import Door
from PIL import Image

SETTINGS = (
    "threads=1", "precision=fp32", "device=cpu", "model.widths=[2]", "model.kernels=[3]",
    "model.paddings=[1]", "model.pools=[4]", "train.epochs=2", "train.batch_size=20",
    "splits.folds=0",
)  # fmt: skip


def bars(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (N, 16, 16) of flat and upright bars, and their labels."""
    images = np.zeros((count, 16, 16), np.uint8)
    labels = np.arange(count) % 2
    for number, image in enumerate(images):
        at = 2 + number % 12
        image[(slice(at, at + 2), slice(None))[:: 1 - 2 * labels[number]]] = 200 + number % 50
        image[number % 16, number // 16 % 16] = 90  # no two are the same
    return images, labels


def make_good(folder: Path, doors: dict[str, dict[str, Door]]) -> None:
    """Fill `folder`, and open `doors` with what is in it."""
    import kenspeckle as ks
    from kenspeckle import (
        config,
        recipes,  # noqa: F401
    )
    from kenspeckle.data.dataset import Dataset  # noqa: F401 (loaded before anything is forked)
    from kenspeckle.errors import MissingExtraError
    from kenspeckle.models.hf import HfConfig, library_config, size_names
    from kenspeckle.runs import training

    Image.init()  # all of its formats
    with contextlib.suppress(MissingExtraError):  # nor may its imports be laid to a file
        size_names(library_config(HfConfig(text='{"model_type": "vit"}')).__class__)
    images, labels = bars(80)
    np.savez(folder / "bars.npz", x_train=images, y_train=labels)
    Image.fromarray(images[0]).save(folder / "picture.png")
    for number in range(len(images)):
        name = folder / "photos" / str(labels[number]) / f"{number}.png"
        name.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(images[number]).save(name)
    run = ks.train(str(folder / "bars.npz"), settings=SETTINGS, out=folder / "run")
    assert run.is_finished
    settings = config.override(run.config, ["train.epochs=4"])
    list(training(settings, out=folder / "stopped", stop=lambda: True))
    assert list((folder / "stopped" / "checkpoints").iterdir())
    assert not ks.open_run(folder / "stopped").is_finished
    (folder / "model.onnx").write_bytes(sealed(small_graph().SerializeToString()))
    _open_all(folder, doors)


def _open_all(folder: Path, doors: dict[str, dict[str, Door]]) -> None:
    """All doors with what is good, in this process."""
    here = folder.parent / "rooms" / "warm"
    here.mkdir(parents=True)
    before = os.getcwd()
    os.chdir(here)
    copies = {
        "model": folder / "run" / "model.safetensors",
        "onnx": folder / "model.onnx",
        "run": here / "runs" / "run",
        "checkpoint": here / "runs" / "stopped",
        "runs": here / "runs",
        "source": folder / "photos",
        "listed": folder / "photos",
        "picture": folder / "picture.png",
        "config": folder / "run" / "config.toml",
        "search": here / "searched",
    }
    shutil.copytree(folder / "run", here / "runs" / "run")
    shutil.copytree(folder / "stopped", here / "runs" / "stopped")
    shutil.copy(folder / "log.sqlite", here / "runs")
    (here / "space.toml").write_text('"train.epochs" = [1, 2]\n')
    try:
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            for kind, path in copies.items():
                for door in doors.get(kind, {}).values():
                    shutil.rmtree("trained", ignore_errors=True)
                    door(str(path), folder)
            if "space" in doors:
                doors["space"]["search"]("space.toml", folder)
    finally:
        os.chdir(before)
