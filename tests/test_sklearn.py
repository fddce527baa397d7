"""`ImageClassifier` is an estimator as scikit-learn wants it, and the engine beneath it is ours."""

import io
import os
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
import torch
from conftest import SMALL
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score, learning_curve
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import kenspeckle as ks
from kenspeckle import model_file
from kenspeckle.data.splits import draw
from kenspeckle.sklearn import ImageClassifier

TINY = [line for line in SMALL if not line.startswith(("threads", "train.epochs", "splits"))]


def small(**parameters):
    return ImageClassifier(**{"epochs": 4, "settings": TINY, "threads": 1} | parameters)


@pytest.fixture(scope="module")
def bars(dataset):
    """Pictures (N, H, W, 1) and their names."""
    return dataset.images, np.array(dataset.class_names)[dataset.labels]


@pytest.fixture(scope="module")
def fitted(bars):
    return small().fit(*bars)


def blobs(count=90, features=3, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    return rng.normal(size=(count, features)) + 4 * labels[:, None], labels


def weights(classifier):
    return {name: value.clone() for name, value in classifier.network.state_dict().items()}


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@parametrize_with_checks([ImageClassifier()])
def test_it_passes_the_checks_of_scikit_learn(estimator, check):
    check(estimator)


def test_it_passes_the_check_of_the_array_interface_too():
    code = (
        "from sklearn.utils.estimator_checks import estimator_checks_generator\n"
        "from kenspeckle.sklearn import ImageClassifier\n"
        "for estimator, check in estimator_checks_generator(ImageClassifier()):\n"
        "    if check.func.__name__ == 'check_array_api_input':\n"
        "        check(estimator)\n"
        "        print('passed')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "SCIPY_ARRAY_API": "1"},  # which scipy reads when it is imported
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "passed", done.stderr


def test_pictures_are_learned_with_their_labels_as_they_are(fitted, bars):
    images, names = bars
    assert fitted.score(images, names) > 0.9
    assert list(fitted.classes_) == ["flat", "slanted", "upright"]
    assert fitted.predict(images[:3]).dtype == names.dtype


def test_probabilities_sum_to_one_and_name_the_prediction(fitted, bars):
    said = fitted.predict_proba(bars[0])
    assert said.shape == (240, 3) and np.allclose(said.sum(axis=1), 1, rtol=0, atol=1e-12)
    assert (fitted.classes_[said.argmax(axis=1)] == fitted.predict(bars[0])).all()


def test_pictures_without_a_channel_axis_are_grey(fitted, bars):
    images, names = bars
    again = small().fit(images[..., 0], names)
    assert again.model_ == fitted.model_
    assert (again.predict_proba(images[..., 0]) == fitted.predict_proba(images)).all()


def test_colour_pictures_and_lists_of_pictures_are_learned(bars):
    images, names = bars
    colour = np.repeat(images[:60], 3, axis=3)
    classifier = small(epochs=1).fit(list(colour), names[:60])
    assert classifier.n_features_in_ == 28 * 28 * 3
    assert classifier.predict(colour[:5]).shape == (5,)


def test_read_only_and_reversed_pictures_are_read_as_they_are(fitted, bars):
    images = bars[0].copy()
    images.flags.writeable = False
    expected = fitted.predict_proba(images)
    assert (fitted.predict_proba(images[::-1])[::-1] == expected).all()


def test_what_was_learned_is_told_epoch_by_epoch(fitted):
    assert fitted.n_iter_ == len(fitted.history_) == 4
    assert fitted.history_[-1].loss < fitted.history_[0].loss
    assert [epoch.number for epoch in fitted.history_] == [0, 1, 2, 3]


def test_it_prints_only_if_it_is_asked_to(bars, capsys):
    images, names = bars[0][:60], bars[1][:60]
    small(epochs=1).fit(images, names)
    assert capsys.readouterr().out == ""
    small(epochs=2, verbose=1).fit(images, names)
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == [
        "epoch 1",
        "epoch 2",
    ]


def test_it_writes_no_file(bars, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small(epochs=1).fit(bars[0][:60], bars[1][:60])
    assert list(tmp_path.iterdir()) == []


def test_the_process_gets_its_threads_and_denormals_back(bars):
    before = torch.get_num_threads()
    torch.set_flush_denormal(False)  # trainings of other tests leave it on
    torch.set_num_threads(before + 1)
    try:
        small(epochs=1).fit(bars[0][:60], bars[1][:60])
        assert torch.get_num_threads() == before + 1
        assert np.float64(1e-310) * np.float64(0.5) > 0
    finally:
        torch.set_num_threads(before)


def test_the_bits_are_those_of_ks_train_on_the_same_digits(tmp_path):
    mnist = ks.open_dataset("mnist")
    digits = mnist.take(np.r_[:1500, 60_000:60_300])  # the last 300 are of the official test set
    options = ["train.batch_size=32", "augment.rotation=5"]
    run = ks.train(
        digits,
        recipe="blink",
        settings=[*options, "train.epochs=2", "train.keep=last", "threads=1"],
        seed=7,
        out=tmp_path / "run",
    )
    splits = draw(digits, run.config.splits)
    images, labels = digits.images[splits.train], digits.labels[splits.train]
    classifier = small(recipe="blink", epochs=2, settings=options, random_state=7)
    classifier.fit(images, labels)
    assert equal(weights(classifier.classifier_), weights(ks.load(run.path / "model.safetensors")))
    measured = ks.evaluate(run, digits).measurement
    score = classifier.score(digits.images[splits.test], digits.labels[splits.test])
    assert measured.n == 300 and score == measured.accuracy > 0.9
    other = clone(classifier).set_params(random_state=8).fit(images, labels)
    assert not equal(weights(other.classifier_), weights(classifier.classifier_))


def test_a_pickle_of_the_user_holds_the_model_file(fitted, bars):
    data = pickle.dumps(fitted)
    assert fitted.model_ in data and b"torch._utils" not in data
    restored = pickle.loads(data)
    assert (restored.predict_proba(bars[0]) == fitted.predict_proba(bars[0])).all()


def test_joblib_brings_it_back(fitted, bars):
    buffer = io.BytesIO()
    joblib.dump(fitted, buffer)
    buffer.seek(0)
    restored = joblib.load(buffer)
    assert (restored.predict_proba(bars[0]) == fitted.predict_proba(bars[0])).all()


def test_a_damaged_pickle_is_refused_by_the_model_file(fitted):
    data = bytearray(pickle.dumps(fitted))
    data[data.index(fitted.model_) + len(fitted.model_) - 1] ^= 1
    with pytest.raises(ks.KenspeckleError, match="does not have the SHA-256"):
        pickle.loads(bytes(data))


def test_the_model_can_be_saved_as_the_portable_file(fitted, bars, tmp_path):
    model_file.save(tmp_path / "model.safetensors", fitted.classifier_)
    loaded = ks.load(tmp_path / "model.safetensors")
    assert loaded.class_names == tuple(fitted.classes_)
    assert equal(weights(loaded), weights(fitted.classifier_))


def test_a_grid_search_finds_the_setting_that_learns(bars):
    grid = {"settings": [[*TINY, "optimizer.rate=1e-6"], [*TINY, "optimizer.rate=0.01"]]}
    search = GridSearchCV(small(), grid, cv=3).fit(*bars)
    assert search.best_params_["settings"] == grid["settings"][1]
    assert search.best_score_ > 0.9


def test_cross_validation_and_learning_curve_accept_it(bars):
    scores = cross_val_score(small(), *bars, cv=3)
    assert scores.shape == (3,) and scores.mean() > 0.9
    sizes, _, held_out = learning_curve(small(), *bars, train_sizes=[30, 120], cv=3, shuffle=True)
    assert list(sizes) == [30, 120]
    assert held_out[1].mean() > held_out[0].mean()


@pytest.mark.slow
def test_processes_of_joblib_find_the_same_scores(bars):
    images, names = bars[0][:90], bars[1][:90]
    alone = cross_val_score(small(epochs=2), images, names, cv=2)
    assert (cross_val_score(small(epochs=2), images, names, cv=2, n_jobs=2) == alone).all()


def test_a_pipeline_gives_it_numbers():
    rows, labels = blobs()
    assert make_pipeline(StandardScaler(), ImageClassifier()).fit(rows, labels).score(
        rows, labels
    ) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("count", [2, 3, 30])
def test_a_few_rows_of_one_feature_are_enough(count):
    rows = np.arange(count, dtype=float)[:, None] * 1e6 + 1e9
    labels = np.where(np.arange(count) < count / 2, "low", "high")
    assert ImageClassifier().fit(rows, labels).score(rows, labels) > 0.9


def test_the_scale_of_a_feature_does_not_matter():
    rows, labels = blobs()
    one = ImageClassifier().fit(rows, labels).predict_proba(rows)
    other = (
        ImageClassifier()
        .fit(rows * [1e-9, 1, 1e9] + 3, labels)
        .predict_proba(rows * [1e-9, 1, 1e9] + 3)
    )
    assert np.abs(one - other).max() < 0.01


def test_recipes_without_convolutions_read_numbers_too():
    rows, labels = blobs()
    classifier = ImageClassifier(recipe="softmax", epochs=30, settings=["train.batch_size=30"])
    assert classifier.fit(rows, labels).score(rows, labels) > 0.9


def test_numbers_of_numpy_are_parameters_too(bars):
    images, names = bars[0][:60], bars[1][:60]
    given = small(epochs=np.int64(2), threads=np.int64(1), random_state=np.int64(5))
    plain = small(epochs=2, random_state=5)
    assert given.fit(images, names).model_ == plain.fit(images, names).model_


def test_a_random_state_of_numpy_gives_a_seed(bars):
    images, names = bars[0][:60], bars[1][:60]
    made = [
        small(epochs=1, random_state=np.random.RandomState(seed)).fit(images, names).model_
        for seed in (1, 1, 2)
    ]
    assert made[0] == made[1] != made[2]


SQUARE = np.zeros((6, 8, 8), dtype=np.uint8)
ROWS = np.zeros((6, 2))
LABELS = np.arange(6) % 2


@pytest.mark.parametrize(
    ("parameters", "items", "message"),
    [
        (
            {},
            SQUARE / 255.0,
            "X: pictures must be uint8 of shape (N, H, W) or (N, H, W, C), got float64 of shape "
            "(6, 8, 8); numbers in 0..1 become pictures by (255 * X).round().astype('uint8')",
        ),
        (
            {},
            np.zeros((6, 3, 8, 8), dtype=np.uint8),
            "X: pictures must have 1 or 3 channels and at most 4096 pixels a side, got (3, 8, 8)",
        ),
        (
            {},
            np.zeros((6, 5000)),
            "X: at most 4096 features, got 5000; "
            "give pictures as uint8 of shape (N, H, W) or (N, H, W, C)",
        ),
        (
            {"recipe": "swift"},
            ROWS,
            "recipe swift reads pictures, uint8 of shape (N, H, W) or (N, H, W, C), "
            "got rows of numbers; reshape them, or use one of the recipes mlp and softmax",
        ),
        (
            {"settings": ["augment.rotation=5"]},
            ROWS,
            "augment changes pictures, got rows of numbers; leave it out",
        ),
        (
            {"recipe": "transfer"},
            SQUARE,
            "recipe transfer works on files of pictures; use `ken train` for it, "
            "or a recipe without transfer.backbone here, such as photos",
        ),
        (
            {"recipe": "counting-number"},
            SQUARE,
            "train.loss=squared tells a number, which needs validation; "
            "use cross-entropy or binary here",
        ),
        (
            {},
            [SQUARE[0], SQUARE[1, :5], *SQUARE[2:]],
            "X: pictures must all be of one shape, got (5, 8) and (8, 8)",
        ),
        ({"device": "gpu"}, SQUARE, "device must be one of auto, cpu, cuda, got 'gpu'"),
        ({"epochs": "3"}, SQUARE, "train.epochs must be a number, got '3'"),
        (
            {"settings": ["seed=3"]},
            SQUARE,
            "seed is no setting here but the parameter random_state",
        ),
        (
            {"settings": ["train.patience=3"]},
            SQUARE,
            "train.patience has no effect in ImageClassifier, which learns from all items that "
            "it is given and writes nothing; use `ken train` for it",
        ),
        (
            {"settings": "train.epochs=3"},
            SQUARE,
            "settings must be a list of texts, got 'train.epochs=3'",
        ),
    ],
)
def test_what_cannot_be_learned_is_told_in_one_line(parameters, items, message):
    with pytest.raises(ks.KenspeckleError) as error:
        ImageClassifier(**parameters).fit(items, LABELS)
    assert str(error.value) == message


def test_other_items_than_were_learned_are_told_in_one_line(fitted):
    with pytest.raises(ks.KenspeckleError) as error:
        fitted.predict(SQUARE)
    assert (
        str(error.value) == "X: pictures of shape (N, 28, 28, 1) were learned, got shape (6, 8, 8)"
    )
    with pytest.raises(ks.KenspeckleError) as error:
        ImageClassifier().fit(ROWS + LABELS[:, None], LABELS).predict(SQUARE)
    assert str(error.value) == "X: rows of 2 numbers were learned, got pictures of shape (6, 8, 8)"
