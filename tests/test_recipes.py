"""Every recipe is built and takes a step, and starts as it always did."""

from dataclasses import replace

import pytest
from conftest import bars as words

import kenspeckle as ks
from kenspeckle import config
from kenspeckle.recipes.catalog import RECIPES
from kenspeckle.runs import training
from kenspeckle.training import Epoch


def bars(count):
    """With classes that are numbers, which some recipes count with."""
    return replace(words(count), class_names=("0", "1", "2"))


OFTEN = ("blink", "counting-number", "transfer")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in OFTEN else pytest.mark.slow) for name in RECIPES],
)
def test_a_recipe_trains_as_it_is(name, tmp_path):
    """In its own precision; that each of them trains is part of the test of its losses."""
    run = ks.train(
        bars(90),
        recipe=name,
        settings=(
            "threads=1",
            "train.epochs=0",
            "train.steps=3",
            "train.batch_size=20",
            "splits.folds=0",
        ),
        out=tmp_path / "run",
    )
    assert run.result["validation"]["n"] > 0
    assert run.config.recipe == name


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_says_what_to_expect(name):
    assert len(RECIPES[name].__doc__) > 40


GOLDEN = {  # first losses with seed 0 on `bars`, fp32, one thread
    "blink": [1.310961, 0.402144, 0.184549],
    "counting": [1.113163, 1.047744, 0.638452],
    "counting-bad": [1.072588, 1.041660, 0.720036],
    "counting-number": [0.707088, 0.619194, 0.075698],
    "deep-mnist": [7.621392, 3.282539, 2.867349],
    "digit-cnn": [1.030481, 1.044891, 0.993162],
    "init-large": [610545.000000, 1256849.500000, 341484.687500],
    "init-right": [1.317711, 3.554880, 1.122529],
    "init-small": [1.098606, 1.098945, 1.098517],
    "mean-image": [6.425160, 6.365755, 7.017056],
    "mlp": [1.112523, 1.094612, 0.399682],
    "mlp-300": [1.992328, 4.054163, 16.931772],
    "photos": [1.062176, 0.773818, 0.371356],
    "softmax": [1.098612, 0.530031, 0.273705],
    "swift": [1.327402, 0.726335, 0.221096],
    "transfer": [0.724466, 0.836433, 0.948478],
    "vgg-cifar": [1.759977, 1.952771, 1.291963],
    "vgg-mnist": [1.101224, 0.634663, 3.128859],
}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_trains_and_starts_with_the_losses_that_it_always_had(name, tmp_path):
    settings = [
        "threads=1",
        "precision=fp32",
        "train.epochs=0",
        "train.steps=3",
        "train.batch_size=20",
        "transfer.fine_tune=on",
        "splits.folds=0",
    ]
    chosen = config.override(ks.build_recipe(name), settings)
    events = list(training(chosen, out=tmp_path / "run", dataset=bars(90)))
    losses = next(event.losses for event in events if isinstance(event, Epoch) and event.complete)
    assert losses == pytest.approx(GOLDEN[name], rel=1e-4)
    run = ks.open_run(tmp_path / "run")
    assert run.result["validation"]["n"] > 0
    assert run.config.recipe == name
