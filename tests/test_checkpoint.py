"""Checkpoints: after a crash, a failing write or damage, what loads is right or refused."""

import errno
import json
import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import safetensors.torch
import torch
from crash import (
    MODES,
    Failing,
    InPlace,
    Recording,
    WithoutFileSync,
    WithoutFolderSync,
    contents,
    materialise,
    states,
)

from kenspeckle import checkpoint, storage
from kenspeckle.errors import CheckpointError, KenspeckleError, StorageError

IDENTITY = {"configuration": "c" * 64, "data": "d" * 64}
KEEP = 2


def snapshot(step):
    draws = torch.Generator().manual_seed(step)
    return checkpoint.Snapshot(
        step=step,
        tensors={
            "network": {
                "weight": torch.randn(30, 30, generator=draws),
                "count": torch.tensor(step),
            },
            "average": {},
        },
        state={"training": {"total": step, "losses": [0.1 * step, 1 / 3]}, "epochs": []},
    )


SNAPSHOTS = [snapshot(step) for step in (3, 7, 10, 12, 20)]


def same(one, other):
    """Whether two snapshots are equal in every bit."""
    if (one.step, one.state) != (other.step, other.state) or one.tensors.keys() != (
        other.tensors.keys()
    ):
        return False
    return all(
        mine.keys() == other.tensors[group].keys()
        and all(torch.equal(value, other.tensors[group][name]) for name, value in mine.items())
        for group, mine in one.tensors.items()
    )


def save(folder, one, **options):
    return checkpoint.save(folder, one, identity=IDENTITY, **{"keep": KEEP, **options})


def load(folder):
    return checkpoint.load_newest(folder, identity=IDENTITY)


def load_unchecked(folder):
    """What a program without hashes would do: read the newest folder, whatever is in it."""
    found = checkpoint.checkpoints(folder)
    if not found:
        return None
    try:
        manifest = json.loads((found[0] / storage.MANIFEST).read_bytes())
        loaded = checkpoint.Snapshot(
            step=manifest["step"],
            state=json.loads((found[0] / checkpoint.STATE).read_bytes()),
            tensors={
                path.stem: safetensors.torch.load(path.read_bytes())
                for path in found[0].glob("*.safetensors")
            },
        )
    except Exception as error:
        raise CheckpointError(str(error)) from error
    return checkpoint.Loaded(snapshot=loaded, passed_over=())


# A crash at any point


@dataclass(frozen=True)
class History:
    """The operations of saving `SNAPSHOTS`, and how many there were when each save returned."""

    operations: list
    returned: list[int]


def history(disk):
    returned = []
    for one in SNAPSHOTS:
        save(disk.root, one, disk=disk)
        returned.append(len(disk.operations))
    return History(disk.operations, returned)


@dataclass(frozen=True)
class Crash:
    """One disk state after a crash, and the checkpoints that may be found on it."""

    state: dict
    promised: checkpoint.Snapshot | None  # the newest whose save had returned
    writing: checkpoint.Snapshot | None  # the one on its way

    def allows(self, loaded):
        if loaded is None:
            return self.promised is None
        wanted = [one for one in (self.promised, self.writing) if one]
        return not loaded.passed_over and any(same(loaded.snapshot, one) for one in wanted)


def crashes(told, mode) -> Iterator[Crash]:
    """Every crash of `mode`, each different one once."""
    seen = set()
    for count in range(len(told.operations) + 1):
        done = sum(end <= count for end in told.returned)
        for number, state in enumerate(states(told.operations[:count], mode, seed=count)):
            key = (done, frozenset(state.items()))
            if key not in seen:
                seen.add(key)
                writing = SNAPSHOTS[done] if done < len(SNAPSHOTS) else None
                yield Crash(state, SNAPSHOTS[done - 1] if done else None, writing)
            assert number < 1000


def outcomes(told, mode, folder, loader=load):
    """(crash, what was loaded or the error) for every crash of `mode`."""
    for crash in crashes(told, mode):
        materialise(crash.state, folder)
        try:
            yield crash, loader(folder)
        except KenspeckleError as error:
            yield crash, error


def is_right(crash, outcome):
    return not isinstance(outcome, KenspeckleError) and crash.allows(outcome)


