"""Pickle files with damage anywhere: values or one line, never anything else."""

from functools import partial

import cifar_files as cifar
import numpy as np
import pytest
from mutations import MEGABYTE, mutants, traced_peak

from kenspeckle.data.sources.plain_pickle import read_pickle
from kenspeckle.errors import DataError


def originals():
    files = [*cifar.python_files(10).values(), *cifar.python_files(100).values()]
    small = cifar.values(0, 10) | {"data": np.zeros((1, 3072), np.uint8), "labels": [1]}
    return files + [write(small) for write in cifar.WRITERS.values()]


def check_mutants(count, seed):
    """Read every mutant; return how many are still files that can be read."""
    valid = 0
    for name, data in mutants(originals(), count=count, seed=seed):
        try:
            peak, _ = traced_peak(partial(read_pickle, data, name="x"))
        except DataError as error:
            assert str(error).isprintable() and len(str(error)) < 400, name
            continue
        assert peak < 8 * len(data) + MEGABYTE, name
        valid += 1
    return valid


def test_nothing_but_a_refusal_comes_out_of_damaged_files():
    assert 20 < check_mutants(300, seed=0) < 250


@pytest.mark.slow
def test_nothing_but_a_refusal_comes_out_of_twenty_thousand_damaged_files():
    check_mutants(20_000, seed=1)
