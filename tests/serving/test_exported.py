"""An exported file serves as the run does: the same answers, without torch."""

import json
import os
import signal
from pathlib import Path

import exported
import numpy as np
import pytest
from servers import real, until

import kenspeckle as ks
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.description import Description
from kenspeckle.errors import ConfigError, ModelFileError
from kenspeckle.inference import outputs
from kenspeckle.models.heads import NumberHead
from kenspeckle.onnx_model import OnnxModel, load_onnx, predict_onnx
from kenspeckle.serving import answering
from kenspeckle.serving.engine import Engine, load
from kenspeckle.serving.insight_parts import PARTS
from kenspeckle.serving.onnx_insight import OnnxInsight, falls


@pytest.fixture(scope="module")
def made(run, dataset, tmp_path_factory):
    """The file that was exported."""
    out = tmp_path_factory.mktemp("exported") / "digits.onnx"
    return ks.export(run, out=out, source=dataset, pictures=10).path


@pytest.fixture(scope="module")
def serving(made):
    with real(made) as started:
        yield started


def loaded(path):
    with open(path, "rb") as file:
        return load(str(path), file.fileno())


def libraries(number):
    return Path(f"/proc/{number}/maps").read_text()


def test_the_answers_are_those_of_ken_predict(serving, made, pictures, offline, tmp_path):
    for number, picture in enumerate(pictures[:8]):
        (tmp_path / f"{number}.png").write_bytes(picture)
    for number, predicted in enumerate(predict_onnx(load_onnx(made), tmp_path)):
        status, document = serving.predict(pictures[number])
        (told,) = document["predictions"]
        assert (status, told["label"]) == (200, predicted.label)
        assert told["probability"] == predicted.probability
        shares = np.array(list(told["probabilities"].values()))
        assert np.abs(shares - offline[number]).max() <= 1e-6


def test_no_process_loads_torch(serving, server):
    assert serving.line.startswith("serving digits (")
    ours = [serving.process.pid, *serving.children(), *serving.forked()]
    assert len(ours) == 3
    assert not any("libtorch" in libraries(number) for number in ours)
    assert "onnxruntime" in libraries(ours[-1])
    assert "libtorch" in libraries(server.children()[0])  # of a run it does


def test_the_process_that_computes_may_die(serving, pictures):
    (victim,) = serving.forked()
    before = serving.metric("restarts_total")
    os.kill(victim, signal.SIGKILL)
    assert until(lambda: serving.metric("restarts_total") > before)
    assert serving.predict(pictures[0])[0] == 200


def test_one_channel_and_other_sizes_are_brought_into_the_form_of_the_input(serving, pictures):
    import io

    from PIL import Image

    image = Image.open(io.BytesIO(pictures[0])).convert("RGB").resize((120, 120))
    held = io.BytesIO()
    image.save(held, "JPEG")
    status, document = serving.predict(held.getvalue())
    assert status == 200 and document["predictions"][0]["label"]


SLOW = pytest.mark.slow
KINDS = [
    ("resize", 1, "classes"),
    ("crops", 3, "number"),
    pytest.param("crop", 3, "classes", marks=SLOW),
    pytest.param("crops", 1, "classes", marks=SLOW),
    pytest.param("pad", 3, "number", marks=SLOW),
]


@pytest.mark.parametrize(("kind", "channels", "task"), KINDS)
def test_every_way_of_framing_answers_as_torch_does(tmp_path, kind, channels, task):
    names = ("1", "2", "3") if task == "number" else ("a", "b", "c")
    given = exported.classifier(kind=kind, channels=channels, task=task, names=names)
    path = tmp_path / "m.onnx"
    path.write_bytes(exported.onnx_of(given, tmp_path))
    engine, other = loaded(path), loaded(tmp_path / "model.safetensors")
    assert engine.description == other.description
    raw = list(exported.pictures())
    items = [[picture.size, *picture.shape] for picture in raw]
    payload = memoryview(b"".join(picture.tobytes() for picture in raw))
    said, rows, _ = answering.answers(engine, items, payload)
    of_torch, expected, _ = answering.answers(other, items, payload)
    assert np.abs(rows - expected).max() <= 1e-6
    assert len(rows) == len(raw) and len({row.tobytes() for row in rows}) == len(raw)
    values = [item.get("value") for item in said]
    if task == "number":
        assert values == pytest.approx([item["value"] for item in of_torch], abs=1e-5)
    else:
        assert values == [None] * len(raw)


