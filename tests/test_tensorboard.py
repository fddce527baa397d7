"""What a real TensorBoard shows of a run: asked over HTTP, as a browser asks it."""

import contextlib
import json
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from urllib.parse import urlencode

import pytest
from conftest import SMALL, bars

import kenspeckle as ks
from kenspeckle import config
from kenspeckle.monitoring import hyper_parameters


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Board:
    """TensorBoard as a process of its own."""

    def __init__(self, folder):
        self.address = f"http://127.0.0.1:{free_port()}"
        port = self.address.rpartition(":")[2]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), "--port", port,
             "--host", "127.0.0.1", "--load_fast=false", "--reload_interval=1"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def get(self, path, **query):
        with urllib.request.urlopen(f"{self.address}/data/{path}?{urlencode(query)}") as answer:
            return answer.read()

    def json(self, path, **query):
        return json.loads(self.get(path, **query))

    def post(self, path, document):
        request = urllib.request.Request(
            f"{self.address}/data/{path}",
            json.dumps(document).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read())

    def wait(self):
        """Until it has read the run."""
        end = time.monotonic() + 120
        while time.monotonic() < end:
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                if set(self.json("plugin/scalars/tags")) >= {"train", "validation"}:
                    return self
            assert self.process.poll() is None, "TensorBoard ended"
            time.sleep(0.3)
        raise TimeoutError(self.address)

    def close(self):
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture(scope="module")
def board(run):
    with contextlib.closing(Board(run.path / "tensorboard")) as begun:
        yield begun.wait()


def test_curves_of_both_splits(board):
    tags = board.json("plugin/scalars/tags")
    assert set(tags["train"]) == {"loss per step", "loss", "accuracy", "rate"}
    assert set(tags["validation"]) == {"loss", "accuracy"}


def test_histograms(board):
    tags = board.json("plugin/histograms/tags")["train"]
    assert {"weights/head.weight", "gradients/head.weight", "pre-activations/logits"} <= set(tags)


@pytest.mark.parametrize(
    ("split", "tag", "least"),
    [
        ("train", "first batch", 1),
        ("validation", "confusion matrix", 3),
        ("validation", "mistakes", 1),
    ],
)
def test_pictures(board, split, tag, least):
    assert tag in board.json("plugin/images/tags")[split]
    found = board.json("plugin/images/images", run=split, tag=tag, sample=0)
    assert len(found) >= least
    picture = board.get(f"plugin/images/individualImage?{found[-1]['query']}")
    assert picture[:4] == b"\x89PNG"


def test_the_graph(board):
    assert board.json("plugin/graphs/info")["train"]["run_graph"]
    drawn = board.get("plugin/graphs/graph", run="train", conceptual="false").decode()
    assert re.findall(r'name: "(head|scale|pictures)"', drawn) == ["pictures", "scale", "head"]


def test_the_configuration_as_text(board, run):
    assert board.json("plugin/text/tags") == {"train": ["configuration"]}
    (text,) = board.json("plugin/text/text", run="train", tag="configuration")
    assert "widths = [4, 8]" in text["text"] and "<code" in text["text"]


def test_the_table_of_hyper_parameters(board, run):
    experiment = board.post("plugin/hparams/experiment", {"experimentName": ""})
    names = {info["name"] for info in experiment["hparamInfos"]}
    assert {"recipe", "source", "seed", "model.widths", "train.epochs"} <= names
    measures = [info["name"] for info in experiment["metricInfos"]]
    assert sorted(measure["tag"] for measure in measures) == ["accuracy", "loss"]
    asked = {
        "experimentName": "",
        "allowedStatuses": ["STATUS_SUCCESS"],
        "colParams": [{"metric": measure} for measure in measures],
        "startIndex": 0,
        "sliceSize": 10,
    }
    (row,) = board.post("plugin/hparams/session_groups", asked)["sessionGroups"]
    assert row["hparams"]["train.epochs"] == 3 and row["hparams"]["model.widths"] == "[4, 8]"
    values = {value["name"]["tag"]: value["value"] for value in row["metricValues"]}
    assert values["accuracy"] == pytest.approx(run.epochs[-1]["validation_accuracy"])
    assert values["loss"] == pytest.approx(run.epochs[-1]["validation_loss"])


def test_settings_of_the_recipe_itself_are_no_hyper_parameters():
    swift = ks.build_recipe("swift")
    assert hyper_parameters(swift) == {"recipe": "swift", "source": "mnist", "seed": 0}
    changed = config.override(swift, ["train.epochs=9", "model.widths=[2, 3, 4, 5]"])
    assert hyper_parameters(changed).keys() - {"recipe", "source", "seed"} == {
        "train.epochs",
        "model.widths",
    }


def test_a_recipe_of_a_configuration_file_needs_no_known_name():
    mine = config.override(ks.build_recipe("blink"), ["recipe=mine"])
    assert hyper_parameters(mine)["recipe"] == "mine"


def test_a_perfect_model_has_no_pictures_of_mistakes(tmp_path):
    from test_monitoring import read

    settings = (*SMALL, "train.epochs=12", "optimizer.rate=0.02")
    good = ks.train(bars(300), settings=settings, out=tmp_path / "run")
    assert good.epochs[-1]["validation_accuracy"] == 1
    found = read(good, "validation")
    assert good.epochs[-1]["step"] in [event.step for event in found.Images("confusion matrix")]
    mistaken = [event.step for event in found.Images("mistakes")] if (
        "mistakes" in found.Tags()["images"]) else []  # fmt: skip
    assert good.epochs[-1]["step"] not in mistaken
