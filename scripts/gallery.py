"""Draw docs/gallery.md anew: train three classifiers, look inside each, and keep what is seen.

python scripts/gallery.py [PICTURE_FOLDER]

Without a folder of pictures, the gallery has digits and clothes only. It takes two minutes.
"""

import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import kenspeckle as ks
from kenspeckle.figures.style import png
from kenspeckle.looking import looks

DOCS = Path(__file__).parents[1] / "docs"
USUAL = ("means", "filters", "activations", "fingerprints", "embedding", "neighbours", "saliency")


@dataclass(frozen=True)
class Chapter:
    """A run and what is shown of it."""

    name: str  # of its folder
    title: str
    source: str
    kinds: tuple[str, ...]


def chapters(folder: str | None) -> list[Chapter]:
    found = [
        Chapter("digits", "Digits", "mnist", (*USUAL, "ideal-inputs", "surface", "history")),
        Chapter("clothes", "Clothes", "fashion-mnist", (*USUAL, "ideal-inputs", "units")),
    ]
    if folder:
        kinds = ("filters", "activations", "fingerprints", "embedding", "neighbours", "saliency")
        found.append(Chapter("pictures", "Pictures in a folder", folder, (*kinds, "ideal-inputs")))
    return found


def main() -> None:
    parts = [
        "# Gallery",
        "",
        "What `ken look RUN` shows of three classifiers, each trained without a single option.",
        "Every picture is a record of numbers in Python too (`ks.look`).",
        "`scripts/gallery.py` draws this page anew.",
    ]
    shutil.rmtree(DOCS / "gallery", ignore_errors=True)
    for chapter in chapters(sys.argv[1] if len(sys.argv) > 1 else None):
        with tempfile.TemporaryDirectory() as place:
            run = ks.train(
                chapter.source, settings=["threads=1"], out=Path(place) / "run", view="terminal"
            )
            parts += ["", f"## {chapter.title}", "", told(run, chapter)]
            for found in looks(run, what=chapter.kinds):
                file = DOCS / "gallery" / chapter.name / f"{found.name}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(png(found.record.figure()))
                name = file.relative_to(DOCS)
                record = found.record
                parts += ["", f"### {record.title}", "", f"![{record.title}]({name})"]
                parts += ["", f"`--what {found.kind}`: {record.description}"]
    (DOCS / "gallery.md").write_text("\n".join(parts) + "\n")


def told(run: ks.Run, chapter: Chapter) -> str:
    """What the classifier reached, in a sentence."""
    measured = run.result["validation"]
    low, high = (measured["interval"][side] for side in ("low", "high"))
    source = Path(chapter.source).name
    return (
        f"`ken train {source}`: recipe {run.config.recipe}, {measured['accuracy']:.2%} "
        f"({low * 100:.2f} to {high * 100:.2f}, n={measured['n']:,}) on validation "
        f"({measured['role']})."
    )


if __name__ == "__main__":
    main()
