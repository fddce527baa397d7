"""How many seeds are trained in step is measured, and only a real gain counts."""

import pytest
from conftest import bars

from kenspeckle import config
from kenspeckle.errors import NonFiniteError
from kenspeckle.outset import ready
from kenspeckle.recipes.catalog import build_recipe
from kenspeckle.stacking import probe
from kenspeckle.stacking.probe import Measured, quickest

STACKABLE = (
    "model.widths=[16, 16]",
    "model.kernels=[3, 3]",
    "model.paddings=[1, 1]",
    "model.pools=[2, 2]",
    "threads=1",
    "precision=fp32",
    "train.batch_size=20",
)


def measured(monkeypatch, seconds, *settings, most=64):
    """What is chosen where a step takes each of n networks `seconds[n]`."""
    asked = []

    def take(_, networks):
        asked.append(networks)
        return seconds[networks]

    monkeypatch.setattr(probe._Bench, "seconds", take)
    lines = [*STACKABLE, "source=bars", *settings]
    found = ready(config.override(build_recipe("swift"), lines), dataset=bars())
    return quickest(found.settings, found.compute, found.data, most=most), asked


@pytest.mark.parametrize(
    ("seconds", "stack"),
    [
        ({1: 0.004, 2: 0.003, 4: 0.002, 8: 0.0025}, 4),
        ({1: 0.004, 2: 0.0039, 4: 0.002, 8: 0.001, 16: 0.002}, 8),
        ({1: 0.004, 2: 0.0041}, 1),
        ({1: 0.004, 2: 0.0038, 4: 0.0037, 8: 0.004}, 1),  # too small a gain for other bits
        ({1: 0.03}, 1),  # steps so long that what lies between them is little
    ],
)
def test_the_quickest_stack_is_chosen_where_it_gains(monkeypatch, seconds, stack):
    found, asked = measured(monkeypatch, seconds)
    assert found.stack == stack
    assert asked == list(seconds)
    assert found.share == pytest.approx(seconds[stack] / seconds[1] if stack > 1 else 1)


def test_no_more_are_tried_than_there_are_seeds(monkeypatch):
    found, asked = measured(monkeypatch, {1: 0.004, 2: 0.003, 4: 0.002}, most=5)
    assert (found.stack, asked) == (4, [1, 2, 4])


@pytest.mark.parametrize("settings", [("model.widths=[12, 16]",), ("model.name=resnet",)])
def test_what_cannot_be_stacked_is_not_measured(monkeypatch, settings):
    assert measured(monkeypatch, {}, *settings) == (Measured(stack=1, share=1.0), [])


def test_a_measurement_is_of_real_steps_and_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [*STACKABLE, "source=bars", "train.epochs=0.5"]
    found = ready(config.override(build_recipe("swift"), lines), dataset=bars())
    bench = probe._Bench(found.settings, found.compute, found.data)
    assert 0 < bench.seconds(1) < 10 and 0 < bench.seconds(2) < 10
    assert list(tmp_path.iterdir()) == []


def test_settings_that_diverge_are_left_to_the_training_to_tell():
    lines = ["model.name=mlp", "optimizer.name=sgd", "optimizer.rate=1e30", "model.hidden=[32]"]
    found = ready(
        config.override(build_recipe("swift"), ["source=bars", "threads=1", *lines]),
        dataset=bars(),
    )
    bench = probe._Bench(found.settings, found.compute, found.data)
    for networks in (1, 2):
        with pytest.raises(NonFiniteError):
            bench.seconds(networks)
    assert quickest(found.settings, found.compute, found.data, most=4).stack == 1
