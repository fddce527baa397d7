"""`ImageClassifier`: the training engine as an estimator of scikit-learn.

Nothing is written to disk. A pickle, which only the user makes, holds the bytes of a model file.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from kenspeckle import config
from kenspeckle.data.dataset import Dataset, memory_dataset
from kenspeckle.data.numbers import Numbers, standard_of
from kenspeckle.data.preprocess import dataset_views
from kenspeckle.device import DeviceName
from kenspeckle.errors import ConfigError, DataError
from kenspeckle.inference import predictions
from kenspeckle.learning import learn
from kenspeckle.model_file import from_bytes
from kenspeckle.recipes.catalog import build_recipe
from kenspeckle.recipes.features import features
from kenspeckle.settings import RunConfig
from kenspeckle.training import Epoch

MAX_FEATURES = 4096  # what a model file takes
# settings that are parameters of the estimator, or that need a validation split or a run folder
PARAMETERS = {"seed": "random_state", "device": "device", "threads": "threads"}
ELSEWHERE = (
    "source",
    "data",
    "splits",
    "transfer",
    "monitor",
    "augment.check",
    "train.patience",
    "train.min_delta",
    "train.keep",
    "train.keep_models",
    "train.keep_checkpoints",
    "train.checkpoint_seconds",
)


class ImageClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # it has no types
    """Classify pictures (N, H, W) or (N, H, W, C) of uint8, or rows of numbers (N, D).

    Pictures go through a recipe as in `ks.train`, but for two things: all of them are learned
    from, because it is scikit-learn that holds pictures back, and the last epoch is the model.
    Rows of numbers, of any type, are not taken for pixels: each of the D features is scaled by its
    mean and deviation over the training rows, and a small dense network learns from them.

    `recipe` is a name, "" chooses `swift` for pictures and one hidden layer of 64 for numbers.
    `epochs` are passes over the training items, None leaves them to the recipe; `settings` are
    texts like "optimizer.rate=0.003". `random_state` as an integer is the seed of the recipe.
    `threads` None takes as many as torch uses already, 0 one for each core. With `verbose=1` every
    epoch prints a line.

    After `fit`: `classes_`, `n_features_in_` (the pixels of a picture, or D), `history_` (an
    `Epoch` for each pass), `n_iter_` (how many) and `classifier_`, what `ks.load` would give.
    """

    def __init__(
        self,
        recipe: str = "",
        *,
        epochs: float | None = None,
        settings: Sequence[str] = (),
        random_state: int | np.random.RandomState | None = 0,
        device: DeviceName = "auto",
        threads: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.recipe = recipe
        self.epochs = epochs
        self.settings = settings
        self.random_state = random_state
        self.device = device
        self.threads = threads
        self.verbose = verbose

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn all of `X` with the labels `y` (N,), of any type.

        Raises `DataError` for pictures and `ConfigError` for settings that cannot be used.
        """
        items = self._items(X, y)
        usual = features() if isinstance(items, Numbers) else build_recipe("swift")
        learned = learn(items, self._chosen(usual), tell=self._tell)
        self.model_ = learned.model
        self.classifier_ = learned.classifier
        self.history_ = learned.epochs
        self.n_iter_ = len(learned.epochs)
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """(N, K) in the order of `classes_`; each row sums to 1."""
        check_is_fitted(self)
        pictures = _pictures(X)
        if self.standard_ is None:
            return self._of_pictures(pictures, np.shape(X))
        if pictures is not None:
            raise DataError(
                f"X: rows of {self.n_features_in_} numbers were learned, "
                f"got pictures of shape {np.shape(X)}"
            )
        rows = validate_data(self, X, reset=False, dtype=np.float64)
        # in float64, so that the answer to a row does not depend on the rows beside it
        network = deepcopy(self.classifier_.network).double()
        with torch.inference_mode():
            said = network(torch.from_numpy(self.standard_.lines(rows)).permute(0, 3, 1, 2))
        shares: NDArray[np.float64] = said.softmax(dim=1).numpy()
        return shares

    def _of_pictures(
        self, pictures: NDArray[np.uint8] | None, shape: tuple[int, ...]
    ) -> NDArray[np.float64]:
        """`predict_proba` of pictures (N, H, W, C), which were given in `shape`."""
        if pictures is None or pictures.shape[1:] != self.picture_shape_:
            assert self.picture_shape_
            wanted = ", ".join(map(str, self.picture_shape_))
            raise DataError(f"X: pictures of shape (N, {wanted}) were learned, got shape {shape}")
        classifier = self.classifier_
        nothing = np.zeros(len(pictures), dtype=np.int64)  # labels, which are not looked at
        data = memory_dataset(pictures, nothing, class_names=classifier.class_names, source="X")
        views = dataset_views(data, classifier.preprocess)
        made = predictions(classifier.network, views, classifier.head, split="")
        exact = made.probabilities.astype(np.float64)
        shares: NDArray[np.float64] = exact / exact.sum(axis=1, keepdims=True)
        return shares

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The most probable class of each item, (N,)."""
        best = self.predict_proba(X).argmax(axis=1)
        names: NDArray[Any] = self.classes_[best]
        return names

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Without the network itself: its bytes are in `model_`."""
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name != "classifier_"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "model_" in state:
            self.classifier_ = from_bytes(self.model_)

    def _items(self, X: ArrayLike, y: Any) -> Dataset | Numbers:
        """What is learned from; and all that `fit` keeps of the data."""
        pictures = _pictures(X)
        if pictures is None:
            rows, y = validate_data(self, X, y, dtype=np.float64)
            _require_few(rows)
        else:
            y = column_or_1d(y, warn=True)
            check_consistent_length(pictures, y)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        names = tuple(str(name) for name in self.classes_)
        self.picture_shape_ = None if pictures is None else pictures.shape[1:]
        self.standard_ = None if pictures is not None else standard_of(rows)
        if pictures is not None:
            self.n_features_in_ = int(np.prod(pictures.shape[1:]))
            return memory_dataset(pictures, labels, class_names=names, source="X")
        assert self.standard_
        lines = self.standard_.lines(rows).astype(np.float32)
        return Numbers(images=lines, labels=labels, class_names=names)

    def _chosen(self, usual: RunConfig) -> RunConfig:
        """The complete configuration; `usual` is the recipe where none is named."""
        if isinstance(self.settings, str):
            raise ConfigError(f"settings must be a list of texts, got {self.settings!r}")
        for line in self.settings:
            _refuse_elsewhere(line.partition("=")[0].strip())
        chosen = build_recipe(self.recipe) if self.recipe else usual
        told = config.to_dict(config.override(chosen, self.settings))
        if self.epochs is not None:
            told["train"] |= {"epochs": _plain(self.epochs), "steps": 0}
        threads = torch.get_num_threads() if self.threads is None else _plain(self.threads)
        told |= {"source": "X", "seed": _seed(self.random_state), "threads": threads}
        return config.from_dict(RunConfig, told | {"device": self.device})

    def _tell(self, epoch: Epoch) -> None:
        if self.verbose:
            print(
                f"epoch {epoch.number + 1}: loss {epoch.loss:.4f}, "
                f"accuracy {epoch.accuracy:.2%} while it learned, {epoch.seconds:.1f} s"
            )


