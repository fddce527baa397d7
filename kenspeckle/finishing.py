"""What a run leaves behind: model files, predictions of validation, and the result."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np

from kenspeckle import model_file, storage
from kenspeckle.cross_validation import out_of_fold
from kenspeckle.data.splits import VALIDATION
from kenspeckle.evaluation.metrics import accuracy_of, measure_fully
from kenspeckle.evaluation.temperature import (
    Temperature,
    fit_temperature,
    log_loss,
    refused,
    scaled,
)
from kenspeckle.inference import predictions
from kenspeckle.model_file import Classifier
from kenspeckle.predictions import Predictions, load_predictions
from kenspeckle.run_folder import MODEL, RESULT
from kenspeckle.session import Session
from kenspeckle.transfer import HEAD


def validated(session: Session, epoch: int, *, temperature: float = 1.0) -> Predictions:
    """Of the validation split by the present network, or of all pictures by those of the folds."""
    if session.fold_of is not None:
        return out_of_fold(session, epoch, temperature=temperature)
    return predictions(
        session.training.network,
        session.course.validation,
        session.head,
        split=VALIDATION,
        temperature=temperature,
    )


def write_model(session: Session) -> Temperature | None:
    """Write the model file of the best weights, and what it says of validation.

    Its temperature is fitted on that; None where it tells a number and not classes.
    """
    session.training.network.load_state_dict(session.best)
    by_folds, last = session.settings.splits.folds > 0, session.epochs[-1].epoch
    by_head = by_folds and session.fold_of is None  # folds of features, not of networks
    made, fitted = session.best_predictions, None
    if made is None and by_head:  # resumed after all was done
        made = load_predictions(session.run.predictions_file(HEAD))
    if made is None:
        made = validated(session, last)
    if made.values is not None:  # the spread of its answers, which they are believed by
        value = _variance(made)
        made = validated(session, last, temperature=value)
    else:
        fitted = fit_temperature(made, groups=session.told_groups)
        if fitted.value != 1.0:
            warmed = (
                scaled(made, fitted.value)
                if by_head
                else validated(session, last, temperature=fitted.value)
            )
            fitted = _checked(fitted, made, warmed)
            made = warmed if fitted.value != 1.0 else made
        value = fitted.value
    save_model(session, session.run.path / MODEL, made, temperature=value)
    made.save(session.run.predictions_file(VALIDATION))
    session.best_predictions = made
    return fitted


def write_result(session: Session, temperature: Temperature | None) -> None:
    """Write the figures of validation: the last file, since a folder with it counts as finished."""
    made = session.best_predictions
    assert made is not None
    entry = {
        "role": "by folds" if session.settings.splits.folds > 0 else "chosen on",
        **asdict(measure_fully(made, groups=session.told_groups)),
        "temperature": asdict(temperature) if temperature else None,
    }
    storage.write_json(session.run.path / RESULT, {VALIDATION: entry})


def keep_model(session: Session, made: Predictions) -> None:
    """Every so many epochs, a model file that stays, of the network that has `made` these."""
    every, epoch = session.settings.train.keep_models, session.epochs[-1].epoch
    if every and epoch % every == 0:
        path = session.run.epoch_model_path(epoch)
        storage.make_folder(path.parent)
        save_model(session, path, made, temperature=_variance(made))


def save_model(session: Session, path: Path, made: Predictions, *, temperature: float) -> None:
    """The network as it is now, which has `made` these, with all that is needed to use it."""
    settings, told = session.settings, accuracy_of(made, groups=session.told_groups)
    card = {
        "source": settings.source,
        "recipe": settings.recipe,
        "seed": settings.seed,
        "data": session.identity["data"],
        "validation": {
            "accuracy": told.value,
            "n": told.n,
            "interval": [told.interval.low, told.interval.high],
        },
    }
    classifier = Classifier(
        network=session.training.network,
        architecture=settings.model,
        shape=session.input_shape,
        class_names=session.dataset.class_names,
        preprocess=settings.preprocess,
        task=settings.train.task,
        temperature=temperature,
        card=card,
    )
    model_file.save(path, classifier)


def _checked(fitted: Temperature, before: Predictions, after: Predictions) -> Temperature:
    """`fitted`, or refused where it does not do what it should on the outputs themselves.

    It was fitted on the mean of several views of a picture, and is applied to each of them.
    """
    changed = int((before.predicted != after.predicted).sum())
    if changed:
        return refused(fitted, f"it would change {changed} answers, which are means of views")
    if not log_loss(after) < log_loss(before):
        return refused(fitted, "it does not lower the log-loss of means of views")
    return fitted


def _variance(made: Predictions) -> float:
    """Of the errors of a model that tells a number; 1 for all others."""
    if made.values is None:
        return 1.0
    numbers = np.array([float(name) for name in made.class_names])
    return float(max(1e-6, np.mean((made.values - numbers[made.labels]) ** 2)))
