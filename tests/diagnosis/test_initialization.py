"""The two failures of a start, and the start that has neither."""

import pytest

import kenspeckle as ks
from kenspeckle.diagnosis.initialization import diagnose_start
from kenspeckle.experiments.starts import look
from kenspeckle.recipes.catalog import build_recipe


@pytest.fixture(scope="module")
def digits():
    return ks.open_dataset("mnist").take(__import__("numpy").arange(300))


@pytest.mark.parametrize(
    ("recipe", "name", "is_fault"),
    [
        ("init-large", "the start is too large", True),
        ("init-small", "the start is too small", True),
        ("init-right", "the start is right", False),
        ("swift", "the start is right", False),
    ],
)
def test_a_start_is_judged_by_its_layers(digits, recipe, name, is_fault):
    found = diagnose_start(look(build_recipe(recipe), digits), classes=10)
    assert found.name == name
    assert found.is_fault is is_fault
    assert "loss" in found.evidence
