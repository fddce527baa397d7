"""Many seeds at once: the bits of single runs, and what stops or kills them loses nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import SMALL, bars

import kenspeckle as ks
from kenspeckle import config
from kenspeckle.data.shared import open_shared, shared
from kenspeckle.errors import ConfigError, RunError
from kenspeckle.headway import ManyAdvanced
from kenspeckle.many import ManyEnded, ManyStarted, training_many
from kenspeckle.recipes.catalog import build_recipe
from kenspeckle.worker_pool import JobAdvanced, JobDied, JobDone, JobFailed

pytestmark = pytest.mark.usefixtures("all_cores")

EQUAL = ("model.safetensors", "predictions-validation.npz", "result.json", "config.toml")
LONG = (*SMALL, "train.epochs=30", "train.checkpoint_seconds=0.1")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Three seeds of a small network."""
    folder = tmp_path_factory.mktemp("many") / "set"
    return ks.train_many(bars(), seeds=3, settings=SMALL, out=folder)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Two single runs that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    return [ks.train(bars(), settings=LONG, seed=seed, out=folder / str(seed)) for seed in (0, 1)]


def events(folder, *, seeds=2, settings=SMALL, **options):
    asked = config.override(build_recipe("swift"), [*settings, "source=bars"])
    return training_many(asked, seeds=seeds, out=folder, dataset=bars(), **options)


def of_kind(found, kind):
    return [event for event in found if isinstance(event, kind)]


def test_each_seed_has_the_bits_of_its_own_single_run(trained, tmp_path):
    single = ks.train(bars(), settings=SMALL, seed=2, out=tmp_path / "run")
    for name in EQUAL:
        assert (trained[2].path / name).read_bytes() == (single.path / name).read_bytes(), name


def test_another_seed_has_other_bits(trained):
    models = {(run.path / "model.safetensors").read_bytes() for run in trained}
    assert len(models) == 3


def test_each_seed_is_an_ordinary_run_in_the_log_of_its_folder(trained):
    assert [run.config.seed for run in trained] == [0, 1, 2]
    assert ks.evaluate(trained[0], bars()).openings == 1
    assert (trained[0].log_folder / "log.sqlite").is_file()


def test_a_repeat_keeps_what_is_finished_and_trains_what_is_missing(trained):
    before = (trained[0].path / "model.safetensors").stat().st_mtime_ns
    found = list(events(trained[0].log_folder, seeds=[0, 1, 2, 5]))
    assert of_kind(found, ManyStarted)[0].kept == 3
    assert [event.job.name for event in of_kind(found, JobDone)] == ["seed 5"]
    assert len(found[-1].runs) == 4
    assert (trained[0].path / "model.safetensors").stat().st_mtime_ns == before


def test_a_folder_of_other_settings_is_refused(trained):
    folder = trained[0].log_folder
    with pytest.raises(RunError) as error:
        list(events(folder, settings=(*SMALL, "train.epochs=4")))
    expected = f"{folder}: holds runs of other settings (set.toml differs); choose another --out"
    assert str(error.value) == expected


@pytest.mark.parametrize("seeds", [0, [3, 3]])
def test_no_seed_and_a_seed_given_twice_are_refused(tmp_path, seeds):
    with pytest.raises(ConfigError) as error:
        list(events(tmp_path / "set", seeds=seeds))
    assert str(error.value) == f"seeds must be one or more, each of them once, got {seeds}"
    assert not (tmp_path / "set").exists()


def test_progress_ends_with_all_runs_done_and_nothing_left(tmp_path):
    found = of_kind(events(tmp_path / "set"), ManyAdvanced)
    assert (found[-1].done, found[-1].runs, found[-1].share) == (2, 2, 1.0)
    assert found[-1].seconds_left == 0


def test_a_killed_process_is_named_and_its_run_goes_on_to_the_same_bits(whole, tmp_path):
    found, killed = [], []
    for event in events(tmp_path / "set", seeds=1, settings=LONG):
        found.append(event)
        if isinstance(event, JobAdvanced) and not killed:
            while not list((tmp_path / "set" / "seed-000" / "checkpoints").glob("[!.]*")):
                time.sleep(0.01)
            os.kill(event.process, signal.SIGKILL)
            killed.append(event.process)
    [died] = of_kind(found, JobDied)
    assert died.job.name == "seed 0"
    assert died.cause.startswith("was ended by SIGKILL")
    for name in EQUAL:
        ours = found[-1].runs[0].path / name
        assert ours.read_bytes() == (whole[0].path / name).read_bytes(), name


IN_STEP = (*LONG, "model.widths=[16, 16]", "train.epochs=20")


