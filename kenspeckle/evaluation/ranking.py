"""Ranking: whether items of a class are told it with a higher probability than the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from kenspeckle.evaluation.intervals import Estimate, Interval, effective
from kenspeckle.predictions import Predictions

METHOD = "DeLong, Wilson for the effective n"


def auroc(predictions: Predictions, *, groups: NDArray[np.int64] | None = None) -> Estimate:
    """Area under the ROC curve of each class against the rest, the mean over the classes.

    Equal probabilities count half. Classes that are not there, or alone there, are left out; NaN
    where none is left. The interval is that of DeLong et al. (1988) for the mean of the areas.
    """
    count, classes = predictions.probabilities.shape
    areas, smallest = [], count
    influences = np.zeros(count)
    for label in range(classes):
        is_own = predictions.labels == label
        own = int(is_own.sum())
        others = count - own
        if not own or not others:
            continue
        said = predictions.probabilities[:, label]
        ranks = rankdata(said)
        # how many of the other kind lie below each item, ties half, as a share
        below = np.empty(count)
        below[is_own] = (ranks[is_own] - rankdata(said[is_own])) / others
        below[~is_own] = (ranks[~is_own] - rankdata(said[~is_own])) / own
        area = float(below[is_own].mean())
        areas.append(area)
        smallest = min(smallest, own, others)
        influences[is_own] += (below[is_own] - area) / own
        influences[~is_own] += (1 - below[~is_own] - area) / others
    if not areas:
        whole = Interval(low=0.0, high=1.0)
        return Estimate(value=float("nan"), interval=whole, n=count, method="undefined")
    area = float(np.mean(areas))
    interval = effective(area, influences / len(areas), groups=groups, most=smallest)
    return Estimate(value=area, interval=interval, n=count, method=METHOD)
