"""Handwriting that nobody prepared (seed document 004, section 6)."""

from __future__ import annotations

from kenspeckle.errors import AbsentDataError
from kenspeckle.experiments.outcome import Outcome
from kenspeckle.experiments.plan import Plan


def handwriting(plan: Plan) -> Outcome:
    """Placeholder."""
    raise AbsentDataError("not yet")
