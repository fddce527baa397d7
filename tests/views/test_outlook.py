"""How long a job will take, told to a clock that the test turns."""

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from kenspeckle.evaluation.accuracy import wilson
from kenspeckle.events import EpochRecord, Started
from kenspeckle.run_folder import Run
from kenspeckle.settings import RunConfig
from kenspeckle.train_config import TrainConfig
from kenspeckle.training import Epoch
from kenspeckle.transfer_config import TransferConfig
from kenspeckle.views.outlook import Outlook, rounded


class Job:
    """A training of 4 epochs of 100 steps, which the test lets happen."""

    def __init__(self, **settings):
        self.now = 1000.0
        self.outlook = Outlook(lambda: self.now)
        self.config = RunConfig(
            recipe="swift",
            train=TrainConfig(epochs=4, batch_size=50, **settings.pop("train", {})),
            **settings,
        )

    def start(self, step=0):
        self.outlook.show(
            Started(
                run=Run(Path("run")),
                config=self.config,
                compute=SimpleNamespace(),
                train_n=5000,
                validation_n=500,
                parameters=1,
                step=step,
                folds_done=0,
                notes=(),
            )
        )

    def epoch(self, number, *, step_seconds, validation_seconds, each=20, watch=lambda: None):
        for step in range(each, 101, each):
            self.now += each * step_seconds
            self.outlook.show(
                Epoch(
                    number=number,
                    losses=(1.0,) * step,
                    correct=1,
                    seen=step * 50,
                    rate=0.1,
                    seconds=step * step_seconds,
                    step=number * 100 + step,
                    total_steps=400,
                    complete=step == 100,
                )
            )
            watch()
        self.now += validation_seconds
        self.outlook.show(
            EpochRecord(
                epoch=number + 1, step=number * 100 + 100, loss=1.0, accuracy=0.5,
                validation_loss=1.0, validation_accuracy=0.5, validation_n=500,
                validation_interval=wilson(250, 500), rate=0.1, seconds=1.0,
                images_per_second=1.0,
            )
        )  # fmt: skip
        watch()


def test_nothing_is_said_before_anything_was_measured():
    job = Job()
    assert job.outlook.estimate().left is None
    job.start()
    assert job.outlook.estimate().text == "measuring how fast it goes"


def test_the_estimate_is_there_at_the_first_event_and_steady_to_the_end():
    job, told = Job(), []
    job.now += 2  # of reading
    job.start()

    def watch():
        estimate = job.outlook.estimate()
        told.append((job.now, job.now + estimate.left, estimate))

    for number in range(4):
        job.epoch(number, step_seconds=0.05, validation_seconds=1.0, watch=watch)
    truth = job.now
    first, _, estimate = told[0]
    assert first - 1000 < 5 and estimate.what == "epoch 1 of 4"
    for at, end, _ in told:
        assert end == pytest.approx(truth, abs=0.2 * (truth - at) + 0.5)
    jumps = [abs(after - before) for (_, before, _), (_, after, _) in pairwise(told)]
    assert max(jumps) < 0.1 * (truth - first)
    shares = [estimate.share for _, _, estimate in told]
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1, abs=0.03)


def test_a_machine_that_becomes_slower_is_noticed():
    job = Job()
    job.start()
    job.epoch(0, step_seconds=0.05, validation_seconds=0.5)
    before = job.outlook.estimate().left
    for number in (1, 2):
        job.epoch(number, step_seconds=0.2, validation_seconds=0.5)
        job.outlook.estimate()
    assert before == pytest.approx(3 * 5.5, rel=0.1)
    assert job.outlook.estimate().left == pytest.approx(20.5, rel=0.25)


def test_time_that_passes_is_counted_down_between_events():
    job = Job()
    job.start()
    job.epoch(0, step_seconds=0.05, validation_seconds=0.5)
    before = job.outlook.estimate().left
    job.now += 1
    assert job.outlook.estimate().left == pytest.approx(before - 1)


def test_reading_is_told_as_a_part_of_the_job():
    job = Job()
    for done in (10, 20, 30):
        job.now += 1
        job.outlook.working("decoding", done, 100)
    estimate = job.outlook.estimate()
    assert (estimate.what, estimate.text) == ("decoding 30/100", "at least 7 s left")
    assert estimate.share == 0


def test_fine_tuning_is_foreseen_while_features_are_made():
    job = Job(transfer=TransferConfig(backbone="lite0", fine_tune="on"))
    job.start()
    for done in (0, 1000):
        job.outlook.working("features of it", done, 5000)
        job.now += 1
    job.outlook.working("features of it", 2000, 5000)
    estimate = job.outlook.estimate()
    # a picture forward takes 1 ms; 20,000 forward and back, 2,000 of validation, 3,000 features
    assert estimate.bound == "about"
    assert estimate.left == pytest.approx(20_000 * 0.003 + 2_000 * 0.001 + 3_000 * 0.001, rel=0.02)


def test_frozen_epochs_are_not_taken_for_the_speed_of_the_others():
    job = Job(
        transfer=TransferConfig(backbone="lite0", fine_tune="on"),
        train={"frozen_epochs": 1},
    )
    job.start()
    job.epoch(0, step_seconds=0.05, validation_seconds=0.5)
    assert job.outlook.estimate().left == pytest.approx(3 * (100 * 0.15 + 0.5), rel=0.02)


def test_early_stopping_makes_it_a_bound():
    job = Job(train={"patience": 2})
    job.start()
    job.epoch(0, step_seconds=0.05, validation_seconds=0.5)
    assert job.outlook.estimate().text == "at most 15 s left"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"), (3.2, "4 s"), (12.4, "10 s"), (57, "55 s"), (58, "1 min"),
        (200, "3 min 20 s"), (1234, "21 min"), (7900, "2 h 12 min"),
    ],
)  # fmt: skip
def test_a_rest_is_told_no_finer_than_it_is_known(seconds, text):
    assert rounded(seconds) == text
