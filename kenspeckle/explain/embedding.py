"""Pictures as points of a plane: what a layer makes of them, in two dimensions.

A plane cannot hold what many dimensions do, and t-SNE draws clusters where there are none; so the
number beside it is measured in the layer itself: whether neighbours have the same class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import nn

from kenspeckle.data.dataset import Dataset
from kenspeckle.data.evenly import evenly
from kenspeckle.errors import DataError
from kenspeckle.evaluation.accuracy import Interval, wilson
from kenspeckle.explain.vectors import before_head, vectors
from kenspeckle.figures import embedding as drawing
from kenspeckle.figures.drawable import Drawable

Method = Literal["pca", "tsne"]
MOST = 2000  # pictures; t-SNE of more takes longer than anyone looks
NEIGHBOURS = 10
_LEAST = 4  # pictures that make a plane
_DIMENSIONS = 30  # that t-SNE is given; further ones are noise and take time


@dataclass(frozen=True, kw_only=True)
class Embedding(Drawable):
    """Where pictures lie in a plane, and how far neighbours agree in the layer itself."""

    layer: str
    method: Method
    positions: NDArray[np.float64]  # (N, 2)
    labels: NDArray[np.int64]  # (N,)
    class_names: tuple[str, ...]
    images: NDArray[np.uint8]  # (N, H, W, C)
    of: int  # how many pictures the N were evenly chosen from
    explained: tuple[float, float] | None  # shares of the variance on both axes, of PCA
    perplexity: float | None  # of t-SNE
    neighbours: int  # how many nearest ones each picture was compared with
    agreement: float  # share of them with its label, by distance in the layer itself
    chance: float  # the same share if pictures lay anywhere
    told: Interval  # share of pictures whose neighbours' majority is their label, 95 %

    @property
    def title(self) -> str:
        """What it shows."""
        name = "principal components" if self.method == "pca" else "t-SNE"
        return f"Pictures in layer {self.layer}, by {name}"

    @property
    def description(self) -> str:
        """How the plane was found, and the number that does not depend on it."""
        chosen = f"{len(self.labels):,} pictures"
        if self.of > len(self.labels):
            chosen += f", evenly chosen from {self.of:,}"
        if self.explained:
            first, second = self.explained
            how = f"The axes hold {first:.0%} and {second:.0%} of the variance."
        else:
            how = (
                f"t-SNE with perplexity {self.perplexity:g} keeps near what is near; distances "
                "between clusters and their sizes mean nothing."
            )
        return (
            f"{chosen}. {how} In the layer itself {self.agreement:.1%} of the {self.neighbours} "
            f"nearest neighbours have the class of the picture; by chance it were "
            f"{self.chance:.1%}."
        )

    def figure(self) -> Figure:
        """Points in colour and shape by class."""
        return drawing.embedding(self)


def embedding(
    network: nn.Module,
    dataset: Dataset,
    *,
    layer: str = "",
    method: Method = "pca",
    most: int = 1000,
    seed: int = 0,
) -> Embedding:
    """Of at most `most` pictures of `dataset`, evenly chosen; by default of what the head is given.

    The pictures have the size of the input. Raises `ConfigError` for an unknown layer and
    `DataError` where there are fewer than 4 pictures or `most` is above 2,000.
    """
    if not _LEAST <= most <= MOST:
        raise DataError(f"an embedding takes {_LEAST} to {MOST:,} pictures, got {most:,}")
    if len(dataset) < _LEAST:
        raise DataError(
            f"{dataset.source}: an embedding needs at least {_LEAST} pictures, got {len(dataset)}"
        )
    chosen = dataset.take(evenly(len(dataset), most))
    name = layer or before_head(network, chosen.images)
    values = vectors(network, chosen.images, name).astype(np.float64)
    components, shares = _principal(values)
    positions, perplexity = components[:, :2], None
    if method == "tsne":
        perplexity = float(min(30, max(1, (len(values) - 1) // 3)))
        positions = _tsne(components[:, :_DIMENSIONS], perplexity, seed)
    counts = np.bincount(chosen.labels)
    count = min(NEIGHBOURS, len(values) - 1)
    same, right = _agreement(values, chosen.labels, count)
    return Embedding(
        layer=name,
        method=method,
        positions=positions,
        labels=chosen.labels,
        class_names=dataset.class_names,
        images=np.asarray(chosen.images[:]),
        of=len(dataset),
        explained=(shares[0], shares[1]) if method == "pca" else None,
        perplexity=perplexity,
        neighbours=count,
        agreement=same,
        chance=float((counts * (counts - 1)).sum() / (len(values) * (len(values) - 1))),
        told=wilson(right, len(values)),
    )


def _principal(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], list[float]]:
    """`values` (N, D) on its principal axes (N, 2 or more), and their shares of variance."""
    centred = values - values.mean(axis=0)
    left, spread, axes = np.linalg.svd(centred, full_matrices=False)
    # the sign of an axis is free: let its largest entry be positive, on every machine
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    components = left * spread * np.where(signs == 0, 1, signs)
    shares = (spread**2 / max(float((spread**2).sum()), 1e-300)).tolist()
    if components.shape[1] < 2:
        components = np.pad(components, ((0, 0), (0, 1)))
        shares = [*shares, 0.0]
    return components, shares


def _tsne(values: NDArray[np.float64], perplexity: float, seed: int) -> NDArray[np.float64]:
    from sklearn.manifold import TSNE  # a second to import, and seldom asked for

    state = int(np.random.default_rng(seed).integers(2**31))
    spread = max(float(values[:, 0].std()), 1e-12)
    found = TSNE(
        perplexity=perplexity,
        init=values[:, :2] / spread * 1e-4,
        max_iter=400,
        angle=0.7,
        random_state=state,
        n_jobs=1,
    )
    positions: NDArray[np.float64] = found.fit_transform(values).astype(np.float64)
    return positions


def _agreement(
    values: NDArray[np.float64], labels: NDArray[np.int64], count: int
) -> tuple[float, int]:
    """Share of the `count` nearest others with the same label; how many a majority names right."""
    from sklearn.neighbors import NearestNeighbors

    near = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(values)
    found = labels[near.kneighbors(return_distance=False)]  # not the picture itself
    votes = np.stack([(found == label).sum(axis=1) for label in range(labels.max() + 1)], axis=1)
    right = int((votes.argmax(axis=1) == labels).sum())
    return float((found == labels[:, None]).mean()), right
