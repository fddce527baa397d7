"""One tiny synthetic data set, one trained toy run for the session, and a real browser."""

import contextlib
import io
import os
import shutil

import numpy as np
import pytest
from PIL import Image

import kenspeckle as ks

CORES = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


def pytest_configure():
    """Each of several test processes keeps to a core of its own, with all that it starts.

    Threads that wait for each other wait at work: with more of them than cores, a training of
    five seconds took a hundred.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker and CORES:
        os.sched_setaffinity(0, {sorted(CORES)[int(worker.removeprefix("gw")) % len(CORES)]})


def bars(count=240, *, seed=0, size=28):
    """Pictures of a flat, upright or slanted bar with noise: three classes, easy to learn."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    images = rng.integers(0, 40, (count, size, size, 1))
    for image, label in zip(images, labels, strict=True):
        at = rng.integers(size // 4, size - size // 4)
        if label == 0:
            image[at - 1 : at + 2] += 200
        elif label == 1:
            image[:, at - 1 : at + 2] += 200
        else:
            image[np.arange(size), np.arange(size)] += 200
    return ks.memory_dataset(
        images.astype(np.uint8), labels, class_names=("flat", "upright", "slanted"), source="bars"
    )


def noise(count=120):
    """Pictures that have nothing to do with their labels."""
    rng = np.random.default_rng(5)
    images = rng.integers(0, 256, (count, 28, 28, 1)).astype(np.uint8)
    return ks.memory_dataset(
        images, rng.integers(0, 3, count), class_names=("a", "b", "c"), source="noise"
    )


@pytest.fixture(scope="session", autouse=True)
def _cache_of_the_tests(tmp_path_factory):
    """No test reads or writes what the user has cached."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


SMALL = (
    "threads=1",
    "precision=fp32",
    "model.widths=[4, 8]",
    "model.kernels=[3, 3]",
    "model.paddings=[1, 1]",
    "model.pools=[2, 2]",
    "train.epochs=3",
    "train.batch_size=20",
    "splits.folds=0",
)


@pytest.fixture(scope="session")
def dataset():
    return bars()


@pytest.fixture(scope="session")
def run(tmp_path_factory, dataset):
    """A finished run of a small network on `dataset`; do not write into it."""
    return ks.train(dataset, settings=SMALL, out=tmp_path_factory.mktemp("toy") / "run")


@contextlib.contextmanager
def on_cores(cores):
    """This process, and what it starts meanwhile, may use these processor cores only."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def on_one_core():
    """One of those that this process may use."""
    return on_cores({min(os.sched_getaffinity(0))} if CORES else set())


@pytest.fixture
def one_core():
    with on_one_core():
        yield


@pytest.fixture(scope="module")
def all_cores():
    """For tests of what works in several processes at once."""
    with on_cores(CORES):
        yield


NO_BROWSER = "no browser: pages were not opened in one; install chromium and playwright"


@pytest.fixture(scope="module")
def browser():
    """Chromium; where it is missing the tests are skipped with a line, or fail if it is required.

    For one module, because its driver holds the event loop of the thread. `scripts/test` shows the
    line; `.ci/run` requires a browser by KENSPECKLE_BROWSER=required.
    """
    program = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        program = None
    if not program:
        if os.environ.get("KENSPECKLE_BROWSER") == "required":
            pytest.fail(NO_BROWSER)
        pytest.skip(NO_BROWSER)
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=program, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def server(run):
    """`ken serve` of `run`; leave it as it is."""
    from servers import real

    with real(run.path) as started:
        yield started


@pytest.fixture(scope="session")
def sums():
    """The server with a network that needs no torch; leave it as it is."""
    from servers import stand_in

    with stand_in() as started:
        yield started


@pytest.fixture(scope="session")
def pictures(dataset):
    """PNG files of the first pictures of `dataset`, in memory."""
    return [png(image) for image in dataset.images[:64]]


def png(image):
    """(H, W, 1) as a file in memory."""
    held = io.BytesIO()
    Image.fromarray(image[..., 0]).save(held, "PNG")
    return held.getvalue()


@pytest.fixture(scope="session")
def offline(run, dataset):
    """What `inference` says of the same pictures: (64, K)."""
    from kenspeckle.inference import probabilities

    return probabilities(ks.load(run.model_file), np.asarray(dataset.images[:64]))
