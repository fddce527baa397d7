"""Histograms over time: what training wrote is read back, a resumed step counts once."""

import shutil

import numpy as np
import pytest
import torch

from kenspeckle.errors import ConfigError, RunError
from kenspeckle.event_files import EventFiles, histogram_history
from kenspeckle.explain.histogram_history import quantiles
from kenspeckle.explain.histograms import histogram


def values(seed, scale=1.0):
    return torch.randn(5000, generator=torch.Generator().manual_seed(seed)) * scale


def write(folder, first_step, histograms):
    events = EventFiles(folder, first_step=first_step)
    for step, item in histograms.items():
        events.histograms(step, {"weights/head.weight": histogram(item)}, time=0.0)
    events.close()


def test_what_was_written_is_read_back(tmp_path):
    write(tmp_path, 0, {0: values(0), 10: values(1, 3.0)})
    found = histogram_history(tmp_path / "train", "head.weight", kind="weights")
    assert found.steps == (0, 10)
    for given, item in zip((values(0), values(1, 3.0)), found.histograms, strict=True):
        expected = histogram(given)
        assert np.allclose(item.edges, expected.edges)
        assert np.array_equal(item.counts, expected.counts)
        assert item.mean == pytest.approx(expected.mean)
        assert item.deviation == pytest.approx(expected.deviation)
        assert np.isnan(item.zeros)


def test_a_step_that_was_done_again_counts_once(tmp_path):
    write(tmp_path, 0, {0: values(0), 10: values(1), 20: values(2)})
    for path in (tmp_path / "train").glob("*tfevents*"):  # as if written before the next one
        shutil.move(path, path.with_name("events.out.tfevents.0000000000.first"))
    write(tmp_path, 10, {10: values(3, 9.0)})
    found = histogram_history(tmp_path / "train", "head.weight", kind="weights")
    assert found.steps == (0, 10)
    assert found.deviations[1] == pytest.approx(9, rel=0.05)


def test_a_run_has_a_histogram_for_each_epoch_and_one_before(run):
    found = histogram_history(run.path / "tensorboard/train", "block1", kind="pre-activations")
    assert found.steps == (0, *(epoch["step"] for epoch in run.epochs))
    assert found.quantiles.shape == (4, 7)
    assert (np.diff(found.quantiles, axis=1) >= 0).all()
    assert "at step 0 to" in found.description


def test_quantiles_are_those_of_the_entries():
    levels = (0.01, 0.25, 0.5, 0.99)
    found = quantiles(histogram(values(0), bins=400), levels)
    assert np.allclose(found, np.quantile(values(0).numpy(), levels), atol=0.03)


def test_quantiles_jump_over_empty_bins():
    item = histogram(torch.tensor([0.0] * 10 + [100.0] * 10))
    assert quantiles(item, (0.25, 0.75))[1] > 90
    assert quantiles(item, (0.25, 0.75))[0] < 10


def test_a_layer_that_is_not_there_is_named(run):
    folder = run.path / "tensorboard/train"
    with pytest.raises(ConfigError, match="unknown layer with gradients 'block1'") as caught:
        histogram_history(folder, "block1", kind="gradients")
    assert "head.weight" in str(caught.value)


def test_a_folder_without_histograms_says_how_to_have_them(tmp_path):
    message = "no histograms of weights here; train with --set monitor.histograms=on"
    with pytest.raises(RunError, match=message):
        histogram_history(tmp_path, "head.weight", kind="weights")
