"""Circles to count: the right number of them, apart from each other, the same for the same seed."""

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

import kenspeckle as ks
from kenspeckle.data.sources.counting import CountingConfig, counting
from kenspeckle.errors import DataError


@pytest.mark.parametrize(
    "config",
    [
        CountingConfig(count=60),
        CountingConfig(count=60, sizes="varied"),
        CountingConfig(low=45, high=49, count=20),
        CountingConfig(low=0, high=2, side=32, count=30, sizes="varied"),
    ],
    ids=lambda config: f"{config.low} to {config.high}, {config.sizes}",
)
def test_every_picture_has_as_many_circles_as_its_label_says(config):
    data = counting(config)
    for image, label in zip(data.images, data.labels, strict=True):
        _, found = ndimage.label(image[..., 0] > 200)
        assert found == int(data.class_names[label])
        edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
        assert edge.max() == 0


def test_the_same_configuration_gives_the_same_pictures():
    first, second = (counting(CountingConfig(count=20)) for _ in range(2))
    other = counting(CountingConfig(count=20, seed=1))
    assert np.array_equal(first.images, second.images)
    assert not np.array_equal(first.images, other.images)


def test_circles_of_equal_size_are_equal_and_varied_ones_are_not():
    def areas(sizes):
        data = counting(CountingConfig(low=4, high=5, count=30, sizes=sizes))
        return np.concatenate(
            [
                ndimage.sum_labels(image[..., 0] / 255, parts, range(1, count + 1))
                for image in data.images
                for parts, count in [ndimage.label(image[..., 0] > 200)]
            ]
        )

    assert areas("equal").std() / areas("equal").mean() < 0.05
    assert areas("varied").std() / areas("varied").mean() > 0.2


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("counting", ("1", "2", "3", "4", "5")),
        ("counting:1-3,varied", ("1", "2", "3")),
    ],
)
def test_a_name_opens_it(text, names):
    assert ks.open_dataset(text).class_names == names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("counting:5", "counting:5: expected counting, counting:LOW-HIGH or"),
        ("counting:5-3", "counting:5-3: low and high must be counts with low < high, got 5 and 3"),
        ("counting:1-5,big", "counting:1-5,big: expected counting"),
        ("counting:1-900", "counting:1-900: 900 circles do not fit into 64 x 64"),
    ],
)
def test_a_wrong_name_says_what_was_expected(text, message):
    with pytest.raises(DataError) as error:
        ks.open_dataset(text)
    assert str(error.value).startswith(message)


def test_a_number_is_learned_as_one(tmp_path):
    data = counting(CountingConfig(low=1, high=3, side=32, count=300))
    run = ks.train(
        data,
        recipe="counting-number",
        settings=("threads=1", "train.epochs=8", "train.batch_size=30"),
        out=tmp_path / "run",
    )
    found = ks.evaluate(run, data).measurement
    assert found.mean_absolute_error < 0.5
    assert found.accuracy > 0.7
    assert run.result["validation"]["mean_absolute_error"] > 0
    model = ks.load(run.model_file)
    assert model.task == "number"
    assert model.temperature != 1.0
    Image.fromarray(data.images[1, ..., 0]).save(tmp_path / "two.png")
    told = ks.predict(model, tmp_path / "two.png")[0]
    assert told.label == "2"
    assert abs(told.value - 2) < 0.5


def test_smoothing_labels_of_a_number_is_refused():
    with pytest.raises(ks.KenspeckleError, match="label_smoothing must be 0 for the loss squared"):
        ks.train("counting", settings=("train.loss=squared", "train.label_smoothing=0.1"))
