"""Networks of timm, with a stand-in for the library: timm needs a torchvision that matches."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import kenspeckle as ks
from kenspeckle import model_file
from kenspeckle.backbones import backbone
from kenspeckle.config import from_dict
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.errors import ConfigError, MissingExtraError, ModelFileError
from kenspeckle.models.families import build_model
from kenspeckle.models.timm_models import TimmConfig

MEAN, DEVIATION = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)


class Body(torch.nn.Sequential):
    """What timm makes with `num_classes=0`: features of 6 numbers."""

    num_features = 6
    pretrained_cfg = {  # noqa: RUF012
        "mean": MEAN, "std": DEVIATION, "input_size": (3, 32, 24), "license": "apache-2.0",
    }  # fmt: skip

    def __init__(self):
        super().__init__(
            torch.nn.Conv2d(3, 6, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
        )


def create_model(name, *, pretrained, num_classes):
    assert num_classes == 0
    if name.endswith(".gone"):
        raise RuntimeError("No pretrained weights exist\nfor this tag")
    torch.manual_seed(1 if pretrained else 2)
    return Body()


@pytest.fixture(autouse=True)
def library(monkeypatch):
    """A timm that knows one network."""
    known = SimpleNamespace(
        create_model=create_model,
        is_model=lambda name: name in ("tiny_net", "bare_net"),
        is_model_pretrained=lambda name: name == "tiny_net",
    )
    monkeypatch.setitem(sys.modules, "timm", known)


def pixels():
    return torch.rand(2, 3, 32, 24, generator=torch.Generator().manual_seed(0)) * 255


def test_features_are_those_of_timm_on_normalised_pictures():
    body = create_model("tiny_net.a1_in1k", pretrained=True, num_classes=0)
    mean, deviation = (torch.tensor(part)[:, None, None] for part in (MEAN, DEVIATION))
    found = backbone("timm/tiny_net.a1_in1k")
    with torch.inference_mode():
        expected = body((pixels() / 255 - mean) / deviation)
        assert torch.allclose(found.network(pixels()), expected, atol=1e-5)
    assert (found.features, found.size) == (6, (32, 24))
    assert found.about == "timm/tiny_net.a1_in1k; licence apache-2.0"
    assert found.config == TimmConfig(architecture="tiny_net")


def test_a_model_file_holds_the_network(tmp_path):
    found = backbone("timm/tiny_net")
    before = ks.Classifier(
        network=found.with_head(np.ones((3, 6)), np.arange(3)),
        architecture=found.config,
        shape=(3, 32, 24),
        class_names=("a", "b", "c"),
        preprocess=PreprocessConfig(kind="crop", height=32, width=24),
    )
    model_file.save(tmp_path / "m", before)
    with torch.inference_mode():
        answers = ks.load(tmp_path / "m").network(pixels())
        assert torch.allclose(answers, before.network(pixels()), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("nothing", ConfigError, "unknown backbone 'timm/nothing' (timm has no such pretrained"),
        ("bare_net", ConfigError, "unknown backbone 'timm/bare_net' (timm has no such pretrained"),
        ("hf-hub:a/b", ConfigError, "timm/hf-hub:a/b: architecture must be the name of a network"),
        (
            "tiny_net.gone",
            ModelFileError,
            "timm/tiny_net.gone: cannot be loaded: No pretrained weights exist for this tag",
        ),
    ],
)
def test_what_timm_does_not_have_is_refused_with_the_reason(name, kind, message):
    with pytest.raises(kind) as caught:
        backbone(f"timm/{name}")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("name", ["hf-hub:a/b", "local-dir:/tmp", "a.b", "../x", "", "x" * 101])
def test_a_model_file_can_only_name_an_architecture(name):
    with pytest.raises(ConfigError, match="architecture must be the name of a network of timm"):
        from_dict(TimmConfig, {"architecture": name})


def test_an_unknown_architecture_is_refused():
    with pytest.raises(ConfigError) as caught:
        build_model(TimmConfig(architecture="other"), shape=(3, 32, 24), outputs=2)
    assert str(caught.value) == "unknown architecture of timm 'other'"


def test_a_missing_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingExtraError) as caught:
        backbone("timm/resnet18")
    assert str(caught.value) == "timm is not installed; pip install 'kenspeckle[timm]'"
