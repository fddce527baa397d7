"""What stays of a session: the model files, the predictions and the result."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np

from kenspeckle import model_file, storage
from kenspeckle.cross_validation import out_of_fold
from kenspeckle.data.splits import VALIDATION
from kenspeckle.evaluation.accuracy import measure
from kenspeckle.inference import predictions
from kenspeckle.model_file import Classifier
from kenspeckle.predictions import Predictions, load_predictions
from kenspeckle.run_folder import MODEL, RESULT
from kenspeckle.session import Session, save_checkpoint
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


def keep_best(session: Session) -> Predictions:
    """Write the last checkpoint, the model file and its predictions, which are returned."""
    save_checkpoint(session)
    network = session.training.network
    network.load_state_dict(session.best)
    made = session.best_predictions
    by_folds, last = session.settings.splits.folds > 0, session.epochs[-1].epoch
    if made is None and by_folds and session.fold_of is None:  # resumed after all was done
        made = load_predictions(session.run.predictions_file(HEAD))
    if made is None:
        made = validated(session, last)
    if made.values is not None:  # the spread of its answers, which they are believed by
        made = validated(session, last, temperature=_variance(made))
    _save_model(session, session.run.path / MODEL, made)
    made.save(session.run.predictions_file(VALIDATION))
    return made


def write_result(session: Session, made: Predictions) -> None:
    """Write the figures; last of all files, because a folder with them counts as finished."""
    role = "by folds" if session.settings.splits.folds > 0 else "chosen on"
    figures = {VALIDATION: {"role": role, **asdict(measure(made))}}
    storage.write_json(session.run.path / RESULT, figures)


def _variance(made: Predictions) -> float:
    """Of the errors of a model that tells a number; 1 for all others."""
    if made.values is None:
        return 1.0
    numbers = np.array([float(name) for name in made.class_names])
    return float(max(1e-6, np.mean((made.values - numbers[made.labels]) ** 2)))


def keep_model(session: Session, made: Predictions) -> None:
    """Every so many epochs, a model file that stays, of the network that has `made` these."""
    every, epoch = session.settings.train.keep_models, session.epochs[-1].epoch
    if every and epoch % every == 0:
        path = session.run.epoch_model_path(epoch)
        storage.make_folder(path.parent)
        _save_model(session, path, made)


def _save_model(session: Session, path: Path, made: Predictions) -> None:
    """The network as it is now, which has `made` these, with all that is needed to use it."""
    settings, measured = session.settings, measure(made)
    card = {
        "source": settings.source,
        "recipe": settings.recipe,
        "seed": settings.seed,
        "data": session.identity["data"],
        "validation": {
            "accuracy": measured.accuracy,
            "n": measured.n,
            "interval": [measured.interval.low, measured.interval.high],
        },
    }
    classifier = Classifier(
        network=session.training.network,
        architecture=settings.model,
        shape=session.input_shape,
        class_names=session.dataset.class_names,
        preprocess=settings.preprocess,
        task=settings.train.task,
        temperature=_variance(made),
        card=card,
    )
    model_file.save(path, classifier)
