"""The best epoch of a view is the one whose weights are kept."""

from rich.console import Console

from kenspeckle.evaluation.accuracy import wilson
from kenspeckle.events import EpochRecord
from kenspeckle.views.outlook import Outlook
from kenspeckle.views.panel import Panel


def record(epoch):
    return EpochRecord(
        epoch=epoch, step=epoch, loss=1.0, accuracy=0.5, validation_loss=1.0,
        validation_accuracy=0.5, validation_n=500, validation_interval=wilson(250, 500), rate=0.1,
        seconds=1.0, images_per_second=1.0,
    )  # fmt: skip


def best_of(epochs):
    panel = Panel(Outlook(), Console(width=120))
    for epoch in epochs:
        panel.show(record(epoch))
    return panel.lines().plain


def test_of_equal_epochs_the_last_is_the_best():
    assert "best 50.00 % of epoch 2" in best_of([1, 2])


def test_fine_tuning_that_is_no_better_leaves_the_head_the_best():
    assert "best 50.00 % of the head" in best_of([0, 1])
