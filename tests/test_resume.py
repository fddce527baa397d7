"""A run that was stopped in whatever way ends in the bits that it would have had undisturbed."""

import json
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch

import kenspeckle as ks
from kenspeckle import checkpoint, config, storage
from kenspeckle.runs import resuming, training

COMMON = (
    "threads=1",
    "precision=fp32",
    "train.epochs=3",
    "train.batch_size=40",
    "train.checkpoint_seconds=0",
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


SWIFT = settings_of("swift", *CONVNET)


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
        "deep-mnist", "model.widths=[4, 4]", "model.hidden=16", "train.steps=13"
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


@pytest.mark.parametrize("part", PERTURBED)
def test_control_with_any_part_of_a_checkpoint_changed_the_outcome_is_another(
    scratch, dataset, every_step, part
):
    settings = config.override(SWIFT, BEST_IS_EARLY)
    begin(settings, scratch / "whole", dataset)
    at = 3 * EPOCH + 2
    begin(settings, scratch / "run", dataset, stop=after(at))
    shutil.copytree(scratch / "run", scratch / "changed")
    go_on(scratch / "run", dataset)
    assert differing(outcome(scratch / "whole"), outcome(scratch / "run")) == []
    perturb(scratch / "changed", part)
    go_on(scratch / "changed", dataset)
    assert differing(outcome(scratch / "whole"), outcome(scratch / "changed"))


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
