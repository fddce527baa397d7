"""Transfer learning from photographs (seed document 003, "Image Classification with fastai")."""

from __future__ import annotations

from kenspeckle.errors import AbsentDataError
from kenspeckle.experiments.outcome import Outcome
from kenspeckle.experiments.plan import Plan


def transfer(plan: Plan) -> Outcome:
    """Needs a pretrained backbone and a folder of pictures, which this version cannot read yet."""
    del plan
    raise AbsentDataError(
        "needs a pretrained backbone and a folder of pictures; this version has neither yet"
    )
