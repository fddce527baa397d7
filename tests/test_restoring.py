"""Restoring: by epoch, without the code that made it, and as the start of another training."""

import numpy as np
import pytest
from conftest import SMALL, bars

import kenspeckle as ks
from kenspeckle import config
from kenspeckle.runs import training


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A run that keeps every model."""
    settings = (*SMALL, "train.keep_models=1")
    return ks.train(bars(), settings=settings, out=tmp_path_factory.mktemp("kept") / "run")


def test_every_epoch_can_be_evaluated(kept):
    dataset = bars()
    for epoch in (1, 2, 3):
        found = ks.evaluate(kept, dataset, split="validation", epoch=epoch)
        assert found.measurement.accuracy == pytest.approx(
            kept.epochs[epoch - 1]["validation_accuracy"]
        )


def test_the_test_split_is_counted_whichever_model_opens_it(kept):
    dataset = bars()
    first = ks.evaluate(kept, dataset, epoch=1)
    second = ks.evaluate(kept, dataset)
    assert (first.openings, first.role) == (1, "untouched")
    assert (second.openings, second.role) == (2, "opened before")


def test_an_epoch_that_was_not_kept_is_named(run, dataset):
    with pytest.raises(ks.KenspeckleError, match=r"no model of epoch 2 was kept \(kept: none\)"):
        ks.evaluate(run, dataset, epoch=2)


def test_the_last_epoch_may_become_the_model(tmp_path):
    data = bars()
    run = ks.train(data, settings=(*SMALL, "train.keep=last"), out=tmp_path / "run")
    assert run.result["validation"]["accuracy"] == run.epochs[-1]["validation_accuracy"]


def test_a_training_goes_on_from_another_model_on_other_data(kept, tmp_path):
    other = bars(seed=5)
    begun = (*SMALL, "train.epochs=0", "train.steps=1", "optimizer.rate=1e-9")
    fresh = ks.train(other, settings=begun, out=tmp_path / "fresh")
    start = f"start={kept.path}"
    warm = ks.train(other, settings=(*begun, start), out=tmp_path / "warm")
    assert warm.result["validation"]["accuracy"] > 0.9
    assert warm.result["validation"]["accuracy"] > fresh.result["validation"]["accuracy"]
    assert warm.config.start == str(kept.path.absolute())


def test_a_start_with_other_classes_keeps_all_but_the_last_layer(kept, tmp_path):
    data = bars()
    two = data.take(np.flatnonzero(data.labels < 2))
    two = ks.memory_dataset(two.images, two.labels, class_names=("flat", "upright"), source="two")
    settings = (*SMALL, "train.epochs=0", "train.steps=1", "optimizer.rate=1e-9")
    run = ks.train(two, settings=(*settings, f"start={kept.path}"), out=tmp_path / "run")
    old, new = ks.load(kept.model_file).network, ks.load(run.model_file).network
    weight = "block1.convolution.weight"
    assert new.head.weight.shape == (2, 8)
    assert np.allclose(new.state_dict()[weight], old.state_dict()[weight], atol=1e-6)


def test_a_start_of_another_architecture_is_refused(kept, tmp_path):
    with pytest.raises(ks.KenspeckleError, match=r"is no start for this network: .* differs; use"):
        ks.train(bars(), recipe="mlp", settings=(f"start={kept.path}",), out=tmp_path / "run")


def test_a_network_by_name_replaces_that_of_the_recipe(tmp_path):
    settings = ("threads=1", "train.epochs=0", "train.steps=1", "train.batch_size=20")
    run = ks.train(bars(60), model="digit-cnn", settings=settings, out=tmp_path / "run")
    assert run.config.model.hidden == (1024,)
    with pytest.raises(
        ks.KenspeckleError, match="unknown model 'digit-cn'; did you mean 'digit-cnn'"
    ):
        ks.train(bars(60), model="digit-cn", out=tmp_path / "other")


def test_an_interrupted_run_goes_on_without_the_model_that_it_began_with(kept, tmp_path):
    copy = tmp_path / "start.safetensors"
    copy.write_bytes(kept.model_file.read_bytes())
    settings = (*SMALL, f"start={copy}", "train.checkpoint_seconds=0")
    data = bars(seed=5)
    whole = ks.train(data, settings=settings, out=tmp_path / "whole")
    chosen = config.override(ks.build_recipe("swift"), settings)
    stops = iter([False, True])
    events = training(chosen, out=tmp_path / "run", dataset=data, stop=lambda: next(stops, True))
    assert list(events)[-1].state == "interrupted"
    copy.unlink()
    resumed = ks.resume(tmp_path / "run", dataset=data)
    old, new = (ks.load(run.model_file).network.state_dict() for run in (whole, resumed))
    assert all(np.array_equal(old[name], new[name]) for name in old)
