"""From labelled pictures to a classifier that you can trust.

Public names resolve when they are first used, so importing this package imports neither torch nor
numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kenspeckle.release import VERSION

if TYPE_CHECKING:
    from kenspeckle.assessment import Assessment as Assessment
    from kenspeckle.assessment import evaluate as evaluate
    from kenspeckle.briefing.writing import report as report
    from kenspeckle.contest import compare as compare
    from kenspeckle.data.dataset import Dataset as Dataset
    from kenspeckle.data.dataset import memory_dataset as memory_dataset
    from kenspeckle.data.sources.detect import open_dataset as open_dataset
    from kenspeckle.errors import KenspeckleError as KenspeckleError
    from kenspeckle.evaluation.accuracy import Measurement as Measurement
    from kenspeckle.evaluation.accuracy import measure as measure
    from kenspeckle.examination import Diagnosis as Diagnosis
    from kenspeckle.examination import diagnose as diagnose
    from kenspeckle.exporting.writing import Export as Export
    from kenspeckle.exporting.writing import export as export
    from kenspeckle.inference import predict as predict
    from kenspeckle.looking import look as look
    from kenspeckle.many import train_many as train_many
    from kenspeckle.model_file import Classifier as Classifier
    from kenspeckle.model_file import load as load
    from kenspeckle.prediction import Prediction as Prediction
    from kenspeckle.predictions import Predictions as Predictions
    from kenspeckle.predictions import load_predictions as load_predictions
    from kenspeckle.recipes.catalog import build_recipe as build_recipe
    from kenspeckle.run_folder import Run as Run
    from kenspeckle.run_folder import open_run as open_run
    from kenspeckle.runs import resume as resume
    from kenspeckle.runs import train as train
    from kenspeckle.searching.conducting import search as search
    from kenspeckle.searching.config import SearchConfig as SearchConfig
    from kenspeckle.settings import RunConfig as RunConfig
    from kenspeckle.survey import Survey as Survey
    from kenspeckle.survey import inspect_data as inspect_data

_HOME = {
    "Assessment": "assessment",
    "Classifier": "model_file",
    "Dataset": "data.dataset",
    "Diagnosis": "examination",
    "Export": "exporting.writing",
    "KenspeckleError": "errors",
    "Measurement": "evaluation.accuracy",
    "Prediction": "prediction",
    "Predictions": "predictions",
    "Run": "run_folder",
    "RunConfig": "settings",
    "SearchConfig": "searching.config",
    "Survey": "survey",
    "build_recipe": "recipes.catalog",
    "compare": "contest",
    "diagnose": "examination",
    "evaluate": "assessment",
    "export": "exporting.writing",
    "inspect_data": "survey",
    "load": "model_file",
    "load_predictions": "predictions",
    "look": "looking",
    "measure": "evaluation.accuracy",
    "memory_dataset": "data.dataset",
    "open_dataset": "data.sources.detect",
    "open_run": "run_folder",
    "predict": "inference",
    "report": "briefing.writing",
    "resume": "runs",
    "search": "searching.conducting",
    "train": "runs",
    "train_many": "many",
}

__all__ = sorted(_HOME)
__version__ = VERSION


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'kenspeckle' has no attribute {name!r}")
    return getattr(import_module(f"kenspeckle.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
