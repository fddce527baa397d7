"""Insight: the answer is that of a prediction, and every part of it can be had alone."""

import base64
import io
import json
import subprocess
import sys

import numpy as np
import pytest
from page_server import drawn_seven, picture_file
from PIL import Image

import kenspeckle as ks
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.errors import ConfigError, DataError
from kenspeckle.model_file import Classifier, load
from kenspeckle.models.convnet import ConvNetConfig
from kenspeckle.models.families import build_model
from kenspeckle.models.mlp import MlpConfig
from kenspeckle.serving.insight import Insight
from kenspeckle.serving.insight_parts import PARTS, png_address


@pytest.fixture(scope="module")
def insight(run):
    return Insight(load(run.model_file), None)


def upright(width=56):
    sheet = Image.new("L", (width, 56), 20)
    sheet.paste(230, (25, 0, 31, 56))
    return picture_file(sheet)


def shown(address):
    kind, _, data = address.partition(",")
    assert kind == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_the_answer_is_that_of_a_prediction(insight, run, tmp_path):
    (tmp_path / "one.png").write_bytes(upright())
    predicted = ks.predict(load(run.model_file), tmp_path / "one.png")[0]
    found = insight.of(upright(), parts=["answer"])["answer"]
    assert found["label"] == predicted.label == "upright"
    assert found["probability"] == pytest.approx(predicted.probability, abs=1e-6)
    assert found["top"][0]["index"] == 1
    assert sum(item["probability"] for item in found["top"]) == pytest.approx(1, abs=1e-5)


def test_every_part_is_plain_json_and_may_be_had_alone(insight):
    whole = insight.of(upright())
    assert tuple(whole) == PARTS
    assert json.loads(json.dumps(whole, allow_nan=False)) == whole
    for part in PARTS[:-1]:
        assert insight.of(upright(), parts=[part]) == {part: whole[part]}


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_an_address_holds_the_picture_as_it_is(channels):
    picture = np.arange(16 * channels, dtype=np.uint8).reshape(4, 4, channels)
    found = np.asarray(shown(png_address(picture))).reshape(picture.shape)
    assert np.array_equal(found, picture)


def test_the_map_lies_in_the_frame_of_what_the_network_sees(insight):
    found = insight.of(upright(), parts=["seen", "saliency"])
    picture, overlay = shown(found["seen"]["picture"]), shown(found["saliency"]["overlay"])
    assert (picture.size, picture.mode) == ((28, 28), "L")
    assert (overlay.size, overlay.mode) == ((28, 28), "RGBA")
    assert overlay.getchannel("A").getextrema() == (0, 255)


def test_another_class_has_another_map(insight):
    maps = [
        insight.of(upright(), label=label, parts=["saliency"])["saliency"]
        for label in ("flat", "upright")
    ]
    assert [each["label"] for each in maps] == ["flat", "upright"]
    assert maps[0]["overlay"] != maps[1]["overlay"]


def test_layers_have_the_names_of_the_summary(insight):
    layers = insight.of(upright(), parts=["activations"])["activations"]["layers"]
    assert [(each["name"], each["units"]) for each in layers] == [
        ("block1.activation", 4),
        ("block2.activation", 8),
    ]
    assert shown(layers[0]["sheet"]).size == (layers[0]["sheet_width"], layers[0]["sheet_height"])


def test_without_a_run_the_neighbours_say_why_there_are_none(insight):
    found = insight.of(upright(), parts=["neighbours"])["neighbours"]
    why = "the model file does not hold the pictures that it was trained on"
    assert found == {"error": why}


def test_where_the_source_is_gone_the_neighbours_say_so(run):
    found = Insight(load(run.model_file), run.path).of(upright(), parts=["neighbours"])
    assert "bars" in found["neighbours"]["error"]


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        (
            {"parts": ["sean"]},
            ConfigError,
            "unknown part 'sean'; did you mean 'seen'? "
            "(known: activations, answer, neighbours, saliency, seen)",
        ),
        ({"label": "round"}, ConfigError, "no class of the model is called 'round'"),
    ],
)
def test_what_is_not_there_is_refused_in_one_line(insight, settings, error, message):
    with pytest.raises(error) as caught:
        insight.of(upright(), **settings)
    assert str(caught.value) == message


def test_what_is_no_picture_is_refused(insight):
    with pytest.raises(DataError, match=r"^picture: not a picture; expected PNG"):
        insight.of(b"these are words")


def test_looking_inside_never_loads_what_trains():
    code = "import sys, kenspeckle.serving.insight; "
    code += (
        "print([n for n in ('training', 'learning', 'runs') if f'kenspeckle.{n}' in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_drawing_on_paper_is_seen_as_the_network_is_given_it(insight):
    assert shown(insight.of(drawn_seven(), parts=["seen"])["seen"]["picture"]).size == (28, 28)


@pytest.mark.parametrize(
    ("architecture", "side", "kind", "method"),
    [
        (MlpConfig(hidden=()), 28, "resize", "integrated gradients"),
        (MlpConfig(hidden=(10,)), 100, "resize", "gradient"),
        (ConvNetConfig(), 100, "crops", "Grad-CAM"),
    ],
)
def test_networks_of_other_kinds_are_looked_into_by_what_suits_them(
    architecture, side, kind, method
):
    shape = (3, side, side)
    classifier = Classifier(
        network=build_model(architecture, shape=shape, outputs=2).eval(),
        architecture=architecture,
        shape=shape,
        class_names=("one", "other"),
        preprocess=PreprocessConfig(kind=kind, height=side, width=side, channels=3),
    )
    found = Insight(classifier, None).of(upright(width=100))
    assert found["seen"]["views"] == (3 if kind == "crops" else 1)
    assert found["saliency"]["method"] == method
    assert found["activations"]["layers"]
    assert sum(item["probability"] for item in found["answer"]["top"]) == pytest.approx(1)