def test_seeds_in_step_have_the_bits_of_their_own_runs_though_their_process_is_killed(tmp_path):
    settings = [*IN_STEP, "stacked=true"]
    alone = ks.train(bars(), settings=settings, seed=3, out=tmp_path / "alone")
    found, killed = [], []
    for event in events(tmp_path / "set", seeds=[1, 2, 3, 4], settings=IN_STEP, stacked=True):
        found.append(event)
        if isinstance(event, JobAdvanced) and event.job.name == "seed 3" and not killed:
            while not list((tmp_path / "set" / "seed-003" / "checkpoints").glob("[!.]*")):
                time.sleep(0.01)
            os.kill(event.process, signal.SIGKILL)
            killed.append(event.process)
    assert of_kind(found, ManyStarted)[0].stack >= 2
    assert "seed 3" in [event.job.name for event in of_kind(found, JobDied)]
    assert [run.config.stacked for run in found[-1].runs] == [True] * 4
    for name in EQUAL:
        ours = found[-1].runs[2].path / name
        assert ours.read_bytes() == (alone.path / name).read_bytes(), name


def test_seeds_in_step_that_are_stopped_go_on_to_the_same_bits(tmp_path):
    asked = {"seeds": 3, "settings": IN_STEP, "stacked": True}
    *_, whole = events(tmp_path / "whole", **asked)
    folder, told = tmp_path / "set", []
    *_, ended = events(folder, **asked, stop=lambda: len(list(folder.glob("*/epochs.jsonl"))) == 3)
    assert ended.state == "interrupted"
    for event in events(folder, seeds=3, settings=IN_STEP):  # the folder knows how it was begun
        told.append(event)
    assert told[-1].state == "finished"
    for run, other in zip(told[-1].runs, whole.runs, strict=True):
        model = (run.path / "model.safetensors").read_bytes()
        assert model == (other.path / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (("model.widths=[12, 16]",), "stacked is for the models convnet and mlp, "),
        (("threads=2", "model.widths=[16, 16]"), "stacked is for one thread, got threads=2; "),
        (("transfer.backbone=resnet-18",), "stacked is for networks from scratch; "),
    ],
)
def test_seeds_that_cannot_learn_in_step_are_refused_before_a_folder_is_made(
    tmp_path, settings, words
):
    with pytest.raises(ConfigError, match=words):
        list(events(tmp_path / "set", settings=(*SMALL, *settings), stacked=True))
    assert not (tmp_path / "set").exists()


def test_an_order_to_stop_that_comes_before_the_process_is_ready_is_heard(tmp_path):
    *_, ended = events(tmp_path / "set", seeds=1, settings=LONG, stop=lambda: True)
    assert (ended.state, ended.runs) == ("interrupted", ())


def test_in_step_and_not_in_step_at_once_is_refused(tmp_path):
    with pytest.raises(ConfigError) as error:
        list(events(tmp_path / "set", settings=(*IN_STEP, "stacked=true"), stacked=False))
    expected = "stacked=False contradicts the setting stacked=true; leave out one of them"
    assert str(error.value) == expected


@pytest.mark.slow
def test_a_process_that_is_killed_twice_is_a_failure_and_the_others_finish(tmp_path):
    found, killed = [], []
    for event in events(tmp_path / "set", settings=LONG):
        found.append(event)
        mine = isinstance(event, JobAdvanced) and event.job.name == "seed 0"
        if mine and event.process not in killed:
            os.kill(event.process, signal.SIGKILL)
            killed.append(event.process)
    [failed] = of_kind(found, JobFailed)
    assert failed.job.name == "seed 0" and failed.reason.endswith(", twice")
    assert [run.path.name for run in found[-1].runs] == ["seed-001"]


def test_a_seed_that_fails_is_an_error_with_its_reason_after_the_others(tmp_path):
    with pytest.raises(RunError, match=r"seed-000: .*; lower optimizer.rate or set"):
        ks.train_many(
            bars(), seeds=1, settings=(*SMALL, "optimizer.rate=1e30"), out=tmp_path / "set"
        )


def test_stopping_saves_what_is_at_work_and_a_repeat_ends_in_the_same_bits(whole, tmp_path):
    checkpoints = tmp_path / "set" / "seed-001" / "checkpoints"
    found = list(events(tmp_path / "set", settings=LONG, stop=checkpoints.exists))
    assert isinstance(found[-1], ManyEnded) and found[-1].state == "interrupted"
    assert not found[-1].runs
    again = list(events(tmp_path / "set", settings=LONG))
    assert any(event.began > 0 for event in of_kind(again, JobAdvanced))
    for ours, theirs in zip(again[-1].runs, whole, strict=True):
        model = (ours.path / "model.safetensors").read_bytes()
        assert model == (theirs.path / "model.safetensors").read_bytes()


def test_workers_end_when_the_process_that_started_them_is_killed(tmp_path):
    code = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from test_many import *\n"
        "for event in events(Path(sys.argv[1]) / 'set', settings=LONG):\n"
        "    if isinstance(event, JobAdvanced): print(event.process, flush=True)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        worker = int(process.stdout.readline())
        process.kill()
    end = time.monotonic() + 20
    while Path(f"/proc/{worker}").exists() and time.monotonic() < end:
        time.sleep(0.1)
    assert not Path(f"/proc/{worker}").exists()


def test_a_shared_dataset_is_the_same_in_every_bit():
    data = bars()
    with shared(data) as common:
        facts = json.loads(json.dumps(common.facts))
        found = open_shared(facts)
    assert found.fingerprint == data.fingerprint
    assert (found.source, found.class_names) == (data.source, data.class_names)