@pytest.fixture
def scratch(tmp_path):
    """A folder in memory where there is one: simulated disks need no durable disk."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The history of saving with a kind of `Recording`."""
    return cache(lambda kind: history(kind(tmp_path_factory.mktemp(kind.__name__))))


@pytest.mark.parametrize("mode", MODES)
def test_after_a_crash_the_newest_saved_checkpoint_loads_or_the_one_on_its_way(
    recorded, scratch, mode
):
    count = 0
    for crash, outcome in outcomes(recorded(Recording), mode, scratch / "disk"):
        assert is_right(crash, outcome), (crash.state.keys(), outcome)
        count += 1
    assert count >= 30


def test_the_simulated_crashes_reach_every_operation_of_rotation_too(recorded):
    kinds = [operation.kind for operation in recorded(Recording).operations]
    assert kinds.count("sync_folder") == 2 * len(SNAPSHOTS)
    assert kinds.count("rename") == 2 * len(SNAPSHOTS) - KEEP
    assert "remove" in kinds


@pytest.mark.parametrize("broken", [WithoutFileSync, WithoutFolderSync, InPlace])
def test_control_without_one_of_the_protections_some_crash_loses_a_checkpoint(
    recorded, scratch, broken
):
    told = recorded(broken)
    assert any(
        not is_right(*found) for mode in MODES for found in outcomes(told, mode, scratch / "disk")
    )


LYING = (WithoutFileSync, WithoutFolderSync, InPlace)


@pytest.mark.parametrize("disk", LYING)
@pytest.mark.parametrize("mode", MODES)
def test_even_on_a_disk_that_lies_nothing_but_what_was_saved_is_loaded(
    recorded, scratch, disk, mode
):
    for _, outcome in outcomes(recorded(disk), mode, scratch / "disk"):
        loaded = isinstance(outcome, checkpoint.Loaded)
        assert not loaded or any(same(outcome.snapshot, one) for one in SNAPSHOTS)


def test_control_without_hashes_a_disk_that_lies_gives_other_bits(recorded, scratch):
    told = recorded(WithoutFileSync)
    found = [
        outcome.snapshot
        for _, outcome in outcomes(told, "torn", scratch / "disk", load_unchecked)
        if isinstance(outcome, checkpoint.Loaded)
    ]
    assert not all(any(same(loaded, one) for one in SNAPSHOTS) for loaded in found)


def test_after_any_crash_saving_goes_on(recorded, scratch):
    later = snapshot(99)
    for crash in crashes(recorded(Recording), "lost"):
        folder = materialise(crash.state, scratch / "disk")
        load(folder)
        storage.remove_leftovers(folder)
        save(folder, later)
        assert same(load(folder).snapshot, later)
        assert len(list(folder.iterdir())) <= KEEP


# A write that fails


OPERATIONS = 14  # of one save that also rotates
RENAMED = 11  # so many of them until the checkpoint has its name


@pytest.fixture
def folder(tmp_path):
    """A folder with two checkpoints."""
    (tmp_path / "checkpoints").mkdir()
    for one in SNAPSHOTS[:2]:
        save(tmp_path / "checkpoints", one)
    return tmp_path / "checkpoints"


def test_a_save_has_the_operations_that_are_made_to_fail_below(folder):
    disk = Recording(folder)
    save(folder, SNAPSHOTS[2], disk=disk)
    kinds = [operation.kind for operation in disk.operations]
    kinds = kinds[: kinds.index("remove") + 1]
    assert (len(kinds), kinds.index("rename") + 1) == (OPERATIONS, RENAMED)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("at", range(OPERATIONS))
def test_after_a_save_that_fails_the_checkpoint_before_it_loads(folder, at, code):
    with pytest.raises(StorageError) as caught:
        save(folder, SNAPSHOTS[2], disk=Failing(folder, at=at, code=code))
    assert os.strerror(code) in str(caught.value)
    assert str(folder) in str(caught.value)
    if at < RENAMED:
        assert "step-00000010: cannot write 3,838 bytes" in str(caught.value)
    loaded = load(folder)
    assert loaded.passed_over == ()
    assert same(loaded.snapshot, SNAPSHOTS[1 if at < RENAMED else 2])


@pytest.mark.parametrize("at", range(OPERATIONS))
def test_after_a_save_that_failed_the_next_one_succeeds(folder, at):
    with pytest.raises(OSError):
        save(folder, SNAPSHOTS[2], disk=Failing(folder, at=at))
    save(folder, SNAPSHOTS[3])
    assert same(load(folder).snapshot, SNAPSHOTS[3])
    assert len(checkpoint.checkpoints(folder)) == KEEP


