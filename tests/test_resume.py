"""A run that was stopped in whatever way ends in the bits that it would have had undisturbed."""

import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch

import kenspeckle as ks
from kenspeckle import checkpoint, config, runlog, storage
from kenspeckle.errors import CheckpointError, DataError, RunError
from kenspeckle.runs import resuming, training

COMMON = (
    "threads=1",
    "precision=fp32",
    "train.epochs=3",
    "train.batch_size=40",
    "train.checkpoint_seconds=0",
    "splits.folds=0",
)
CONVNET = (
    "model.widths=[4, 8]",
    "model.kernels=[3, 3]",
    "model.paddings=[1, 1]",
    "model.pools=[2, 2]",
)
EPOCH = 5  # steps: 187 pictures to train on in batches of 40
STEPS = 3 * EPOCH


@pytest.fixture
def scratch(tmp_path):
    """A folder in memory where there is one: SIGKILL takes nothing from a disk in memory either."""
    with _scratch(tmp_path) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def module_scratch(tmp_path_factory):
    with _scratch(tmp_path_factory.mktemp("scratch")) as folder:
        yield Path(folder)


def _scratch(otherwise):
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else otherwise)


def outcome(path):
    """All that a run ends in, but for durations."""
    run = ks.open_run(path)
    with np.load(run.predictions_file("validation")) as file:
        arrays = {name: (file[name].dtype.str, file[name].tolist()) for name in file}
    durations = ("seconds", "images_per_second")
    return {
        "model": run.model_file.read_bytes(),
        "result": run.result,
        "predictions": arrays,
        "epochs": [{k: v for k, v in line.items() if k not in durations} for line in run.epochs],
    }


def differing(one, other):
    return [name for name in one if one[name] != other[name]]


# In one process


@pytest.fixture
def every_step(monkeypatch):
    """Lets the loop look up after every step instead of after 0.2 seconds."""
    monkeypatch.setattr("kenspeckle.training.PAUSE", -1.0)


def settings_of(recipe, *settings):
    return config.override(replace(ks.build_recipe(recipe), source="bars"), (*COMMON, *settings))


SWIFT = settings_of("swift", *CONVNET, "train.averaging=0.98")


def after(looks):
    """A `stop` that is true from look number `looks` on."""
    remaining = iter(range(looks - 1))
    return lambda: next(remaining, None) is None


def begin(settings, out, dataset, *, stop=lambda: False):
    return list(training(settings, out=out, dataset=dataset, stop=stop))[-1]


def go_on(out, dataset, *, stop=lambda: False):
    return list(resuming(out, dataset=dataset, stop=stop))[-1]


