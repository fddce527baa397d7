"""Features of many pictures: in order, whatever the batches, close in either precision."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from kenspeckle.backbones import backbone
from kenspeckle.device import choose
from kenspeckle.errors import DataError
from kenspeckle.evaluation.linear_head import fit_linear_head
from kenspeckle.features import BATCH, features

CPU = choose(device="cpu", precision="fp32", threads=1)


@pytest.fixture(scope="module")
def lite0():
    return backbone("lite0")


def pictures(count, channels=3):
    """Smooth blobs of colour, each at another place."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 8, 8, channels), dtype=np.uint8)
    return coarse.repeat(8, axis=1).repeat(8, axis=2)


def test_features_are_in_the_order_of_the_pictures_whatever_the_batches(lite0):
    images = pictures(2 * BATCH["cpu"] + 3)
    found = features(lite0, images, CPU)
    with torch.inference_mode():
        for number in (0, BATCH["cpu"] - 1, BATCH["cpu"], len(images) - 1):
            pixels = torch.from_numpy(images[number : number + 1]).permute(0, 3, 1, 2).float()
            assert np.allclose(found[number], lite0.network(pixels)[0].numpy(), atol=1e-4)
    assert found.shape == (len(images), 1280) and found.dtype == np.float32


def test_progress_is_told_to_the_end(lite0):
    seen = []
    count = BATCH["cpu"] + 3
    features(lite0, pictures(count), CPU, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(BATCH["cpu"], count), (count, count)]


def test_half_the_bits_give_nearly_the_same_features(lite0):
    images = pictures(8)
    exact, rough = (features(lite0, images, replace(CPU, precision=p)) for p in ("fp32", "bf16"))
    assert 0 < np.abs(exact - rough).mean() < 0.1 * np.abs(exact).mean()


def test_no_pictures_have_no_features(lite0):
    assert features(lite0, pictures(0), CPU).shape == (0, 1280)


def test_grey_pictures_have_the_features_of_their_colour_copies(lite0):
    grey = pictures(3, channels=1)
    assert np.allclose(
        features(lite0, grey, CPU), features(lite0, grey.repeat(3, axis=3), CPU), atol=1e-4
    )


def test_colour_for_a_grey_network_is_refused(run):
    found = backbone(str(run.path / "model.safetensors"))
    with pytest.raises(DataError) as caught:
        features(found, np.zeros((2, 28, 28, 3), np.uint8), CPU)
    expected = "the backbone takes pictures of 1 channel, got 3; make them grey"
    assert str(caught.value) == expected


def test_a_head_on_features_makes_a_network_of_the_same_answers(lite0):
    images, labels = pictures(30), np.arange(30) % 3
    found = features(lite0, images, CPU)
    head = fit_linear_head(found, labels, classes=3, strengths=(0.03,))
    network = lite0.with_head(head.weights, head.bias)
    with torch.inference_mode():
        answers = network(torch.from_numpy(images).permute(0, 3, 1, 2).float()).numpy()
    assert np.allclose(answers, found @ head.weights.T + head.bias, atol=1e-3)
    assert (answers.argmax(axis=1) == labels).all()
