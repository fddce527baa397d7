"""What can be seen inside the network of a run, within a few seconds of work."""

from __future__ import annotations

from kenspeckle.briefing.record import Section
from kenspeckle.looking import KINDS, looks_at
from kenspeckle.run_pictures import RunPictures

_SECTIONS = {  # title: kinds of look
    "Filters and what they make of pictures": ("filters", "activations"),
    "What an answer comes from": ("saliency", "neighbours"),
    "What classes look like to the network": ("fingerprints", "embedding"),
    "Ideal inputs": ("ideal-inputs",),
    "Units and how numbers are spread": ("units", "histograms"),
}


def look_inside(
    pictures: RunPictures, *, has_source: bool
) -> tuple[tuple[Section, ...], tuple[str, ...]]:
    """Sections, and what is left out and why; without the source only what needs no pictures."""
    sections: list[Section] = []
    left_out: list[str] = []
    for title, kinds in _SECTIONS.items():
        chosen = [kind for kind in kinds if has_source or not KINDS[kind].needs_pictures]
        records = [found.record for found in looks_at(pictures, chosen, left_out=left_out.append)]
        if records:
            sections.append(Section(title=title, about="", drawables=tuple(records)))
    return tuple(sections), tuple(f"Left out: {reason}." for reason in left_out)
