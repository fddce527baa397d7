"""Every recipe is built and takes a step, and starts as it always did."""

import pytest
from conftest import bars

import kenspeckle as ks
from kenspeckle import config
from kenspeckle.recipes.catalog import RECIPES
from kenspeckle.runs import training
from kenspeckle.training import Epoch


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_trains(name, tmp_path):
    run = ks.train(
        bars(90),
        recipe=name,
        settings=("threads=1", "train.epochs=0", "train.steps=3", "train.batch_size=20"),
        out=tmp_path / "run",
    )
    assert run.result["validation"]["n"] > 0
    assert run.config.recipe == name


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_says_what_to_expect(name):
    assert len(RECIPES[name].__doc__) > 40


GOLDEN = {  # first losses with seed 0 on `bars`, fp32, one thread
    "blink": [1.310961, 0.402144, 0.184549],
    "deep-mnist": [7.621392, 3.282539, 2.867349],
    "mlp": [1.112523, 1.094612, 0.399682],
    "softmax": [1.098612, 0.530031, 0.273705],
    "swift": [1.327402, 0.726335, 0.221096],
}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_starts_with_the_losses_that_it_always_had(name, tmp_path):
    settings = [
        "threads=1",
        "precision=fp32",
        "train.epochs=0",
        "train.steps=3",
        "train.batch_size=20",
    ]
    chosen = config.override(ks.build_recipe(name), settings)
    events = training(chosen, out=tmp_path / "run", dataset=bars(90))
    losses = next(event.losses for event in events if isinstance(event, Epoch) and event.complete)
    assert losses == pytest.approx(GOLDEN[name], rel=1e-4)
