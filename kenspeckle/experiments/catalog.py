"""The list of experiments by name, and how one is carried out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from kenspeckle.errors import AbsentDataError, ConfigError, unknown_name
from kenspeckle.experiments import counting, looks, optimization, starts, transfer, tutorials, vgg
from kenspeckle.experiments.handwriting import handwriting
from kenspeckle.experiments.outcome import Outcome
from kenspeckle.experiments.plan import Plan

_001 = "001, Deep MNIST for Experts"
_002 = "002, Understanding TensorFlow with MNIST"
_003 = "003, Learn TensorFlow Now"
_COUNT = "003, Image Classification: Counting"
_004 = "004, DigitCNN"


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One row of the table: what a document did and said."""

    document: str
    section: str
    headline: str
    run: Callable[[Plan], Outcome]
    seconds: int  # about how long it takes in full on two processor cores


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """An experiment that was carried out, or the reason why not."""

    name: str
    experiment: Experiment
    outcome: Outcome | None
    skipped: str = ""  # what is absent
    seconds: float
    quick: bool
    settings: tuple[str, ...] = ()  # that every training was given, such as threads=1


EXPERIMENTS: dict[str, Experiment] = {
    "softmax": Experiment(
        document=_001,
        section="Build a softmax regression model",
        headline="92.15 % after 1,000 steps of 100",
        run=tutorials.softmax,
        seconds=10,
    ),
    "mlp-300": Experiment(
        document=_002,
        section="Classifying MNIST",
        headline="about 98 % after 50 epochs",
        run=tutorials.mlp_300,
        seconds=100,
    ),
    "deep-mnist": Experiment(
        document=_001,
        section="Build a multilayer convolutional network",
        headline="99.17 % after 20,000 steps of 50",
        run=tutorials.deep_mnist,
        seconds=500,
    ),
    "digit-cnn": Experiment(
        document=_004,
        section="4 and 5: training, testing on unseen data",
        headline="99.40 % after 30 epochs, 0.993 on validation",
        run=tutorials.digit_cnn,
        seconds=600,
    ),
    "init-large": Experiment(
        document=_003,
        section="6: weight initialization",
        headline="81.9 to 85.7 %: the outputs grow",
        run=starts.init_large,
        seconds=120,
    ),
    "init-small": Experiment(
        document=_003,
        section="6: smaller initial weights",
        headline="5.0 %: the outputs shrink",
        run=starts.init_small,
        seconds=120,
    ),
    "init-right": Experiment(
        document=_003,
        section="6: choosing the perfect initial weights",
        headline="97.3 %",
        run=starts.init_right,
        seconds=120,
    ),
    "optimizers": Experiment(
        document=_003,
        section="7: a quick look at optimizers",
        headline="SGD slow, momentum overshoots, Adam between",
        run=optimization.optimizers,
        seconds=2,
    ),
    "vgg-mnist": Experiment(
        document=_003,
        section="8: deeper ConvNets",
        headline="97.86 %",
        run=vgg.vgg_mnist,
        seconds=480,
    ),
    "vgg-cifar": Experiment(
        document=_003,
        section="10: VGG on CIFAR-10",
        headline="70.9 %",
        run=vgg.vgg_cifar,
        seconds=400,
    ),
    "mean-image": Experiment(
        document=_003,
        section="11: image pre-processing",
        headline="72.6 %",
        run=vgg.mean_image,
        seconds=400,
    ),
    "bias-variance": Experiment(
        document=_003,
        section="12: bias and variance",
        headline="84 % on train, 73 % on test, explained",
        run=vgg.bias_variance,
        seconds=60,
    ),
    "fingerprints": Experiment(
        document=_002,
        section="Image fingerprints",
        headline="bands per class",
        run=looks.fingerprints,
        seconds=30,
    ),
    "ideal-inputs": Experiment(
        document=_002,
        section="Estimating optimal input images",
        headline="L2 0.25 gives readable digits",
        run=looks.ideal_inputs,
        seconds=40,
    ),
    "counting-5": Experiment(
        document=_COUNT,
        section="counting objects",
        headline="99.8 %",
        run=counting.counting_5,
        seconds=150,
    ),
    "counting-50": Experiment(
        document=_COUNT,
        section="Part II, sensible transforms",
        headline="27 % with bad transforms, 100 % with good ones",
        run=counting.counting_50,
        seconds=180,
    ),
    "counting-sizes": Experiment(
        document=_COUNT,
        section="Part II, different sizes of objects",
        headline="100 %",
        run=counting.counting_sizes,
        seconds=150,
    ),
    "matrix-inverse": Experiment(
        document=_002,
        section="Calculating a matrix inverse, the hard way",
        headline="close to the inverse after 100,000 steps",
        run=optimization.matrix_inverse,
        seconds=40,
    ),
    "handwriting": Experiment(
        document=_004,
        section="6: my own handwriting",
        headline="ten digits, 100 %",
        run=handwriting,
        seconds=90,
    ),
    "transfer": Experiment(
        document="003, Image Classification with fastai",
        section="impressionists, kittens and cats",
        headline="95 % paintings, 92 % kittens from under 400 pictures",
        run=transfer.transfer,
        seconds=40,
    ),
}


def find_experiment(name: str) -> Experiment:
    """The experiment called `name`; raise `ConfigError` for an unknown name."""
    if name not in EXPERIMENTS:
        raise ConfigError(unknown_name("experiment", name, EXPERIMENTS))
    return EXPERIMENTS[name]


def reproduce(name: str, plan: Plan) -> Reproduction:
    """Carry out one experiment; one whose data is absent is skipped with the reason."""
    experiment = find_experiment(name)
    began = time.perf_counter()
    try:
        outcome, skipped = experiment.run(plan), ""
    except AbsentDataError as error:
        outcome, skipped = None, str(error)
    return Reproduction(
        name=name,
        experiment=experiment,
        outcome=outcome,
        skipped=skipped,
        seconds=time.perf_counter() - began,
        quick=plan.quick,
        settings=plan.settings,
    )
