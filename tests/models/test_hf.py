"""Networks of transformers: their own answers, in our model file, and no more than sizes."""

import json
import sys

import numpy as np
import pytest
import torch

import kenspeckle as ks
from kenspeckle import model_file
from kenspeckle.backbones import backbone
from kenspeckle.briefing.network import Network
from kenspeckle.config import from_dict
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.errors import ConfigError, MissingExtraError, ModelFileError
from kenspeckle.models.families import build_model
from kenspeckle.models.hf import KINDS, HfConfig
from kenspeckle.models.summary import summarize

transformers = pytest.importorskip("transformers")

FLAT = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 32}
VIT = FLAT | {"intermediate_size": 24, "patch_size": 8}
STAGES = {"hidden_sizes": [8, 12], "depths": [1, 2]}
CONVNEXT = STAGES | {"num_stages": 2}
TINY = {
    "convnext": CONVNEXT,
    "convnextv2": CONVNEXT,
    "deit": VIT,
    "dinov2": FLAT | {"patch_size": 8},
    "dinov2_with_registers": FLAT | {"patch_size": 8},
    "mobilenet_v2": {"depth_multiplier": 0.25, "image_size": 32},
    "regnet": STAGES | {"embedding_size": 8, "groups_width": 4},
    "resnet": STAGES | {"embedding_size": 8},
    "swin": {
        "image_size": 32, "patch_size": 4, "embed_dim": 8, "depths": [1, 2], "num_heads": [2, 4],
        "window_size": 4,
    },
    "vit": VIT,
}  # fmt: skip
MEAN, DEVIATION = [0.5, 0.4, 0.3], [0.2, 0.25, 0.3]
PREPROCESSOR = {
    "do_resize": True, "size": {"height": 32, "width": 32}, "do_rescale": True,
    "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": MEAN, "image_std": DEVIATION,
}  # fmt: skip


