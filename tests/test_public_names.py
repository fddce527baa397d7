"""The public door: every name resolves, and none hides a module."""

import pkgutil
import tomllib
from pathlib import Path

import pytest

import kenspeckle as ks


@pytest.mark.parametrize("name", ks.__all__)
def test_a_public_name_resolves_and_is_documented(name):
    assert getattr(ks, name).__doc__


def test_no_public_name_is_also_a_module():
    modules = {module.name for module in pkgutil.iter_modules(ks.__path__)}
    assert modules & set(ks.__all__) == set()


def test_there_are_few_enough_names_to_remember():
    assert len(ks.__all__) <= 32


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = ks.trian


def test_the_version_is_that_of_the_package():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert ks.__version__ == project["version"]
