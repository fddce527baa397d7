"""Losses against slow, obvious versions."""

import math

import pytest
import torch

from kenspeckle.data.batches import Batch
from kenspeckle.errors import ConfigError
from kenspeckle.losses import TASK_OF, loss_of
from kenspeckle.models.heads import ClassHead, NumberHead, head_of

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 0.0, 3.0]])
LABELS = torch.tensor([0, 1])


def batch(**settings):
    return Batch(torch.zeros(2, 1, 4, 4), LABELS, **settings)


def probabilities(row):
    total = sum(math.exp(value) for value in row)
    return [math.exp(value) / total for value in row]


def test_cross_entropy_is_the_mean_surprise():
    expected = [-math.log(probabilities(LOGITS[i].tolist())[LABELS[i]]) for i in (0, 1)]
    found = loss_of("cross-entropy", ClassHead(3), LOGITS, batch())
    assert float(found) == pytest.approx(sum(expected) / 2)


def test_binary_sums_a_yes_or_no_for_each_class():
    rows = []
    for logits, label in zip(LOGITS.tolist(), LABELS.tolist(), strict=True):
        said = probabilities(logits)
        rows.append(
            -sum(math.log(p) if k == label else math.log(1 - p) for k, p in enumerate(said))
        )
    found = loss_of("binary", ClassHead(3), LOGITS, batch())
    assert float(found) == pytest.approx(sum(rows) / 2, rel=1e-5)


def test_binary_stays_finite_where_the_network_is_sure_and_wrong():
    sure = torch.tensor([[-100.0, 100.0, 0.0]])
    one = Batch(torch.zeros(1, 1, 4, 4), torch.tensor([0]))
    assert math.isfinite(float(loss_of("binary", ClassHead(3), sure, one)))


def test_mixed_pictures_count_for_both_labels():
    partners = torch.tensor([2, 2])
    mixed = loss_of("cross-entropy", ClassHead(3), LOGITS, batch(partners=partners, share=0.7))
    own = loss_of("cross-entropy", ClassHead(3), LOGITS, batch())
    other = loss_of("cross-entropy", ClassHead(3), LOGITS, Batch(batch().images, partners))
    assert float(mixed) == pytest.approx(0.7 * float(own) + 0.3 * float(other))


@pytest.mark.parametrize(("name", "power"), [("absolute", 1), ("squared", 2)])
def test_a_number_is_compared_in_its_own_unit(name, power):
    head = NumberHead((10.0, 20.0, 60.0))
    outputs = torch.tensor([[0.0], [1.0]])
    mean, deviation = 30.0, math.sqrt((400 + 100 + 900) / 3)
    errors = [abs(mean - 10) ** power, abs(mean + deviation - 20) ** power]
    found = loss_of(name, head, outputs, batch())
    assert float(found) == pytest.approx(sum(errors) / 2, rel=1e-5)


def test_the_nearest_number_is_the_likeliest_class():
    head = NumberHead((1.0, 2.0, 5.0))
    outputs = (torch.tensor([1.1, 1.6, 4.2]) - head.values(torch.zeros(1, 1))) / (
        head.values(torch.ones(1, 1)) - head.values(torch.zeros(1, 1))
    )
    assert head.logits(outputs[:, None]).argmax(dim=1).tolist() == [0, 1, 2]
    assert head.values(outputs[:, None]).tolist() == pytest.approx([1.1, 1.6, 4.2], rel=1e-5)


def test_a_number_needs_classes_that_are_numbers():
    message = "this loss needs classes that are numbers, such as 45, got cat, dog"
    with pytest.raises(ConfigError, match=message):
        head_of("number", ("cat", "dog"))
    assert head_of("number", ("45", "46.5")).numbers == (45.0, 46.5)


def test_every_loss_has_its_task():
    assert set(TASK_OF.values()) == {"classes", "number"}
    for name, task in TASK_OF.items():
        head = head_of(task, ("1", "2", "3"))
        outputs = torch.zeros(2, head.outputs, requires_grad=True)
        loss_of(name, head, outputs, batch()).backward()
        assert outputs.grad.abs().sum() > 0
