"""Do two splits come from one distribution? A classifier that can tell them apart says no.

The classifier two-sample test (Lopez-Paz and Oquab 2017) with a least-squares classifier, whose
answers on left-out items follow in closed form, so that permutations give the p-value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.images import Images
from kenspeckle.diagnosis.findings import Finding

PICTURES = 400  # of each split
PERMUTATIONS = 499
_COMPONENTS = 30
_RIDGE = 1e-2
_TOLD = 0.65  # accuracy of telling two splits apart that matters; 0.5 is chance
_CHANCE = 0.01


@dataclass(frozen=True, kw_only=True)
class Shift:
    """How well two splits are told apart."""

    between: tuple[str, str]
    accuracy: float  # on left-out pictures; 0.5 for one distribution
    p: float  # share of permutations that are told apart as well
    n: int  # pictures of each


def shift(one: Images, other: Images, *, between: tuple[str, str], seed: int = 0) -> Shift:
    """Test pictures (N, H, W, C) of two splits, the same number of each, drawn at random."""
    rng = np.random.default_rng(seed)
    count = min(PICTURES, len(one), len(other))
    chosen = [np.sort(rng.permutation(len(part))[:count]) for part in (one, other)]
    images = np.concatenate([np.asarray(one[chosen[0]]), np.asarray(other[chosen[1]])])
    rows = traits(images)
    accuracy, p = two_sample_test(rows[:count], rows[count:], seed=seed)
    return Shift(between=between, accuracy=accuracy, p=p, n=count)


def traits(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N, D) standardised: main components of the pixels, brightness, contrast and sharpness."""
    pixels = images.astype(np.float32) / 255
    grey = pixels.mean(axis=3)
    flat = grey.reshape(len(grey), -1)
    across, down = np.diff(grey, axis=2), np.diff(grey, axis=1)
    corners = np.diff(across, axis=1)
    numbers = [
        flat.mean(axis=1),
        flat.std(axis=1),
        *np.quantile(flat, (0.0, 0.1, 0.5, 0.9, 1.0), axis=1),
        *(np.abs(part).mean(axis=(1, 2)) for part in (across, down, corners)),
        *((part**2).mean(axis=(1, 2)) for part in (across, down, corners)),
        (grey * np.linspace(-1, 1, grey.shape[2])).mean(axis=(1, 2)),
        (grey * np.linspace(-1, 1, grey.shape[1])[:, None]).mean(axis=(1, 2)),
        *pixels.mean(axis=(1, 2)).T,
    ]
    centred = flat - flat.mean(axis=0)
    values, vectors = np.linalg.eigh((centred @ centred.T).astype(np.float64))
    count = min(_COMPONENTS, len(flat) // 10)
    main = vectors[:, -count:] * np.sqrt(np.maximum(values[-count:], 0))
    rows = np.concatenate([main, np.stack(numbers, axis=1)], axis=1).astype(np.float64)
    deviation = rows.std(axis=0)
    kept = deviation > 1e-9
    found: NDArray[np.float64] = (rows - rows.mean(axis=0))[:, kept] / deviation[kept]
    return found


def two_sample_test(
    one: NDArray[np.float64], other: NDArray[np.float64], *, seed: int = 0
) -> tuple[float, float]:
    """(accuracy of telling rows (N, D) apart, p-value), for equally many rows of each."""
    rows = np.concatenate([one, other])
    rows = np.concatenate([rows, np.ones((len(rows), 1))], axis=1)
    sides = np.repeat([-1.0, 1.0], [len(one), len(other)])
    inner = rows.T @ rows + _RIDGE * len(rows) * np.eye(rows.shape[1])
    hat = rows @ np.linalg.solve(inner, rows.T)
    leverage = np.diag(hat)[:, None]
    rng = np.random.default_rng(seed)
    shuffled = np.stack([sides, *(rng.permutation(sides) for _ in range(PERMUTATIONS))], axis=1)
    left_out = (hat @ shuffled - leverage * shuffled) / (1 - leverage)
    right = ((left_out > 0) == (shuffled > 0)).mean(axis=0)
    return float(right[0]), float((1 + (right[1:] >= right[0]).sum()) / (1 + PERMUTATIONS))


def shift_findings(found: Shift) -> list[Finding]:
    """A fault where chance does not explain it and it is large enough to matter."""
    if found.p > _CHANCE or found.accuracy < _TOLD:
        return []
    one, other = found.between
    return [
        Finding(
            name="distribution shift",
            evidence=f"a linear classifier tells {one} from {other} pictures with "
            f"{found.accuracy:.1%} (n={found.n:,} of each, p={found.p:.3f} by permutation)",
            why=f"pictures of {other} are of another kind than those that are learned from",
            advice="mix the sources before they are split, or add such pictures to training",
        )
    ]