def save_tiny(folder, kind, **changes):
    """A randomly initialised network of `kind` as transformers saves it; returns it."""
    config = transformers.AutoConfig.for_model(kind, **TINY[kind], num_labels=5)
    name = "DeiTForImageClassification" if kind == "deit" else None
    config.architectures = [name] if name else None
    torch.manual_seed(0)
    network = transformers.AutoModelForImageClassification.from_config(config).eval()
    with torch.no_grad():  # norms that have learned something
        for value in network.state_dict().values():
            if value.is_floating_point():
                value.add_(0.1 * torch.rand_like(value))
    network.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR | changes))
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# A network\n")
    return network


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Of each kind, the folder and the network in it; do not write into them."""
    found = {}
    for kind in KINDS:
        folder = tmp_path_factory.mktemp(kind)
        found[kind] = folder, save_tiny(folder, kind)
    return found


def images(count=3):
    return np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


def pixels():
    return torch.from_numpy(images()).permute(0, 3, 1, 2).float()


def normalised():
    mean, deviation = (torch.tensor(part)[:, None, None] for part in (MEAN, DEVIATION))
    return (pixels() / 255 - mean) / deviation


@pytest.mark.parametrize("kind", KINDS)
def test_features_are_what_the_classifier_of_transformers_is_given(folders, kind):
    folder, network = folders[kind]
    found = backbone(f"hf/{folder}")
    with torch.inference_mode():
        features = found.network(pixels())
        assert features.shape == (3, found.features)
        expected = network(pixel_values=normalised()).logits
        assert torch.allclose(network.classifier(features), expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["resnet", "convnext", "regnet", "swin"])
def test_features_are_the_pooled_output_of_transformers(folders, kind):
    folder, network = folders[kind]
    with torch.inference_mode():
        expected = network.base_model(pixel_values=normalised()).pooler_output.flatten(1)
        assert torch.allclose(backbone(str(folder)).network(pixels()), expected, atol=1e-5)


def test_control_other_pixels_have_other_features(folders):
    folder, network = folders["resnet"]
    with torch.inference_mode():
        other = network.base_model(pixel_values=pixels() / 255).pooler_output.flatten(1)
        assert not torch.allclose(backbone(str(folder)).network(pixels()), other, atol=1e-2)


def classifier(folder):
    """A model of three classes on the network in `folder`."""
    found = backbone(str(folder))
    rng = np.random.default_rng(1)
    return ks.Classifier(
        network=found.with_head(rng.standard_normal((3, found.features)), np.zeros(3)),
        architecture=found.config,
        shape=(3, 32, 32),
        class_names=("a", "b", "c"),
        preprocess=PreprocessConfig(kind="crop", height=32, width=32),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_file_holds_the_network(folders, tmp_path, kind):
    before = classifier(folders[kind][0])
    model_file.save(tmp_path / "m", before)
    after = ks.load(tmp_path / "m")
    with torch.inference_mode():
        # 0 on one thread; the layout of weights in memory may change the order of sums
        assert torch.allclose(after.network(pixels()), before.network(pixels()), atol=1e-5)


def test_a_model_file_says_only_the_sizes_of_the_network(folders):
    said = backbone(str(folders["vit"][0])).config.sizes
    assert said.items() >= VIT.items()
    assert not said.keys() & {"architectures", "auto_map", "id2label", "dtype", "_name_or_path"}


def test_a_backbone_says_its_size_and_licence(folders):
    folder, _ = folders["vit"]
    found = backbone(str(folder))
    assert (found.size, found.channels) == ((32, 32), 3)
    assert found.about == f"{folder} (vit, transformers); licence apache-2.0"


def test_a_base_model_without_a_classifier_is_a_backbone(folders, tmp_path):
    folder, network = folders["dinov2"]
    network.base_model.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR))
    with torch.inference_mode():
        expected = backbone(str(folder)).network(pixels())
        assert torch.allclose(backbone(str(tmp_path)).network(pixels()), expected, atol=1e-6)


def test_the_crop_decides_on_the_size(tmp_path):
    save_tiny(
        tmp_path,
        "resnet",
        size={"shortest_edge": 256},
        do_center_crop=True,
        crop_size={"height": 224, "width": 200},
    )
    assert backbone(str(tmp_path)).size == (224, 200)


def test_a_summary_lists_the_layers(folders):
    found = backbone(str(folders["resnet"][0]))
    table = summarize(found.config, shape=(3, 32, 32), outputs=3)
    assert table.rows[-1].shape == (3,) and table.rows[-1].name == "head"


@pytest.mark.parametrize("kind", KINDS)
def test_a_summary_follows_every_kind_from_the_picture_to_the_head(kind):
    config = HfConfig(text=json.dumps({"model_type": kind, **TINY[kind]}))
    table = summarize(config, shape=(3, 32, 32), outputs=3)
    fed_by = {row.name: row.inputs for row in table.rows}
    assert len(fed_by) == len(table.rows)
    assert table.rows[0].inputs == ("",)
    reached, open_names = set(), ["head"]
    while open_names:
        name = open_names.pop()
        if name and name not in reached:
            reached.add(name)
            open_names += fed_by[name]
    assert reached == set(fed_by)


@pytest.mark.parametrize("kind", KINDS)
def test_a_summary_counts_every_parameter_that_takes_part(kind):
    config = HfConfig(text=json.dumps({"model_type": kind, **TINY[kind]}))
    network = build_model(config, shape=(3, 32, 32), outputs=3)
    table = summarize(config, shape=(3, 32, 32), outputs=3)
    assert table.parameters == sum(value.numel() for value in network.parameters())


def test_work_on_tokens_counts_each_of_them():
    config = HfConfig(text=json.dumps({"model_type": "vit", **VIT}))
    table = summarize(config, shape=(3, 32, 32), outputs=3)
    # 16 places of 8 x 8; 17 tokens through two layers of attention and two dense layers; the head
    layer = 4 * 16 * 16 + 2 * 16 * 24
    expected = 16 * 3 * 64 * 16 + 17 * 2 * layer + 16 * 3
    assert Network(classifier=None, summary=table).cost == expected


def refusal(name):
    with pytest.raises((ConfigError, ModelFileError)) as caught:
        backbone(name)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_missing_tensor_is_not_made_up(folders, tmp_path):
    import safetensors.torch

    save_tiny(tmp_path, "resnet")
    path = tmp_path / "model.safetensors"
    weights = safetensors.torch.load_file(path)
    name = "resnet.embedder.embedder.convolution.weight"
    del weights[name]
    safetensors.torch.save_file(weights, path, metadata={"format": "pt"})
    expected = f"hf/{tmp_path}: tensor {name} is missing or of another shape"
    assert refusal(str(tmp_path)) == expected


def test_a_folder_without_weights_as_safetensors_is_refused(tmp_path):
    save_tiny(tmp_path, "resnet")
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    assert refusal(str(tmp_path)) == (
        f"{tmp_path}: not a folder of transformers (no model.safetensors)"
    )


def test_a_preprocessor_that_does_not_say_what_pixels_become_is_refused(tmp_path):
    save_tiny(tmp_path, "resnet", image_mean=None)
    assert refusal(str(tmp_path)) == (
        f"hf/{tmp_path}: its preprocessor_config.json must give image_mean, image_std and size"
    )


def test_code_in_a_folder_is_not_run(tmp_path):
    save_tiny(tmp_path, "resnet")
    path = tmp_path / "config.json"
    said = json.loads(path.read_text()) | {
        "model_type": "mine",
        "auto_map": {"AutoConfig": "mine.Config", "AutoModelForImageClassification": "mine.Net"},
    }
    path.write_text(json.dumps(said))
    (tmp_path / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    assert refusal(str(tmp_path)).startswith("unknown model_type in hf/")
    path.write_text(json.dumps(said | {"model_type": "resnet"}))
    backbone(str(tmp_path))
    assert not (tmp_path / "ran").exists()


def test_a_name_that_is_not_on_this_machine_is_refused_in_one_line(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert refusal("hf/nobody/nothing").startswith("hf/nobody/nothing: cannot be loaded: ")


def test_what_is_no_name_is_refused():
    assert refusal("hf/nothing") == "hf/nothing: expected hf/ORG/NAME or the path of a folder"


def test_a_missing_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError) as caught:
        backbone("hf/microsoft/resnet-50")
    assert str(caught.value) == "transformers is not installed; pip install 'kenspeckle[hf]'"


def built(sizes, shape=(3, 32, 32)):
    text = sizes if isinstance(sizes, str) else json.dumps(sizes)
    build_model(from_dict(HfConfig, {"text": text}), shape=shape, outputs=2)


RESNET = {"model_type": "resnet", **TINY["resnet"]}


def test_control_the_sizes_of_a_network_build_it():
    built(RESNET)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ("", "text must be a JSON object with a model_type"),
        ("[" * 9000, "text must be a JSON object with a model_type"),
        ("[]", "text must be a JSON object with a model_type"),
        ("{" + " " * 16384 + "}", "text must have 16,384 characters or less"),
        ({"model_type": "timm_wrapper"}, "unknown model_type 'timm_wrapper' (known: convnext, "),
        ({"model_type": "os.system"}, "unknown model_type 'os.system'"),
        (RESNET | {"auto_map": "x"}, "unknown size of model hf 'auto_map'"),
        (RESNET | {"attn_implementation": "kernels/x"}, "unknown size of model hf 'attn_impl"),
        (RESNET | {"_attn_implementation": "kernels/x"}, "unknown size of model hf '_attn_impl"),
        (RESNET | {"quantization_config": "x"}, "unknown size of model hf 'quantization_config'"),
        (RESNET | {"dtype": "float16"}, "unknown size of model hf 'dtype'"),
        (RESNET | {"depths": [10**5, 2]}, "depths must be a word, a number up to 65536"),
        (RESNET | {"depths": [255, 2]}, "depths must be at most 256 in all, got [255, 2]"),
        (RESNET | {"embedding_size": float("nan")}, "embedding_size must be a word, a number"),
        (RESNET | {"embedding_size": {"a": 1}}, "embedding_size must be a word, a number"),
        (RESNET | {"num_channels": 1}, "num_channels must be 3, got 1"),
        (RESNET | {"hidden_act": "os.system"}, "model hf: "),
        (RESNET | {"hidden_sizes": [8, -12]}, "model hf: "),
        (RESNET | {"layer_type": "eval"}, "model hf: "),
        ({"model_type": "swin", **TINY["swin"], "window_size": 256}, "window_size must be at most"),
        ({"model_type": "vit", **VIT, "num_attention_heads": 0}, "model hf: "),
        (
            {"model_type": "vit", **VIT, "image_size": 64},
            "model hf (vit) needs pictures of 64 x 64",
        ),
    ],
)
def test_sizes_that_cannot_be_are_refused_with_the_reason(sizes, message):
    with pytest.raises(ConfigError) as caught:
        built(sizes)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500