def test_many_large_pictures_go_in_parts(tmp_path, monkeypatch):
    sizes = []
    answers = OnnxModel.answers
    monkeypatch.setattr(
        OnnxModel, "answers", lambda model, some: sizes.append(len(some)) or answers(model, some)
    )
    given = exported.classifier()
    path = tmp_path / "m.onnx"
    path.write_bytes(exported.onnx_of(given, tmp_path))
    images = np.random.default_rng(0).integers(0, 256, (400, 32, 32, 3)).astype(np.uint8)
    together = loaded(path).run(images)[0]
    said = given.head.logits(outputs(given.network, images)) / given.temperature
    assert together.shape == (400, 3) and sizes == [341, 59]
    assert np.abs(together - said.softmax(dim=1).numpy()).max() <= 1e-6


@pytest.mark.parametrize("spoil", ["cut", "changed", "empty"])
def test_a_file_that_is_damaged_does_not_serve(made, tmp_path, spoil):
    data = bytearray(made.read_bytes())
    if spoil == "changed":
        data[len(data) // 2] ^= 1
    path = tmp_path / "m.onnx"
    path.write_bytes({"cut": data[:-1], "changed": data, "empty": b""}[spoil])
    with pytest.raises(ModelFileError, match=r"m\.onnx: "):
        loaded(path)


def test_the_page_is_told_what_can_be_told(serving, pictures):
    status, _, body = serving.ask("POST", "/insight", pictures[0], {"Content-Type": "image/png"})
    found = json.loads(body)
    assert status == 200 and tuple(found) == PARTS
    assert found["answer"]["top"][0]["label"] == found["answer"]["label"]
    assert found["saliency"]["method"] == "occlusion"
    for part in ("activations", "neighbours"):
        assert "serve the run itself" in found[part]["error"]


def corner(images):
    """Surely of the first class where the upper left corner is bright, else of the second."""
    share = np.where(images[:, 2, 2, 0] > 100, 0.9, 0.2).astype(np.float32)
    return np.stack([share, 1 - share], axis=1), None


def engine_of(run, shape):
    description = Description(
        shape=shape,
        preprocess=PreprocessConfig(kind="resize", height=shape[1], width=shape[2]),
        class_names=("bright", "dark"),
        task="classes",
        temperature=1.0,
    )
    return Engine(description=description, card={}, version="0" * 12, run=run)


@pytest.fixture
def engine():
    return engine_of(corner, (1, 20, 20))


def test_hiding_what_the_answer_comes_from_is_what_shows(engine):
    seen = np.zeros((20, 20, 1), np.uint8)
    seen[:4, :4] = 255
    found = falls(engine, seen, 0)
    assert found.shape == (20, 20)
    assert found[2, 2] == found.max() > 0
    assert not found[6:].any() and not found[:, 6:].any()
    assert np.allclose(falls(engine, seen, 1), -found)


def test_a_part_or_a_class_that_is_not_there_is_told(engine, pictures):
    insight = OnnxInsight(engine)
    with pytest.raises(ConfigError, match="unknown part"):
        insight.of(pictures[0], parts=["sense"])
    with pytest.raises(ConfigError, match="no class"):
        insight.of(pictures[0], label="green")
    assert insight.of(pictures[0], label="dark", parts=["saliency"])["saliency"]["label"] == "dark"


def test_a_number_comes_with_its_insight(tmp_path, pictures):
    given = exported.classifier(task="number", names=("1", "2", "3"))
    assert isinstance(given.head, NumberHead)
    path = tmp_path / "m.onnx"
    path.write_bytes(exported.onnx_of(given, tmp_path))
    found = OnnxInsight(loaded(path)).of(pictures[0], parts=["answer"])["answer"]
    assert 1 <= found["value"] <= 3


def test_a_large_picture_is_hidden_in_pieces_and_in_few_places():
    most, passes = 0, 0

    def run(images):
        nonlocal most, passes
        most, passes = max(most, images.nbytes), passes + len(images)
        return corner(images)

    found = falls(engine_of(run, (3, 64, 4096)), np.zeros((64, 4096, 3), np.uint8), 0)
    assert found.shape == (64, 4096) and np.isfinite(found).all()
    assert passes < 400 and most <= 1 << 22
