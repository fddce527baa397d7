"""A run goes on from another folder, or says what it misses on another machine."""

import re
import struct
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from conftest import SMALL, bars

import kenspeckle as ks
from kenspeckle import config, runlog
from kenspeckle.data.sources.detect import locate
from kenspeckle.environment import differences
from kenspeckle.errors import DataError, DeviceError
from kenspeckle.runs import resuming, training

FIRST = (*SMALL, "preprocess.kind=resize")


def written(folder):
    """The pictures of `bars` as a pair of IDX files."""
    folder.mkdir()
    data = bars()
    count, height, width, _ = data.images.shape
    images, labels = folder / "images-idx3-ubyte", folder / "labels-idx1-ubyte"
    images.write_bytes(struct.pack(">4I", 0x803, count, height, width) + data.images.tobytes())
    labels.write_bytes(struct.pack(">2I", 0x801, count) + data.labels.astype("u1").tobytes())
    return images, labels


def stopped(source, out):
    """A run that was asked to stop at once."""
    chosen = config.override(ks.build_recipe("swift"), (*FIRST, f'source="{source}"'))
    return list(training(chosen, out=out, stop=lambda: True))[-1].run


@pytest.mark.parametrize(
    "source",
    ["pictures/images-idx3-ubyte", "pictures/images-idx3-ubyte:pictures/labels-idx1-ubyte"],
)
def test_a_run_on_files_goes_on_from_another_folder(tmp_path, monkeypatch, source):
    written(tmp_path / "pictures")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    run = stopped(source, "run")
    parts = (str(tmp_path / part) for part in source.split(":"))
    assert run.config.source == ":".join(parts)
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert ks.resume("../run").is_finished
    assert ks.evaluate("../run").openings == 1
    (row,) = runlog.rows(tmp_path)
    assert (row.run, row.status, row.test_openings) == ("run", "finished", 1)


def test_a_run_goes_on_from_inside_its_folder(tmp_path, monkeypatch):
    stopped("digits", tmp_path / "run")
    monkeypatch.chdir(tmp_path / "run")
    assert ks.resume(".").is_finished
    (row,) = runlog.rows(tmp_path)
    assert (row.run, row.status, row.source) == ("run", "finished", "digits")


def test_a_dataset_made_in_memory_keeps_its_name_where_a_folder_has_it_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bars").mkdir()
    assert ks.train(bars(), settings=SMALL, out="run").config.source == "bars"


@pytest.mark.parametrize(
    "source", ["mnist", "digits", "fashion-mnist", "nowhere", "a:b", "x" * 999]
)
def test_a_name_stays_as_it_is(source):
    assert locate(source) == source


def test_the_name_of_a_source_wins_over_a_folder_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mnist").mkdir()
    assert locate("mnist") == "mnist"
    assert locate("./mnist") == str(tmp_path / "mnist")


def test_files_whose_names_are_not_utf_8_are_refused_in_one_line(tmp_path):
    images, _ = written(tmp_path / "\udcff")
    with pytest.raises(DataError) as caught:
        ks.train(str(images), settings=FIRST, out=tmp_path / "run")
    assert str(caught.value) == f"{images}: not a path in UTF-8; rename it"
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_run_of_a_device_that_is_not_here_says_how_to_go_on(tmp_path):
    run = stopped("digits", tmp_path / "run")
    file = run.path / "config.toml"
    text = file.read_text()
    file.write_text(text.replace('device = "cpu"', 'device = "cuda"'))
    with pytest.raises(DeviceError) as caught:
        list(resuming(run.path))
    assert str(caught.value) == (
        f"{run.path}: this run began on cuda in fp32, which this machine does not offer; "
        "go on with it on one that does, or train anew here with "
        f"`ken train --config {file} --set device=auto --set precision=auto`"
    )
    command = re.search("`ken (.+)`", str(caught.value))[1].split()
    advised = [value for flag, value in pairwise(command) if flag == "--set"]
    anew = config.override(run.config, [*advised, "train.epochs=1"])
    assert list(training(anew, out=tmp_path / "anew"))[-1].run.is_finished


def test_only_what_the_configuration_does_not_pin_counts_as_another_machine():
    before = {
        "versions": {"torch": "2.13.0"}, "processor": "A", "vector_instructions": "AVX2",
        "device": "cpu", "precision": "fp32", "threads": 2, "system": "Linux",
    }  # fmt: skip
    pinned = {"device": "cuda", "precision": "bf16", "threads": 4}
    assert differences(before, before | pinned) == []
    assert differences(before, before | {"processor": "B"}) == ["processor: A, now B"]
    changed = {"versions": {"torch": "2.14.0"}, "vector_instructions": "AVX512"}
    assert len(differences(before, before | changed)) == 2
