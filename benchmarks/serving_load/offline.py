"""What the model says of every picture without any server: what each answer is held against.

    PYTHONPATH=. python benchmarks/serving_load/offline.py MODEL PICTURES OUT

is run as a process of its own, so that the one which makes the load never imports torch.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np


def write(model: Path, pictures: list[Path], out: Path) -> None:
    """One picture at a time, by the functions of `ken predict`."""
    import torch

    from kenspeckle.data.framing import decode_for
    from kenspeckle.data.preprocess import prepare
    from kenspeckle.inference import outputs
    from kenspeckle.model_file import load

    torch.set_num_threads(1)
    classifier = load(model)
    rows, usable = [], []
    for path in pictures:
        picture = decode_for(path.read_bytes(), classifier.preprocess, name=str(path)).pixels
        views = prepare(picture, classifier.preprocess, channels=classifier.shape[0])
        said = classifier.head.logits(outputs(classifier.network, views))
        rows.append((said / classifier.temperature).softmax(dim=1).mean(dim=0).numpy())
        usable.append(str(path))
    about = {
        "version": hashlib.sha256(model.read_bytes()).hexdigest()[:12],
        "class_names": classifier.class_names,
        "pictures": usable,
    }
    np.savez(out, probabilities=np.stack(rows), about=json.dumps(about))


def warmer(model: Path, out: Path, factor: float) -> None:
    """A second model of the same form with other probabilities."""
    from dataclasses import replace

    from kenspeckle.model_file import load, save

    classifier = load(model)
    save(out, replace(classifier, temperature=classifier.temperature * factor))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=0, help="of the pictures; 0 for all")
    parser.add_argument("--warmer", type=float, help="write OUT as the model with a temperature")
    chosen = parser.parse_args()
    if chosen.warmer:
        warmer(chosen.model, chosen.out, chosen.warmer)
        return
    found = sorted(path for path in chosen.pictures.rglob("*") if path.is_file())
    write(chosen.model, found[: chosen.count or None], chosen.out)


if __name__ == "__main__":
    main()
