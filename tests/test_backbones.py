"""Backbones in files, and names that are none; those of libraries are tested in models/."""

import numpy as np
import pytest
import safetensors.torch
import torch

import kenspeckle as ks
from kenspeckle.backbones import backbone
from kenspeckle.errors import ConfigError, ModelFileError
from kenspeckle.inference import outputs
from kenspeckle.models.pretrained import published_weights


def test_a_model_file_is_a_backbone_of_its_own_network(run, dataset):
    path = run.path / "model.safetensors"
    model, found = ks.load(path), backbone(str(path))
    head = model.network.head
    again = found.with_head(head.weight.numpy(), head.bias.numpy())
    assert torch.equal(outputs(again, dataset.images), outputs(model.network, dataset.images))
    features = found.network(torch.from_numpy(dataset.images[:5]).permute(0, 3, 1, 2).float())
    assert features.shape == (5, found.features)
    assert (found.size, found.channels) == ((28, 28), 1)
    assert found.about == f"{path}: convnet, trained on 3 classes"


def weights():
    """The published ones, laid out as safetensors wants them."""
    return {name: value.contiguous() for name, value in published_weights().items()}


def test_weights_with_the_names_of_lite0_are_lite0(tmp_path):
    path = tmp_path / "mine.safetensors"
    safetensors.torch.save_file(weights(), path)
    assert backbone(str(path)).digest == backbone("lite0").digest


def test_weights_that_are_not_all_of_lite0_are_refused(tmp_path):
    path = tmp_path / "mine.safetensors"
    given = weights()
    del given["_bn1.bias"]
    safetensors.torch.save_file(given, path)
    with pytest.raises(ModelFileError) as caught:
        backbone(str(path))
    assert str(caught.value) == f"{path}: not the weights of lite0 (_bn1.bias)"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "cannot be read: "),
        (lambda path: path.write_bytes(b"x" * 99), "not a safetensors file"),
        (
            lambda path: safetensors.torch.save_file({"a": torch.zeros(2)}, path),
            "a safetensors file of another program (no kenspeckle metadata)",
        ),
    ],
)
def test_a_file_that_is_no_backbone_is_refused_with_the_reason(tmp_path, make, reason):
    path = tmp_path / "m.safetensors"
    make(path)
    with pytest.raises(ModelFileError) as caught:
        backbone(str(path))
    assert str(caught.value).startswith(f"{path}: {reason}")


def test_an_unknown_name_says_what_there_is():
    with pytest.raises(ConfigError) as caught:
        backbone("lite9")
    assert str(caught.value) == (
        "unknown backbone 'lite9' (known: lite0, hf/ORG/NAME, timm/NAME, "
        "a folder of transformers, a file of .safetensors)"
    )


def test_a_backbone_with_another_head_gives_features_times_weights():
    found, rng = backbone("lite0"), np.random.default_rng(0)
    weights, bias = rng.standard_normal((3, 1280)), rng.standard_normal(3)
    pixels = torch.from_numpy(rng.uniform(0, 255, (2, 3, 64, 64)).astype(np.float32))
    with torch.inference_mode():
        expected = found.network(pixels).numpy() @ weights.T + bias
        answers = found.with_head(weights, bias)(pixels).numpy()
    assert np.allclose(answers, expected, atol=1e-3)
