"""The pictures of a load and the right answers to them, made once and kept in a work folder."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from serving_load.expected import Expected

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "kenspeckle/data/bundled/mnist/t10k-images-idx3-ubyte.gz"
OFFLINE = Path(__file__).with_name("offline.py")


def environment(*, threads: int = 1) -> dict[str, str]:
    """Of every program that is started here."""
    paths = f"{ROOT}{os.pathsep}{ROOT / 'benchmarks'}"
    return {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": str(threads)}


def model_file(run: Path) -> Path:
    """Of a run folder, or the file itself."""
    return run / "model.safetensors" if run.is_dir() else run


def digits(work: Path) -> Path:
    """The 10,000 test pictures of MNIST as PNG files."""
    folder = work / "digits"
    if not (folder / "09999.png").exists():
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.frombuffer(gzip.decompress(DIGITS.read_bytes()), np.uint8, offset=16)
        for number, image in enumerate(pixels.reshape(-1, 28, 28)):
            Image.fromarray(image).save(folder / f"{number:05}.png")
    return folder


def answers(run: Path, pictures: Path, work: Path, *, count: int = 0) -> Expected:
    """Offline answers of the model of `run` to the first `count` of `pictures`; 0 for all."""
    model = model_file(run)
    key = hashlib.sha256(model.read_bytes() + f"{pictures.resolve()} {count}".encode())
    out = work / f"answers-{key.hexdigest()[:16]}.npz"
    if not out.exists():
        work.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, str(OFFLINE), str(model), str(pictures), str(out)]
        subprocess.run([*command, "--count", str(count)], check=True, env=environment())
    return Expected.read(out)


def copy_of_run(run: Path, folder: Path) -> Path:
    """A run with nothing but its model file and its settings, which may be changed."""
    shutil.rmtree(folder, ignore_errors=True)
    leave_out = shutil.ignore_patterns("checkpoints", "tensorboard", "look", "report.html")
    shutil.copytree(run, folder, ignore=leave_out)
    return folder


def other_model(run: Path, out: Path, *, factor: float = 1.7) -> Path:
    """A second model for the same pictures, whose answers differ."""
    out.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(OFFLINE), str(model_file(run)), ".", str(out)]
    subprocess.run([*command, "--warmer", str(factor)], check=True, env=environment())
    return out
