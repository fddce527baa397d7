"""What the user should know of the classes and files of a source, in a line each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from kenspeckle.data.listing import Excluded, Item, Listing, natural


def notes_on(listing: Listing, items: Sequence[Item], excluded: Sequence[Excluded]) -> list[str]:
    """Lines on `items`, which are used, and `excluded`, which are not."""
    counts = Counter(item.label for item in items)
    empty = [name for name in listing.class_names if name not in counts]
    single = [name for name, count in counts.items() if count == 1]
    notes = []
    if excluded:
        reasons = Counter(item.reason for item in excluded).most_common()
        listed = ", ".join(f"{count:,} {reason}" for reason, count in reasons)
        notes.append(f"{len(excluded):,} files are not used: {listed}")
    if empty:
        notes.append(f"no usable picture, so no class: {', '.join(empty)}")
    if single:
        notes.append(f"one picture only, which is trained on: {', '.join(sorted(single))}")
    return notes + _absences(items)


def _absences(items: Sequence[Item]) -> list[str]:
    """Classes that a split of the source lacks."""
    names = {item.label for item in items}
    notes = []
    for split in ("train", "validation", "test"):
        inside = {item.label for item in items if item.split == split}
        if inside and inside != names:
            missing = ", ".join(sorted(names - inside, key=natural))
            notes.append(f"the {split} split of the source has no {missing}")
    return notes
