"""What TensorBoard itself reads from a run: curves, histograms, pictures, the graph."""

import pytest
from conftest import SMALL, bars
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import kenspeckle as ks


def read(run, split="train"):
    found = EventAccumulator(
        str(run.path / "tensorboard" / split),
        size_guidance={"histograms": 0, "images": 0, "scalars": 0, "tensors": 0, "graph": 1},
    )
    found.Reload()
    return found


def test_histograms_of_weights_gradients_and_pre_activations(run):
    found = read(run)
    tags = found.Tags()["histograms"]
    for tag in ("weights/head.weight", "gradients/head.weight", "pre-activations/block1"):
        assert tag in tags
    # before the first step and after each of three epochs
    steps = [event.step for event in found.Histograms("pre-activations/logits")]
    assert steps == [0, *(epoch["step"] for epoch in run.epochs)]
    value = found.Histograms("weights/head.weight")[0].histogram_value
    assert value.num == 8 * 3
    assert sum(value.bucket) == value.num
    assert len(value.bucket) == len(value.bucket_limit)


def test_the_pictures_of_the_first_batch(run):
    found = read(run)
    (picture,) = found.Images("first batch")
    assert picture.encoded_image_string[:4] == b"\x89PNG"
    assert picture.width == 8 * 30 - 2


def test_the_graph_has_the_layers_and_what_feeds_them(run):
    nodes = {node.name: node for node in read(run).Graph().node}
    assert list(nodes["block1/convolution"].input) == ["crop"]
    assert list(nodes["scale"].input) == ["pictures"]
    assert nodes["head"].op == "Linear"
    sides = nodes["block1/convolution"].attr["_output_shapes"].list.shape[0].dim
    assert [side.size for side in sides] == [-1, 4, 24, 24]


def test_monitoring_can_be_switched_off_and_changes_no_weights(tmp_path, run):
    off = ("monitor.histograms=off", "monitor.graph=off", "monitor.pictures=0")
    quiet = ks.train(bars(), settings=(*SMALL, *off), out=tmp_path / "quiet")
    tags = read(quiet).Tags()
    assert not tags["histograms"] and not tags["images"] and not tags["graph"]
    assert tags["scalars"]
    assert quiet.model_file.read_bytes() == run.model_file.read_bytes()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("monitor.pictures=-1", r"monitor\.pictures must be in 0\.\.1000, got -1"),
        ("monitor.sample=0", r"monitor\.sample must be in 1\.\.100000, got 0"),
        ("monitor.histograms=some", "monitor.histograms must be one of on, off, got 'some'"),
    ],
)
def test_a_wrong_setting_is_named(setting, message, tmp_path):
    with pytest.raises(ks.KenspeckleError, match=message):
        ks.train(bars(), settings=(setting,), out=tmp_path / "run")
