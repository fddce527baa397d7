"""Bias and variance: the verdict follows from the two accuracies and their sizes."""

import pytest

from kenspeckle.diagnosis.bias_variance import BiasVariance


def verdict(train, other, *, n=10_000):
    return BiasVariance(train_accuracy=train, train_n=n, other_accuracy=other, other_n=n, best=1.0)


@pytest.mark.parametrize(
    ("train", "other", "expected"),
    [
        (0.84, 0.73, "both"),  # the numbers of the document
        (0.999, 0.80, "high variance"),
        (0.60, 0.59, "high bias"),
        (0.995, 0.994, "neither"),
    ],
)
def test_the_larger_part_of_the_error_is_named(train, other, expected):
    assert verdict(train, other).verdict == expected


def test_a_gap_that_chance_explains_is_no_variance():
    assert verdict(0.99, 0.95, n=40).verdict == "neither"
    assert verdict(0.99, 0.95, n=40_000).verdict == "high variance"


def test_the_words_carry_the_numbers():
    words = verdict(0.84, 0.73).words
    assert words.startswith(
        "84.0% of the training pictures (n=10,000) and 73.0% of others (n=10,000): "
        "bias 16.0%, variance 11.0%. Both: "
    )


def test_the_two_parts_add_up_to_the_error():
    found = verdict(0.84, 0.73)
    assert found.bias + found.variance == pytest.approx(1 - 0.73)
