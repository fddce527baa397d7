"""What the ledger of a run says of its data, without its pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from kenspeckle.diagnosis.findings import Finding
from kenspeckle.diagnosis.inspection import class_findings, excluded_findings, note_findings


def ledger_findings(ledger: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Findings on what was left out, on the classes, and on what decoding did with pictures."""
    items = ledger.get("items", ())
    excluded = [(item["path"], item["reason"]) for item in items if "reason" in item]
    notes = Counter(note for item in items for note in item.get("notes", ()))
    counts = ledger["counts"]
    used = sum(sum(split.values()) for split in counts.values())
    return (
        *excluded_findings(excluded),
        *class_findings(counts, items=used),
        *note_findings(dict(notes.most_common())),
    )