KINDS = {
    "swift": SWIFT,
    "averaging off": settings_of("swift", *CONVNET, "train.averaging=0"),
    "averaging slow": settings_of("swift", *CONVNET, "train.averaging=0.999"),
    "augmentation off": settings_of(
        "swift", *CONVNET, *(f"augment.{name}=0" for name in ("rotation", "shift", "zoom", "shear"))
    ),
    "sgd": settings_of("swift", *CONVNET, "optimizer.name=sgd", "optimizer.rate=0.1"),
    "momentum": settings_of(
        "swift",
        *CONVNET,
        "optimizer.name=sgd",
        "optimizer.rate=0.05",
        "optimizer.momentum=0.9",
        "optimizer.nesterov=true",
    ),
    "clipping": settings_of("swift", *CONVNET, "train.gradient_clip=0.1"),
    "dropout": settings_of("mlp", "model.hidden=[16, 16]", "model.dropout=0.3"),
    "deep-mnist": settings_of(
        "deep-mnist", "model.widths=[4, 4]", "model.hidden=[16]", "train.epochs=0", "train.steps=13"
    ),
    "any precision": settings_of("swift", *CONVNET, "precision=auto"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_is_stopped_after_every_single_step_ends_in_the_same_bits(
    scratch, dataset, every_step, kind
):
    begin(KINDS[kind], scratch / "whole", dataset)
    ended = begin(KINDS[kind], scratch / "parts", dataset, stop=after(1))
    sessions = 1
    while ended.state == "interrupted":
        assert ended.step == sessions
        ended = go_on(scratch / "parts", dataset, stop=after(1))
        sessions += 1
    assert sessions == (13 if kind == "deep-mnist" else STEPS)
    assert differing(outcome(scratch / "whole"), outcome(scratch / "parts")) == []


def test_a_run_by_folds_that_is_stopped_after_every_single_step_ends_in_the_same_bits(
    scratch, dataset, every_step
):
    settings = config.override(SWIFT, ["splits.folds=3"])
    whole = begin(settings, scratch / "whole", dataset)
    ended = begin(settings, scratch / "parts", dataset, stop=after(1))
    sessions = 1
    while ended.state == "interrupted":
        ended = go_on(scratch / "parts", dataset, stop=after(1))
        sessions += 1
    # the last step of a fold is followed by the first of the next network before anything stops
    assert (ended.step, sessions) == (whole.step, whole.step - 3)
    assert differing(outcome(scratch / "whole"), outcome(scratch / "parts")) == []


@pytest.mark.parametrize("step", [1, EPOCH - 1, EPOCH, EPOCH + 1, 2 * EPOCH, STEPS - 1])
def test_a_run_that_is_stopped_once_ends_in_the_same_bits(
    scratch, dataset, every_step, whole, step
):
    ended = begin(SWIFT, scratch / "run", dataset, stop=after(step))
    assert (ended.state, ended.step) == ("interrupted", step)
    started, *_, ended = resuming(scratch / "run", dataset=dataset)
    assert (started.step, ended.state) == (step, "finished")
    assert f"going on from the checkpoint of step {step}" in started.notes
    assert differing(whole, outcome(scratch / "run")) == []


def test_looking_up_and_saving_do_not_change_the_bits(scratch, dataset, whole):
    quiet = config.override(SWIFT, ["train.checkpoint_seconds=1000"])
    begin(quiet, scratch / "run", dataset)
    assert len(list((scratch / "run" / "checkpoints").iterdir())) == 1
    assert differing(whole, outcome(scratch / "run")) == []


def test_control_another_seed_ends_in_other_bits(scratch, dataset, whole):
    begin(replace(SWIFT, seed=1), scratch / "run", dataset)
    assert differing(whole, outcome(scratch / "run")) == [
        "model",
        "result",
        "predictions",
        "epochs",
    ]


def test_stopping_in_the_last_step_finishes_the_run(scratch, dataset, every_step, whole):
    ended = begin(SWIFT, scratch / "run", dataset, stop=after(STEPS))
    assert ended.state == "finished"
    assert differing(whole, outcome(scratch / "run")) == []


def test_the_same_configuration_gives_the_same_model_file_twice(scratch, dataset, whole):
    begin(SWIFT, scratch / "run", dataset)
    assert (scratch / "run" / "model.safetensors").read_bytes() == whole["model"]


@pytest.fixture(scope="module")
def whole(module_scratch, dataset):
    """The outcome of the run that was not disturbed."""
    begin(SWIFT, module_scratch / "whole", dataset)
    return outcome(module_scratch / "whole")


PERTURBED = {
    "network": "tensors",
    "optimizer": "tensors",
    "average": "tensors",
    "best": "tensors",
    "epoch": 1,
    "step": 1,
    "total": 1,
    "correct": 1,
    "seen": 1,
    "losses": [],
    "epochs": [],
}


@pytest.fixture(scope="module")
def noise(dataset):
    """Nothing to learn, so that the best epoch is one in the middle by chance."""
    labels = np.random.default_rng(5).permutation(dataset.labels)
    return replace(dataset, labels=labels)


BEST_IS_EARLY = config.override(SWIFT, ["seed=1", "train.epochs=5"])


@pytest.fixture(scope="module")
def noise_whole(module_scratch, noise):
    ended = begin(BEST_IS_EARLY, module_scratch / "noise", noise)
    assert ended.best.epoch in (2, 3)  # so that stops at 3 epochs and later must keep it
    return outcome(module_scratch / "noise")


@pytest.mark.parametrize("step", [2 * EPOCH, 3 * EPOCH, 3 * EPOCH + 2, 5 * EPOCH - 1])
def test_the_weights_of_the_best_epoch_survive(scratch, noise, every_step, noise_whole, step):
    begin(BEST_IS_EARLY, scratch / "run", noise, stop=after(step))
    ended = go_on(scratch / "run", noise)
    assert ended.best.epoch in (2, 3)  # so that stops at 3 epochs and later must keep it
    assert differing(noise_whole, outcome(scratch / "run")) == []


@pytest.mark.parametrize("part", PERTURBED)
def test_control_with_any_part_of_a_checkpoint_changed_the_outcome_is_another(
    scratch, noise, every_step, noise_whole, part
):
    begin(BEST_IS_EARLY, scratch / "run", noise, stop=after(3 * EPOCH + 2))
    perturb(scratch / "run", part)
    go_on(scratch / "run", noise)
    assert differing(noise_whole, outcome(scratch / "run"))


def perturb(run, part):
    """Change `part` of the newest checkpoint and seal it again."""
    newest, *others = checkpoint.checkpoints(run / "checkpoints")
    manifest, files = storage.read_folder(newest)
    for path in (newest, *others):
        shutil.rmtree(path)
    if PERTURBED[part] == "tensors":
        tensors = safetensors.torch.load(files[f"{part}.safetensors"])
        changed = {name: value * 2 for name, value in tensors.items()}
        files[f"{part}.safetensors"] = safetensors.torch.save(changed)
    else:
        state = json.loads(files[checkpoint.STATE])
        owner = state if part == "epochs" else state["training"]
        owner[part] = owner[part] - 1 if PERTURBED[part] else []
        files[checkpoint.STATE] = json.dumps(state).encode()
    about = {key: manifest[key] for key in ("format", "step", "identity")}
    storage.write_folder(newest, files, about=about)


EARLY = config.override(SWIFT, ["train.epochs=9", "train.patience=2", "optimizer.rate=1e-9"])


@pytest.mark.parametrize("step", [2, EPOCH, 2 * EPOCH, 2 * EPOCH + 1, 3 * EPOCH - 1])
def test_the_patience_of_early_stopping_survives(scratch, dataset, every_step, step):
    ended = begin(EARLY, scratch / "whole", dataset)
    assert (ended.state, ended.step) == ("finished", 3 * EPOCH)
    begin(EARLY, scratch / "run", dataset, stop=after(step))
    assert go_on(scratch / "run", dataset).step == 3 * EPOCH
    assert differing(outcome(scratch / "whole"), outcome(scratch / "run")) == []


def test_a_run_whose_data_changed_is_refused(scratch, dataset, every_step):
    begin(SWIFT, scratch / "run", dataset, stop=after(2))
    images = dataset.images.copy()
    images[100, 3, 3] ^= 1
    with pytest.raises(DataError, match="the data of bars changed since this run began"):
        go_on(scratch / "run", replace(dataset, images=images))
    assert go_on(scratch / "run", dataset).state == "finished"


def test_a_run_whose_configuration_changed_is_refused(scratch, dataset, every_step):
    begin(SWIFT, scratch / "run", dataset, stop=after(2))
    path = scratch / "run" / "config.toml"
    path.write_text(path.read_text().replace("rate = 0.0", "rate = 0.1", 1))
    with pytest.raises(CheckpointError, match=r"another run \(different configuration\)"):
        go_on(scratch / "run", dataset)


def test_a_finished_run_is_refused_and_left_alone(scratch, dataset):
    begin(SWIFT, scratch / "run", dataset)
    before = outcome(scratch / "run")
    with pytest.raises(RunError, match="this run is finished; use `ken evaluate"):
        go_on(scratch / "run", dataset)
    assert differing(before, outcome(scratch / "run")) == []


def test_a_run_with_a_damaged_checkpoint_says_so_and_ends_in_the_same_bits(
    scratch, dataset, every_step, whole
):
    begin(SWIFT, scratch / "run", dataset, stop=after(7))
    path = scratch / "run" / "checkpoints" / "step-00000007" / "network.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    started, *_ = resuming(scratch / "run", dataset=dataset)
    assert started.step == 6
    assert started.notes[0].startswith("step-00000007 is damaged (")
    assert started.notes[0].endswith(": using the checkpoint before it")
    assert differing(whole, outcome(scratch / "run")) == []


def test_a_run_without_a_whole_checkpoint_is_refused_and_left_alone(scratch, dataset, every_step):
    begin(SWIFT, scratch / "run", dataset, stop=after(7))
    for path in (scratch / "run" / "checkpoints").glob("*/state.json"):
        path.unlink()
    before = sorted((scratch / "run").rglob("*"))
    with pytest.raises(CheckpointError, match="no checkpoint can be used"):
        go_on(scratch / "run", dataset)
    assert sorted((scratch / "run").rglob("*")) == before


def test_the_names_of_the_folders_of_a_run_are_durable(scratch, dataset, every_step, monkeypatch):
    synced = {}
    fsync = os.fsync

    def recording(descriptor):
        fsync(descriptor)
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if path.is_dir():
            synced[path] = os.listdir(path)

    monkeypatch.setattr(os, "fsync", recording)
    begin(SWIFT, scratch / "run", dataset, stop=after(1))
    assert "step-00000001" in synced[scratch / "run" / "checkpoints"]
    assert "checkpoints" in synced[scratch / "run"]
    assert "run" in synced.get(scratch, ())


def test_two_sessions_on_one_run_are_refused(scratch, dataset, every_step):
    begin(SWIFT, scratch / "run", dataset, stop=after(2))
    with (
        storage.lock(scratch / "run" / ".lock", "training"),
        pytest.raises(RunError, match=f"process {os.getpid()} is training here"),
    ):
        go_on(scratch / "run", dataset)


def test_the_run_log_follows_the_run(scratch, dataset, every_step):
    begin(SWIFT, scratch / "run", dataset, stop=after(EPOCH + 1))
    row = runlog.find(scratch, "run")
    assert (row.status, row.epochs) == ("interrupted", 1)
    go_on(scratch / "run", dataset)
    assert runlog.find(scratch, "run").status == "finished"


# Other processes: the command line, killed or asked to stop


@pytest.fixture(scope="module")
def source(module_scratch, dataset):
    """The pictures as an IDX pair."""
    path = module_scratch / "train-images-idx3-ubyte"
    sizes = dataset.images.shape[:3]
    path.write_bytes(struct.pack(">4B3I", 0, 0, 8, 3, *sizes) + dataset.images.tobytes())
    labels = path.with_name("train-labels-idx1-ubyte")
    header = struct.pack(">4BI", 0, 0, 8, 1, len(dataset))
    labels.write_bytes(header + dataset.labels.astype(np.uint8).tobytes())
    return path


ENVIRONMENT = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}


class Server:
    """Runs `ken` in forks of `kill_at.py`."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("kill_at.py")), "serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
        )

    def ken(self, *arguments, **fault):
        job = {"arguments": list(map(str, arguments)), "fault": fault}
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["code"], answer["text"], answer["counts"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def server():
    started = Server()
    yield started
    started.close()


def new(source, out, *settings):
    assigned = [f"--set={setting}" for setting in (*COMMON, *CONVNET, *settings)]
    return ["train", str(source), "--out", str(out), *assigned]


@pytest.fixture(scope="module")
def undisturbed(module_scratch, source):
    """The outcome of `ken train` as a user starts it, without the server."""
    out = module_scratch / "undisturbed"
    command = [sys.executable, "-m", "kenspeckle.cli.main", *new(source, out)]
    subprocess.run(command, check=True, env=ENVIRONMENT, capture_output=True, timeout=250)
    return outcome(out)


@pytest.fixture(scope="module")
def counts(module_scratch, source, server, undisturbed):
    """How many events of each kind a run has."""
    out = module_scratch / "counted"
    code, text, found = server.ken(*new(source, out))
    assert code == 0, text
    assert differing(undisturbed, outcome(out)) == []
    assert found["step"] == STEPS
    assert found["checkpoint"] > 15 * STEPS
    return found


POINTS = {"half": 4, "checkpoint": 1, "step": 2, "record": 1}
MANY_POINTS = {"half": 20, "checkpoint": 8, "step": 12, "record": 10}


def points(number, *, seed, marks=()):
    """`number` points of each kind of event, as shares of the way through all events of it."""
    rng = random.Random(seed)
    return [
        pytest.param(event, share, id=f"{event} at {share:.1%}", marks=marks)
        for event in number
        for share in (rng.random() for _ in range(number[event]))
    ]


def position(event, share, counts):
    begun, finished = counts["begun"], counts["finished"]
    first, last = (begun, finished) if event == "record" else (0, counts[event])
    return first + int(share * (last - first))


def fragments(folder):
    """What a write left that did not come to its end."""
    return [path.name for path in folder.rglob("*") if ".tmp-" in path.name]


@pytest.mark.parametrize(
    ("event", "share"),
    [*points(POINTS, seed=1), *points(MANY_POINTS, seed=2, marks=pytest.mark.slow)],
)
def test_a_run_that_was_killed_ends_in_the_same_bits(
    scratch, source, server, undisturbed, counts, event, share
):
    out = scratch / "run"
    at = position(event, share, counts)
    code, text, _ = server.ken(*new(source, out), event=event, at=at)
    assert code == -signal.SIGKILL, text
    assert not ks.open_run(out).is_finished
    assert event != "half" or len(fragments(out / "checkpoints")) == 1
    code, text, _ = server.ken("train", "--resume", out)
    assert code == 0, text
    assert differing(undisturbed, outcome(out)) == []


@pytest.mark.parametrize(
    ("event", "at"), [("half", 30), ("rename epochs.jsonl", 1), ("sync_file data.json", 0)]
)
def test_what_a_killed_write_left_is_removed_by_the_next_start_and_said(
    scratch, source, server, event, at
):
    out = scratch / "run"
    server.ken(*new(source, out), event=event, at=at)
    (left,) = fragments(out)
    begun = (out / "config.toml").exists()
    code, text, _ = server.ken(*(["train", "--resume", out] if begun else new(source, out)))
    assert code == 0, text
    assert fragments(out) == []
    assert f"removed {left}, which an interrupted write left" in " ".join(text.split())


def test_a_run_that_was_killed_many_times_ends_in_the_same_bits(
    scratch, source, server, undisturbed, counts
):
    out = scratch / "run"
    rng = random.Random(3)
    events = {"checkpoint": 120, "step": 8, "record": 2}  # small, so that many fit into a run
    code, text, _ = server.ken(*new(source, out), event="checkpoint", at=rng.randrange(50))
    killed = 0
    while code == -signal.SIGKILL:
        killed += 1
        event = rng.choice(sorted(events))
        code, text, _ = server.ken(
            "train", "--resume", out, event=event, at=rng.randint(events[event] // 2, events[event])
        )
    assert code == 0, text
    assert killed >= 3
    assert differing(undisturbed, outcome(out)) == []


def test_a_run_that_was_killed_before_its_first_checkpoint_starts_at_step_0_and_says_so(
    scratch, source, server, undisturbed, counts
):
    out = scratch / "run"
    for event, at in (("step", 1), ("checkpoint", 3)):
        shutil.rmtree(out, ignore_errors=True)
        settings = ["train.checkpoint_seconds=1000"] if event == "step" else []
        code, text, _ = server.ken(*new(source, out, *settings), event=event, at=at)
        assert code == -signal.SIGKILL, text
        code, text, _ = server.ken("train", "--resume", out)
        assert code == 0, text
        assert "no checkpoint had been written yet: starting at step 0" in text
        assert differing(undisturbed, outcome(out)) == []


@pytest.mark.parametrize("event", ["write environment.json", "rename config.toml"])
def test_a_run_that_was_killed_before_its_configuration_was_written_can_be_begun_again(
    scratch, source, server, undisturbed, event
):
    out = scratch / "run"
    code, text, _ = server.ken(*new(source, out), event=event, at=0)
    assert code == -signal.SIGKILL, text
    code, text, _ = server.ken("train", "--resume", out)
    assert code == 1
    assert text.startswith(f"ken: {out}: no run here (missing config.toml)")
    code, text, _ = server.ken(*new(source, out))
    assert code == 0, text
    assert differing(undisturbed, outcome(out)) == []


def test_a_run_that_was_killed_after_its_result_is_finished(
    scratch, source, server, undisturbed, counts
):
    out = scratch / "run"
    code, text, _ = server.ken(*new(source, out), event="record", at=counts["finished"])
    assert code == -signal.SIGKILL, text
    assert differing(undisturbed, outcome(out)) == []
    assert server.ken("train", "--resume", out)[0] == 1
    assert runlog.find(scratch, "run").status == "finished"


@pytest.mark.parametrize(
    ("event", "at", "number"),
    [("step", 20, signal.SIGKILL), ("half", 12, signal.SIGKILL), ("step", 20, signal.SIGINT)],
)
def test_a_run_by_folds_that_was_killed_in_a_fold_keeps_those_that_were_finished(
    scratch, source, server, event, at, number
):
    folds = "splits.folds=3"
    assert server.ken(*new(source, scratch / "whole", folds))[0] == 0
    out = scratch / "run"
    code, text, _ = server.ken(*new(source, out, folds), event=event, at=at, signals=[number])
    assert code == (130 if number == signal.SIGINT else -signal.SIGKILL), text
    code, text, _ = server.ken("train", "--resume", out)
    assert code == 0, text
    if event == "step":
        assert "fold 1 of 3: " not in text
        assert "fold 2 of 3: " in text
    assert differing(outcome(scratch / "whole"), outcome(out)) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_a_checkpoint_and_ends_with_its_code(
    scratch, source, server, undisturbed, number, code
):
    out = scratch / "run"
    seldom = "train.checkpoint_seconds=1000"
    found, text, _ = server.ken(*new(source, out, seldom), event="step", at=6, signals=[number])
    assert found == code
    assert "saving a checkpoint, then stopping (again: stop at once)" in text
    assert f"interrupted at step 7; go on with: ken train --resume {out}" in text.replace("\n", " ")
    assert [path.name for path in checkpoint.checkpoints(out / "checkpoints")] == ["step-00000007"]
    assert runlog.find(scratch, "run").status == "interrupted"
    found, text, _ = server.ken("train", "--resume", out)
    assert (found, "going on from the checkpoint of step 7" in text) == (0, True)
    assert differing(undisturbed, outcome(out)) == []


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_at_once_without_a_checkpoint(
    scratch, source, server, undisturbed, second
):
    out = scratch / "run"
    seldom = "train.checkpoint_seconds=1000"
    signals = [signal.SIGINT, second]
    found, _, _ = server.ken(*new(source, out, seldom), event="step", at=6, signals=signals)
    assert found == 128 + second
    assert not (out / "checkpoints").exists()
    assert server.ken("train", "--resume", out)[0] == 0
    assert differing(undisturbed, outcome(out)) == []


def test_a_signal_while_a_checkpoint_is_written_lets_it_finish(
    scratch, source, server, undisturbed
):
    out = scratch / "run"
    found, text, _ = server.ken(
        *new(source, out), event="checkpoint", at=40, signals=[signal.SIGTERM]
    )
    assert found == 143, text
    assert server.ken("train", "--resume", out)[0] == 0
    assert differing(undisturbed, outcome(out)) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_from_outside_stops_the_command(scratch, source, number, code):
    out = scratch / "run"
    endless = new(source, out, "train.epochs=1000000")
    command = [sys.executable, "-m", "kenspeckle.cli.main", *endless]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        try:
            # a line of the table, with the accuracy of an epoch: it is training
            assert any(re.match(r" +[0-9]+ .*% \(", line) for line in process.stdout)
            process.send_signal(number)
            rest = process.stdout.read()
            assert process.wait(timeout=120) == code
        finally:
            process.kill()
    assert "interrupted at step" in rest
    assert checkpoint.checkpoints(out / "checkpoints")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.7, 0.9])
def test_a_run_that_filled_the_disk_ends_in_the_same_bits_once_there_is_room(
    tmp_path, source, server, undisturbed, needed, share
):
    out = tmp_path / "run"
    with small_disk(tmp_path):
        code, text = train_in(server, source, out, free=int(share * needed))
        assert code == 1, text
        (tmp_path / "ballast").unlink()
        code, text, _ = server.ken("train", "--resume", out)
        assert code == 0, text
        assert differing(undisturbed, outcome(out)) == []


@pytest.mark.parametrize("share", [0.5, 0.7])
def test_a_run_that_filled_the_disk_says_where_and_how_much_and_what_to_do(
    tmp_path, source, server, needed, share
):
    with small_disk(tmp_path):
        code, text = train_in(server, source, tmp_path / "run", free=int(share * needed))
    assert (code, "Traceback" in text) == (1, False)
    assert re.fullmatch(
        rf"ken: {tmp_path}/run/\S+: cannot write [\d,]+ bytes \([\d,]+ free\): "
        "No space left on device; free space or choose another --out",
        text.splitlines()[-1],
    )


def train_in(server, source, out, *, free):
    """Begin a run and go on with it where only `free` bytes are left."""
    server.ken(*new(source, out), event="step", at=0)
    space = shutil.disk_usage(out).free - free
    (out.parent / "ballast").write_bytes(bytes(space))
    return server.ken("train", "--resume", out)[:2]


@pytest.fixture(scope="module")
def needed(module_scratch, undisturbed):
    """Bytes that a finished run takes in pages of 4 KiB."""
    files = (module_scratch / "undisturbed").rglob("*")
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in files if path.is_file())


@contextmanager
def small_disk(folder):
    if not shutil.which("mount"):
        pytest.skip("there is no mount command here")
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_second_trainer_ends_at_once_and_names_the_first(scratch, source, server):
    out = scratch / "run"
    server.ken(*new(source, out), event="step", at=3)
    before = sorted(out.rglob("*"))
    with storage.lock(out / ".lock", "training"):
        for arguments in (["train", "--resume", str(out)], new(source, out)):
            code, text, counts = server.ken(*arguments)
            assert code == 1
            assert not [event for event in counts if event.startswith(("write", "step"))]
            assert text == (
                f"ken: {out}: process {os.getpid()} is training here; wait for it to end, "
                "or choose another --out\n"
            )
    assert sorted(out.rglob("*")) == before
