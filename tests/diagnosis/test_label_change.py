"""Augmentation that changes labels is found on the data; harmless augmentation is not blamed."""

import numpy as np
import pytest

import kenspeckle as ks
from kenspeckle.data.augment_config import AugmentConfig
from kenspeckle.device import Compute
from kenspeckle.diagnosis.label_change import label_changes, strong_operations

CPU = Compute(device="cpu", precision="fp32", threads=1, reason="as set")


@pytest.fixture(scope="module")
def halves():
    digits = ks.open_dataset("mnist")
    return digits.take(np.arange(6000)), digits.take(np.arange(6000, 6500))


def found(halves, **settings):
    config = AugmentConfig(**settings)
    return {c.operation: c for c in label_changes(*halves, config, compute=CPU)}


def test_mirrored_digits_are_other_digits(halves):
    changes = found(halves, flip_horizontal=0.5, flip_vertical=0.3)
    assert changes["flip_horizontal"].is_fault
    assert changes["flip_vertical"].is_fault
    finding = changes["flip_horizontal"].finding
    assert finding.name == "augment.flip_horizontal changes labels"
    assert "is taken for" in finding.evidence


def test_control_mirrored_circles_are_as_many_circles():
    circles = ks.open_dataset("counting:1-3")
    halves = circles.take(np.arange(4000)), circles.take(np.arange(4000, 4500))
    changes = found(halves, flip_horizontal=0.5, flip_vertical=0.5)
    assert changes
    assert not any(change.is_fault for change in changes.values())


def test_mild_changes_are_not_tested():
    mild = AugmentConfig(rotation=10, shift=1.5, zoom=0.1, shear=8)
    assert strong_operations(mild, (28, 28)) == []
    strong = AugmentConfig(rotation=90, shift=9, flip_vertical=0.1)
    assert strong_operations(strong, (28, 28)) == ["rotation", "shift", "flip_vertical"]


def test_training_says_so(tmp_path, capfd):
    from kenspeckle.cli.main import main

    arguments = ["train", "--recipe", "blink", "--set", "augment.flip_horizontal=0.5", "--set"]
    arguments += ["train.epochs=0", "--set", "train.steps=2", "--set", "threads=1"]
    off = ["--set", "augment.check=off"]
    assert main([*arguments, "--out", str(tmp_path / "a")]) == 0
    assert "augment.flip_horizontal changes labels" in capfd.readouterr().out
    assert main([*arguments, *off, "--out", str(tmp_path / "b")]) == 0
    assert "changes labels" not in capfd.readouterr().out
