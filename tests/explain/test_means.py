"""Mean pictures: equal to numpy's, and the share that classes explain."""

import numpy as np
import pytest
from conftest import bars

from kenspeckle.data.dataset import memory_dataset
from kenspeckle.explain.means import mean_pictures


def test_means_and_deviations_are_those_of_numpy():
    data = bars(1003)  # more than are read at a time
    found = mean_pictures(data)
    assert np.allclose(found.mean, data.images.mean(axis=0))
    assert np.allclose(found.deviation, data.images.std(axis=0))
    for label in range(3):
        chosen = data.images[data.labels == label]
        assert np.allclose(found.class_means[label], chosen.mean(axis=0))
        assert np.allclose(found.class_deviations[label], chosen.std(axis=0))
    assert found.counts.tolist() == [335, 334, 334]


@pytest.mark.parametrize(("by_class", "share"), [(True, 1.0), (False, 0.0)])
def test_classes_explain_all_or_nothing(by_class, share):
    labels = np.arange(8) % 2
    values = labels * 200 if by_class else np.repeat([0, 200], 4)
    images = np.broadcast_to(values[:, None, None, None], (8, 4, 4, 1)).astype(np.uint8)
    found = mean_pictures(memory_dataset(images, labels, class_names=("a", "b")))
    assert found.explained == pytest.approx(share, abs=1e-9)


def test_equal_pictures_have_no_variance_to_explain():
    images = np.full((4, 3, 3, 3), 9, dtype=np.uint8)
    found = mean_pictures(memory_dataset(images, np.zeros(4, int), class_names=("a", "empty")))
    assert found.explained == 0.0
    assert not found.class_means[1].any()
