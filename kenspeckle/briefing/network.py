"""The network of a run, and how much work one picture is for it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.dataset import Dataset
from kenspeckle.data.evenly import evenly
from kenspeckle.data.preprocess import dataset_views
from kenspeckle.data.splits import TRAIN
from kenspeckle.inference import predictions
from kenspeckle.model_file import Classifier, load
from kenspeckle.models.summary import LayerRow, ModelSummary, summarize
from kenspeckle.run_folder import Run

_WORK = 4e10  # multiplications that measuring training pictures may take, about two seconds
_LEAST, _MOST = 200, 5000  # training pictures that are measured


@dataclass(frozen=True, kw_only=True)
class Network:
    """A trained network with the table of its layers."""

    classifier: Classifier
    summary: ModelSummary

    @property
    def cost(self) -> float:
        """Multiplications for one picture, more or less."""
        return sum(_multiplications(row) for row in self.summary.rows)

    def share_right(self, data: Dataset, items: NDArray[np.int64]) -> tuple[float, int]:
        """Of `items`, or of some of them where they are many: the share told rightly, and n."""
        count = int(max(_LEAST, min(_MOST, _WORK / self.cost)))
        chosen = items[evenly(len(items), count)]
        found = predictions(
            self.classifier.network,
            dataset_views(data.take(chosen), self.classifier.preprocess),
            self.classifier.head,
            split=TRAIN,
            temperature=self.classifier.temperature,
        )
        return float((found.predicted == found.labels).mean()), len(found)


def network_of(run: Run) -> Network:
    """Load the model of `run`; raises `KenspeckleError` where it cannot be used here."""
    classifier = load(run.model_file)
    summary = summarize(
        classifier.architecture, shape=classifier.shape, outputs=classifier.head.outputs
    )
    return Network(classifier=classifier, summary=summary)


def _multiplications(row: LayerRow) -> int:
    """Each weight is used at every place: of maps (C, H, W), or where units are the last axis."""
    if "Conv" in row.kind:
        return row.weights * math.prod(row.shape[1:])
    return row.weights * math.prod(row.shape[:-1]) if "Linear" in row.kind else 0