def _pictures(X: Any) -> NDArray[np.uint8] | None:
    """`X` as (N, H, W, C), or None where it holds no pictures but rows."""
    if isinstance(X, list | tuple) and len(X) and np.ndim(X[0]) >= 2:
        shapes = sorted({np.shape(picture) for picture in X})
        if len(shapes) > 1:
            raise DataError(
                f"X: pictures must all be of one shape, got {shapes[0]} and {shapes[1]}"
            )
        X = np.stack(X)
    if not isinstance(X, np.ndarray) or X.ndim < 3:
        return None
    if X.dtype != np.uint8 or X.ndim > 4:
        raise DataError(
            f"X: pictures must be uint8 of shape (N, H, W) or (N, H, W, C), got {X.dtype} of shape "
            f"{X.shape}; numbers in 0..1 become pictures by (255 * X).round().astype('uint8')"
        )
    whole = np.require(X, requirements=["C", "W"])  # torch takes no others without a warning
    # not by np.newaxis, whose stride of 0 leads torch to another convolution with other last bits
    return whole.reshape(*whole.shape, 1) if X.ndim == 3 else whole


def _require_few(rows: NDArray[np.float64]) -> None:
    if rows.shape[1] > MAX_FEATURES:
        raise DataError(
            f"X: at most {MAX_FEATURES} features, got {rows.shape[1]}; "
            "give pictures as uint8 of shape (N, H, W) or (N, H, W, C)"
        )


def _refuse_elsewhere(name: str) -> None:
    """Raise `ConfigError` for a setting that would have no effect here."""
    if name in PARAMETERS:
        raise ConfigError(f"{name} is no setting here but the parameter {PARAMETERS[name]}")
    if any(name == known or name.startswith(f"{known}.") for known in ELSEWHERE):
        raise ConfigError(
            f"{name} has no effect in ImageClassifier, which learns from all items that it is "
            "given and writes nothing; use `ken train` for it"
        )


def _plain(value: Any) -> Any:
    """A number of numpy, as grids often are made of, as one of Python."""
    return value.item() if isinstance(value, np.generic) else value


def _seed(random_state: Any) -> int:
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))