@pytest.mark.parametrize("at", range(RENAMED))
def test_a_save_that_fails_leaves_the_folder_as_it_was(folder, at):
    before = contents(folder)
    with pytest.raises(StorageError):
        save(folder, SNAPSHOTS[2], disk=Failing(folder, at=at))
    assert contents(folder) == before


def test_a_full_disk_leaves_the_checkpoints_before_it(tmp_path):
    if not shutil.which("mount"):
        pytest.skip("there is no mount command here")
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(tmp_path)]
    mounted = subprocess.run(command, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted: {mounted.stderr.strip()}")
    try:
        with pytest.raises(StorageError, match="No space left on device; free space"):
            for step in range(1, 100):
                save(tmp_path, snapshot(step), keep=100)
        assert step > 1
        assert same(load(tmp_path).snapshot, snapshot(step - 1))
        assert not list(tmp_path.glob(".*"))
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


# Damage


def rewrite(path, data):
    path.unlink()  # ext4 waits for the disk where a file is cut to nothing and written again
    path.write_bytes(data)


def flip(rng, path, _):
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    rewrite(path, data)


def truncate(rng, path, _):
    rewrite(path, path.read_bytes()[: rng.randrange(path.stat().st_size)])


def zero(rng, path, _):
    data = path.read_bytes()
    begin = rng.randrange(len(data))
    end = min(len(data), begin + rng.choice([1, 64, 512, 4096]))
    rewrite(path, data[:begin] + bytes(end - begin) + data[end:])


def append(rng, path, _):
    rewrite(path, path.read_bytes() + rng.randbytes(rng.choice([1, 8, 512])))


def delete(rng, path, _):
    path.unlink()


def exchange_bytes(rng, path, _):
    data = bytearray(path.read_bytes())
    one, other = rng.randrange(len(data)), rng.randrange(len(data))
    data[one], data[other] = data[other], data[one]
    rewrite(path, data)


def take_from(rng, path, others):
    """The file of the same name, or another one, of another checkpoint or run."""
    rewrite(path, rng.choice(sorted(rng.choice(others).iterdir())).read_bytes())


def take_all_from(rng, path, others):
    """A whole older checkpoint under the name of the newest."""
    shutil.rmtree(path.parent)
    shutil.copytree(others[0], path.parent)


def edit_manifest(rng, path, _):
    manifest = path.with_name(storage.MANIFEST)
    document = json.loads(manifest.read_bytes())
    name = rng.choice(sorted(document["files"]))
    edits = [
        lambda: document.update(step=document["step"] + rng.choice([-1, 1, 1000])),
        lambda: document.update(format=rng.choice([0, 2, "1", None])),
        lambda: document.update(identity={**document["identity"], "data": "0" * 64}),
        lambda: document.pop(rng.choice(sorted(document))),
        lambda: document["files"].pop(name),
        lambda: document["files"][name].update(size=rng.randrange(5000)),
        lambda: document["files"][name].update(sha256=rng.randbytes(32).hex()),
        lambda: document["files"].update({"more.safetensors": document["files"][name]}),
        lambda: document.update(seal=rng.randbytes(32).hex()),
    ]
    rng.choice(edits)()
    rewrite(manifest, (json.dumps(document, indent=1) + "\n").encode())


MUTATIONS = (
    flip, truncate, zero, append, delete, exchange_bytes, take_from, take_all_from, edit_manifest,
)  # fmt: skip


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """Two checkpoints of one run, and one of another run with its own data."""
    root = tmp_path_factory.mktemp("originals")
    for name in ("mine", "other"):
        (root / name).mkdir()
    save(root / "mine", SNAPSHOTS[0])
    save(root / "mine", SNAPSHOTS[1])
    others = {**IDENTITY, "data": "e" * 64}
    checkpoint.save(root / "other", snapshot(7 + 1), identity=others, keep=KEEP)
    return root


def damage(rng, step_folder, others):
    """Change something in `step_folder`, in a way that the seed decides; say what."""
    before = contents(step_folder)
    while True:
        mutation = rng.choice(MUTATIONS)
        mutation(rng, rng.choice(sorted(step_folder.iterdir())), others)
        if contents(step_folder) != before:
            return mutation.__name__


def damaged(originals, folder, seed, *, both=False):
    """A copy of the originals whose newest checkpoint, or `both`, are damaged."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(originals / "mine", folder)
    newest, before = checkpoint.checkpoints(folder)
    rng = random.Random(seed)
    done = [damage(rng, newest, [before, originals / "other" / "step-00000008"])]
    if both:
        done.append(damage(rng, before, [newest, originals / "other" / "step-00000008"]))
    return done


SHARES = [
    pytest.param(range(0, 400), id="400"),
    pytest.param(range(400, 2400), id="2000 more", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("seeds", SHARES)
def test_a_damaged_checkpoint_is_set_aside_and_said_and_the_one_before_it_is_used(
    originals, scratch, seeds
):
    used = set()
    for seed in seeds:
        mutation, *_ = damaged(originals, scratch / "folder", seed)
        used.add(mutation)
        loaded = load(scratch / "folder")
        assert same(loaded.snapshot, SNAPSHOTS[0]), (seed, mutation)
        assert len(loaded.passed_over) == 1
        assert loaded.passed_over[0].startswith("step-00000007 is damaged (")
        names = {path.name for path in (scratch / "folder").iterdir()}
        assert names == {"step-00000003", "step-00000007.damaged"}
    assert len(used) == len(MUTATIONS)


@pytest.mark.parametrize("seeds", SHARES)
def test_where_all_are_damaged_nothing_loads_and_nothing_changes(originals, scratch, seeds):
    for seed in seeds:
        done = damaged(originals, scratch / "folder", seed, both=True)
        before = contents(scratch / "folder")
        with pytest.raises(CheckpointError, match="no checkpoint can be used: step-00000007 is"):
            load(scratch / "folder")
        assert contents(scratch / "folder") == before, (seed, done)


def test_control_without_hashes_damage_is_loaded(originals, scratch):
    wrong = 0
    for seed in range(100):
        damaged(originals, scratch / "folder", seed)
        try:
            loaded = load_unchecked(scratch / "folder").snapshot
        except CheckpointError:
            continue
        wrong += not any(same(loaded, one) for one in SNAPSHOTS)
    assert wrong > 10


def test_what_was_set_aside_is_not_used_again(originals, tmp_path):
    damaged(originals, tmp_path / "folder", 1)
    load(tmp_path / "folder")
    loaded = load(tmp_path / "folder")
    assert same(loaded.snapshot, SNAPSHOTS[0])
    assert loaded.passed_over == ()


def test_a_step_that_was_set_aside_can_be_damaged_and_set_aside_again(originals, tmp_path):
    folder = tmp_path / "folder"
    for seed in (1, 2):
        if seed == 2:
            save(folder, SNAPSHOTS[1])
            damage(random.Random(seed), folder / "step-00000007", [folder / "step-00000003"])
        else:
            damaged(originals, folder, seed)
        assert same(load(folder).snapshot, SNAPSHOTS[0])
    assert len(list(folder.iterdir())) == 2


def test_a_run_whose_checkpoints_were_all_set_aside_does_not_start_again_at_zero(folder):
    for path in checkpoint.checkpoints(folder):
        path.rename(path.with_name(path.name + ".damaged"))
    with pytest.raises(CheckpointError, match="all were set aside as damaged; nothing was changed"):
        load(folder)


@pytest.mark.parametrize("part", ["configuration", "data"])
def test_a_checkpoint_of_another_run_is_refused_and_left_alone(folder, part):
    before = contents(folder)
    with pytest.raises(CheckpointError, match=rf"belongs to another run \(different {part}\)"):
        checkpoint.load_newest(folder, identity={**IDENTITY, part: "0" * 64})
    assert contents(folder) == before


@pytest.mark.parametrize(
    "about",
    [
        {"format": 2, "step": 10, "identity": IDENTITY},
        {"format": 1, "step": 11, "identity": IDENTITY},
        {"format": 1, "step": "10", "identity": IDENTITY},
        {"format": 1, "step": 10},
        {"step": 10, "identity": IDENTITY},
        {},
    ],
    ids=["format", "step", "kind of step", "no identity", "no format", "nothing"],
)
def test_a_whole_folder_that_is_no_checkpoint_of_this_format_is_passed_over(folder, about):
    files = {
        checkpoint.STATE: b"{}",
        "network.safetensors": safetensors.torch.save({"weight": torch.zeros(3)}),
    }
    storage.write_folder(folder / "step-00000010", files, about=about)
    loaded = load(folder)
    assert same(loaded.snapshot, SNAPSHOTS[1])
    assert len(loaded.passed_over) == 1


@pytest.mark.parametrize(
    "files",
    [
        {},
        {checkpoint.STATE: b"{"},
        {checkpoint.STATE: b"[" * 100_000},
        {checkpoint.STATE: b"{}", "network.safetensors": b"no tensors"},
    ],
    ids=["no state", "no JSON", "too deep", "no tensors"],
)
def test_a_checkpoint_with_right_hashes_of_wrong_content_is_passed_over(folder, files):
    about = {"format": 1, "step": 10, "identity": IDENTITY}
    storage.write_folder(folder / "step-00000010", files, about=about)
    assert same(load(folder).snapshot, SNAPSHOTS[1])


@pytest.mark.parametrize("depth", [900, 100_000])
def test_a_manifest_of_any_depth_is_damage_and_no_crash(folder, depth):
    newest = checkpoint.checkpoints(folder)[0]
    (newest / storage.MANIFEST).write_bytes(b'{"seal": ' + b"[" * depth + b"]" * depth + b"}")
    loaded = load(folder)
    assert same(loaded.snapshot, SNAPSHOTS[0])
    assert loaded.passed_over[0].startswith(f"{newest.name} is damaged (")


def test_a_damaged_checkpoint_that_cannot_be_set_aside_is_one_line(folder):
    newest = checkpoint.checkpoints(folder)[0]
    (newest / storage.MANIFEST).write_bytes(b"{}")
    with pytest.raises(StorageError) as caught:
        checkpoint.load_newest(
            folder, identity=IDENTITY, disk=Failing(folder, at=0, code=errno.EROFS)
        )
    text = f"{newest}: damaged, and it cannot be set aside: Read-only file system"
    assert str(caught.value) == text


# Everyday


def test_a_checkpoint_loads_as_it_was_saved(folder):
    assert load(folder) is not None
    assert same(load(folder).snapshot, SNAPSHOTS[1])


def test_a_checkpoint_keeps_every_kind_of_number(tmp_path):
    strange = {
        "half": torch.tensor([1.5, float("inf")], dtype=torch.bfloat16),
        "tiny": torch.tensor([5e-324, -0.0], dtype=torch.float64),
        "empty": torch.zeros(0, 3),
        "strided": torch.arange(12.0).reshape(3, 4).T,
    }
    one = checkpoint.Snapshot(step=1, tensors={"network": strange}, state={"pi": 0.1 + 0.2})
    save(tmp_path, one)
    loaded = load(tmp_path).snapshot
    assert loaded.state == one.state
    for name, value in strange.items():
        found = loaded.tensors["network"][name]
        assert found.dtype == value.dtype
        assert found.contiguous().view(torch.uint8).equal(value.contiguous().view(torch.uint8))


def test_where_nothing_was_ever_saved_nothing_loads(tmp_path):
    assert load(tmp_path) is None
    assert load(tmp_path / "nowhere") is None


def test_only_the_newest_are_kept(tmp_path):
    for one in SNAPSHOTS:
        save(tmp_path, one, keep=3)
    assert sorted(contents(tmp_path)) == sorted(
        name for name in contents(tmp_path) if name[:13] in {f"step-{n:08d}" for n in (10, 12, 20)}
    )
    assert len(checkpoint.checkpoints(tmp_path)) == 3


def test_newest_means_the_largest_step_even_past_eight_digits(tmp_path):
    for step in (99_999_999, 100_000_000):
        save(tmp_path, snapshot(step))
    assert load(tmp_path).snapshot.step == 100_000_000


def test_saving_a_step_that_is_there_changes_nothing(folder):
    before = contents(folder)
    save(folder, SNAPSHOTS[1])
    assert contents(folder) == before


def test_what_rotation_left_behind_is_no_obstacle_to_rotating_that_step_again(folder):
    shutil.copytree(folder / "step-00000003", folder / ".step-00000003.tmp-99")
    save(folder, SNAPSHOTS[2])
    assert [path.name for path in checkpoint.checkpoints(folder)] == [
        "step-00000010",
        "step-00000007",
    ]
