"""Several crops along the longer side (seed document 000), whose answers are averaged."""

import numpy as np
import pytest
from mutations import traced_peak
from PIL import Image

import kenspeckle as ks
from kenspeckle.data import preprocess
from kenspeckle.data.dataset import concatenated
from kenspeckle.data.framed_images import FramedImages
from kenspeckle.data.framing import views
from kenspeckle.data.images import JoinedImages, parts
from kenspeckle.data.preprocess import dataset_views, settle
from kenspeckle.data.preprocess_config import PreprocessConfig

CROPS = PreprocessConfig(kind="crops", height=10, width=10, crops=3)


def ramp(height, width):
    """A picture whose red is its column and whose green is its row."""
    picture = np.zeros((height, width, 3), dtype=np.uint8)
    picture[..., 0] = np.arange(width)[None, :]
    picture[..., 1] = np.arange(height)[:, None]
    return picture


def test_a_wide_picture_is_cropped_from_left_to_right():
    found = views(ramp(10, 40), CROPS)
    assert found.shape == (3, 10, 10, 3)
    assert [int(view[0, 0, 0]) for view in found] == [0, 15, 30]


def test_a_tall_picture_is_cropped_from_top_to_bottom():
    found = views(ramp(30, 10), CROPS)
    assert [int(view[0, 0, 1]) for view in found] == [0, 10, 20]


def test_proportions_are_kept():
    found = views(ramp(20, 80), CROPS)
    across = found[0, 0, :, 0].astype(int)
    assert np.diff(across).mean() == pytest.approx(2.0, abs=0.2)


def test_a_square_picture_has_one_view():
    assert views(ramp(10, 10), CROPS).shape == (1, 10, 10, 3)
    assert views(ramp(25, 25), CROPS).shape == (1, 10, 10, 3)


def test_one_crop_is_the_middle():
    config = PreprocessConfig(kind="crops", height=10, width=10, crops=1)
    assert int(views(ramp(10, 40), config)[0, 0, 0, 0]) == 15


def wide(count=60):
    """Pictures of 16 x 32 with a bright left or right half, which only a crop at the end shows."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 2
    images = rng.integers(0, 60, (count, 16, 32, 1))
    for image, label in zip(images, labels, strict=True):
        image[:, slice(0, 10) if label == 0 else slice(22, 32)] += 150
    return ks.memory_dataset(
        images.astype(np.uint8), labels, class_names=("left", "right"), source="wide"
    )


def test_the_size_of_the_crops_is_the_shorter_side():
    config = settle(PreprocessConfig(kind="crops", least=8), wide())
    assert (config.height, config.width) == (16, 16)


def test_training_sees_every_crop_and_answers_are_averaged(tmp_path):
    data = wide()
    settings = (
        "threads=1",
        "preprocess.kind=crops",
        "preprocess.least=16",
        "model.widths=[4]",
        "model.kernels=[3]",
        "model.paddings=[1]",
        "model.pools=[1]",
        "model.gather=flatten",
        "train.epochs=20",
        "train.batch_size=15",
    )
    run = ks.train(data, settings=settings, out=tmp_path / "run")
    model = ks.load(run.model_file)
    found = ks.evaluate(run, data, split="train")
    assert model.shape == (1, 16, 16)
    assert found.measurement.n == len(run.ledger["states"].replace("v", "").replace("e", ""))
    assert found.measurement.accuracy > 0.9
    Image.fromarray(data.images[0, ..., 0]).save(tmp_path / "left.png")
    told = ks.predict(model, tmp_path / "left.png")[0]
    probability = ks.load_predictions(run.predictions_file("train")).probabilities
    assert told.label == "left"
    assert 0.5 < told.probability <= 1 and probability.shape[1] == 2


def test_views_of_a_data_set_keep_its_labels():
    found = dataset_views(wide(6), PreprocessConfig(kind="crops", height=16, width=16))
    assert len(found) == 3
    assert all(np.array_equal(view.labels, wide(6).labels) for view in found)


def test_a_wrong_number_of_crops_is_refused():
    with pytest.raises(ValueError, match=r"crops must be in 1\.\.16, got 0"):
        PreprocessConfig(crops=0)


def test_large_sets_are_framed_when_they_are_asked_for(monkeypatch):
    rng = np.random.default_rng(0)
    data = ks.memory_dataset(
        rng.integers(0, 256, (40, 9, 30, 1), dtype=np.uint8),
        np.arange(40) % 2,
        class_names=("a", "b"),
    )
    config = PreprocessConfig(kind="crops", height=10, width=10, channels=3, crops=3)
    small = dataset_views(data, config)
    monkeypatch.setattr(preprocess, "AT_ONCE", 1000)
    large = dataset_views(data, config)
    assert all(isinstance(view.images, np.ndarray) for view in small)
    assert [type(view.images) for view in large] == [FramedImages] * 3
    chosen = np.array([7, 3, 39])
    for one, other in zip(small, large, strict=True):
        assert other.images.shape == one.images.shape
        assert np.array_equal(other.images[:], one.images)
        assert np.array_equal(other.take(chosen).images[:], one.images[chosen])
        assert np.array_equal(np.stack(list(other.images)), one.images)
        assert np.array_equal(other.images[5], one.images[5])
    both = concatenated(small), concatenated(large)
    rows = np.array([[0, 119], [41, 80]])
    assert isinstance(both[1].images, JoinedImages)
    assert np.array_equal(both[1].images[:], both[0].images)
    assert np.array_equal(both[1].images[rows], both[0].images[rows])
    assert np.array_equal(both[1].images[60], both[0].images[60])


def test_memory_for_large_sets_is_bounded(monkeypatch):
    data = ks.memory_dataset(
        np.zeros((4000, 8, 8, 1), dtype=np.uint8), np.arange(4000) % 2, class_names=("a", "b")
    )
    config = PreprocessConfig(kind="resize", height=64, width=64, channels=3)

    def used():
        (view,) = dataset_views(data, config)
        return sum(int(part.sum()) for part in parts(view.images, 100))

    needed = 4000 * 64 * 64 * 3
    assert traced_peak(used)[0] > needed  # the control
    monkeypatch.setattr(preprocess, "AT_ONCE", needed - 1)
    assert traced_peak(used)[0] < needed / 10
