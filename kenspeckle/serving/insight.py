"""What the page shows of one picture: the answer, where it comes from, and what it resembles.

Computed in a process of its own, so that it never slows a prediction; the answers are plain JSON.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.framing import decode_for, resize
from kenspeckle.data.preprocess import prepare
from kenspeckle.errors import ConfigError, DataError
from kenspeckle.explain.attribution import SaliencyConfig
from kenspeckle.explain.layers import pixels, writable
from kenspeckle.explain.maps import last_maps
from kenspeckle.explain.neighbours import Neighbourhood, neighbourhood
from kenspeckle.explain.saliency import saliency
from kenspeckle.explain.walkthrough import LayerAnswer, walk
from kenspeckle.figures.overlays import map_sheet, number_sheet, overlay
from kenspeckle.figures.saliency import spoken
from kenspeckle.inference import outputs
from kenspeckle.model_file import Classifier
from kenspeckle.models.heads import NumberHead
from kenspeckle.run_folder import open_run
from kenspeckle.run_pictures import RunPictures
from kenspeckle.serving.insight_parts import (
    PARTS,
    Given,
    answer_part,
    check_asked,
    part_or_why,
    png_address,
    seen_part,
)

_SMALL = 64  # pixels a side, up to which fifty passes cost some milliseconds
_MOST_MAPS, _MOST_NUMBERS = 24, 512  # of a layer
_NEAREST = 5
_THUMBNAIL = 112  # pixels of the longer side
_PATIENCE = 0.2  # seconds until the page is told to ask for the neighbours again


class Insight:
    """Looks at pictures for one model; training pictures are read when they are first asked for."""

    def __init__(self, classifier: Classifier, run: Path | None) -> None:
        self._classifier = classifier
        self._run = run
        self._last: tuple[bytes, Given] | None = None  # the page asks part by part
        self._turn = threading.Lock()  # hooks of two looks at one network would mix

    def of(
        self, picture: bytes, *, label: str = "", parts: Sequence[str] = PARTS
    ) -> dict[str, Any]:
        """JSON with an entry for each of `parts`; a part that cannot be has `{"error": why}`.

        `label` is the class whose saliency is shown, instead of the answer. Raises `DataError`
        where the picture cannot be used, and `ConfigError` for a part or class that is not there.
        """
        check_asked(parts, label, self._classifier.class_names)
        told: dict[str, Callable[[Given], dict[str, Any]]] = {
            "seen": seen_part,
            "answer": lambda given: answer_part(given, self._classifier.class_names),
            "saliency": lambda given: self._saliency(given, label),
            "activations": self._activations,
            "neighbours": self._neighbours,
        }
        with self._turn:
            given = self._given(picture)
            return {part: part_or_why(told[part], given) for part in parts}

    def _given(self, picture: bytes) -> Given:
        if self._last is None or self._last[0] != picture:
            self._last = picture, self._asked(picture)
        return self._last[1]

    def _asked(self, picture: bytes) -> Given:
        classifier, head = self._classifier, self._classifier.head
        decoded = decode_for(picture, classifier.preprocess, name="picture").pixels
        views = writable(prepare(decoded, classifier.preprocess, channels=classifier.shape[0]))
        said = outputs(classifier.network, views)
        return Given(
            views=views,
            shares=(head.logits(said) / classifier.temperature).softmax(dim=1).mean(dim=0).numpy(),
            value=float(head.values(said).mean()) if isinstance(head, NumberHead) else None,
        )

    def _saliency(self, given: Given, label: str) -> dict[str, Any]:
        names = self._classifier.class_names
        target = names.index(label) if label else int(given.shares.argmax())
        found = saliency(
            self._classifier,
            given.seen[np.newaxis],
            method=self._method,
            target=target,
            config=SaliencyConfig(layer=self._last_maps),
        )
        return {
            "method": spoken(found.method),
            "signed": found.signed,
            "label": names[target],
            "overlay": png_address(overlay(found.maps[0], signed=found.signed)),
        }

    @property
    def _method(self) -> str:
        """Exact where pictures are small; of photographs, regions by a single pass."""
        if max(self._classifier.shape[1:]) <= _SMALL:
            return "integrated-gradients"
        return "grad-cam" if self._last_maps else "gradient"

    @cached_property
    def _last_maps(self) -> str:
        """The layer of Grad-CAM; "" where no layer has maps."""
        channels, height, width = self._classifier.shape
        blank = np.zeros((1, height, width, channels), dtype=np.uint8)
        network = self._classifier.network
        try:
            return last_maps(network, pixels(blank, network))
        except ConfigError:
            return ""

    def _activations(self, given: Given) -> dict[str, Any]:
        found = walk(self._classifier.network, given.seen)
        return {"layers": [_layer(answer) for answer in found]}

    def _neighbours(self, given: Given) -> dict[str, Any]:
        try:
            known = self._neighbourhood.result(timeout=_PATIENCE)
        except NotYet:
            return {"preparing": True}
        except (MemoryError, OSError, RuntimeError) as error:
            # pictures of others, however many: what goes wrong must not end the process
            raise DataError(f"the training pictures cannot be read ({error})") from error
        classifier = self._classifier
        count = min(_NEAREST, len(known.training))
        found = known.nearest(
            classifier.network, given.seen[np.newaxis], count, head=classifier.head
        )
        return {
            "searched": found.training,
            "layer": found.layer,
            "pictures": [
                {
                    "label": found.class_names[found.labels[0, place]],
                    "distance": float(found.distances[0, place]),
                    "agrees": not bool(found.disagreeing[0, place]),
                    "picture": png_address(_reduced(found.found[0, place])),
                }
                for place in range(count)
            ],
        }

    @cached_property
    def _neighbourhood(self) -> Future[Neighbourhood]:
        """Begun when it is first asked for, beside the looks that go on meanwhile."""
        worker = ThreadPoolExecutor(1, thread_name_prefix="neighbourhood")
        future = worker.submit(_learned_by, copy.deepcopy(self._classifier), self._run)
        worker.shutdown(wait=False)
        return future


def _learned_by(classifier: Classifier, run: Path | None) -> Neighbourhood:
    """`classifier` is the caller's own: while it works here, nobody else may ask it."""
    if run is None:
        raise DataError("the model file does not hold the pictures that it was trained on")
    training = RunPictures(open_run(run), replace(classifier)).training
    return neighbourhood(classifier.network, training)


def _layer(answer: LayerAnswer) -> dict[str, Any]:
    count, height, width = answer.maps.shape
    if answer.is_numbers:
        shown = min(count, _MOST_NUMBERS)
        sheet = number_sheet(answer.maps[:shown, 0, 0])
    else:
        shown = min(count, _MOST_MAPS)
        sheet = map_sheet(answer.maps[answer.order[:shown]])
    return {
        "name": answer.layer,
        "units": count,
        "shown": shown,
        "height": height,
        "width": width,
        "active": int((np.abs(answer.maps).max(axis=(1, 2)) > 0).sum()),
        "sheet": png_address(sheet),
        "sheet_width": sheet.shape[1],
        "sheet_height": sheet.shape[0],
    }


def _reduced(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    longest = max(picture.shape[:2])
    if longest <= _THUMBNAIL:
        return picture
    height, width = (max(1, round(side * _THUMBNAIL / longest)) for side in picture.shape[:2])
    return resize(picture, height, width)
