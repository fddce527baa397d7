"""The loop: what it yields, what it guards, and that it learns."""

import math

import pytest
import torch
from conftest import bars

from kenspeckle.data.batches import Batches
from kenspeckle.device import Compute
from kenspeckle.errors import NonFiniteError
from kenspeckle.models.families import build_model
from kenspeckle.models.heads import ClassHead
from kenspeckle.models.mlp import MlpConfig
from kenspeckle.optim import Optimizer
from kenspeckle.optim_config import AdamConfig, SgdConfig
from kenspeckle.schedule import ScheduleConfig
from kenspeckle.train_config import TrainConfig
from kenspeckle.training import Training, averaged, fit

CPU = Compute(device="cpu", precision="fp32", threads=1, reason="as set")


def start(*, optimizer=None, **settings):
    data = bars()
    torch.manual_seed(0)
    network = build_model(MlpConfig(hidden=(16,), dropout=0.1), shape=(1, 28, 28), outputs=3)
    chosen = optimizer or AdamConfig(rate=0.01)
    optimizer = Optimizer(dict(network.named_parameters()), chosen)
    training = Training(network=network, optimizer=optimizer)
    config = TrainConfig(**{"epochs": 2, "batch_size": 20, **settings})
    return training, Batches(data, batch_size=20, seed=0), config


def epochs(training, batches, config):
    schedule = ScheduleConfig(name="constant")
    loop = fit(training, batches, config, schedule=schedule, head=ClassHead(3), compute=CPU)
    return [epoch for epoch in loop if epoch.complete]


def test_an_easy_problem_is_learned():
    found = epochs(*start(epochs=15))
    assert found[0].accuracy < 0.9 < 0.97 < found[-1].accuracy
    assert found[-1].loss < found[0].loss


def test_an_epoch_counts_every_picture_and_step():
    first, second = epochs(*start())
    assert (first.number, first.seen, len(first.losses), first.step) == (0, 240, 12, 12)
    assert (second.number, second.step, second.total_steps) == (1, 24, 24)


def test_a_number_of_steps_ends_training_within_an_epoch():
    found = epochs(*start(epochs=0, steps=17))
    assert [len(epoch.losses) for epoch in found] == [12, 5]


def test_the_caller_stops_by_not_asking_for_more():
    training, batches, config = start(epochs=50)
    loop = fit(training, batches, config, schedule=ScheduleConfig(), head=ClassHead(3), compute=CPU)
    next(epoch for epoch in loop if epoch.complete)
    assert training.total == 12


def test_no_global_random_state_decides():
    torch.manual_seed(1)
    first = epochs(*start())
    torch.manual_seed(2)
    torch.rand(5)
    assert first[-1].losses == epochs(*start())[-1].losses


def test_clipping_bounds_the_step():
    training, batches, config = start(
        optimizer=SgdConfig(rate=1.0), epochs=0, steps=1, gradient_clip=1e-3
    )
    before = [p.detach().clone() for p in training.network.parameters()]
    epochs(training, batches, config)
    moved = [a.detach() - b for a, b in zip(training.network.parameters(), before, strict=True)]
    assert math.sqrt(sum(float((m**2).sum()) for m in moved)) == pytest.approx(1e-3, rel=1e-3)


def test_the_average_lies_between_the_weights_that_it_is_of():
    training, batches, config = start(averaging=0.9, epochs=3)
    epochs(training, batches, config)
    own = {name: value.clone() for name, value in training.network.state_dict().items()}
    with averaged(training) as network:
        inside = {name: value.clone() for name, value in network.state_dict().items()}
        assert not network.training
    after = training.network.state_dict()
    assert any(not torch.equal(inside[name], own[name]) for name in own)
    assert all(torch.equal(after[name], own[name]) for name in own)
    assert all(torch.equal(inside[name], training.average[name]) for name in training.average)


def poison(training, batches, where, value):
    """Make one thing non-finite that is used in the next step."""
    if where == "weight":
        training.network[2].weight.data[0, 0] = value
    elif where == "bias":
        training.network[2].bias.data[0] = value
    elif where == "scale":
        training.network[0].mean[0] = value
    elif where == "gradient":
        training.network[2].weight.register_hook(lambda grad: grad * value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    ("where", "named"),
    [
        ("weight", "weight dense1.weight is not finite in step 1 of epoch 1"),
        ("bias", "weight dense1.bias is not finite in step 1 of epoch 1"),
        ("scale", "weight scale.mean is not finite in step 1 of epoch 1"),
        ("gradient", "gradient of dense1.weight is not finite in step 1 of epoch 1"),
    ],
)
def test_what_is_not_finite_is_named_before_the_weights_change(where, named, value):
    training, batches, config = start()
    poison(training, batches, where, value)
    before = [p.detach().clone() for p in training.network.parameters()]
    with pytest.raises(NonFiniteError) as error:
        epochs(training, batches, config)
    assert str(error.value).startswith(named)
    after = training.network.parameters()
    assert all(
        torch.equal(
            a,
            b,
        )
        or a.isnan().any()
        for a, b in zip(after, before, strict=True)
    )
    assert training.total == 0


def test_an_exploding_rate_stops_within_a_step_of_the_explosion():
    training, batches, config = start(optimizer=SgdConfig(rate=1e20))
    with pytest.raises(NonFiniteError, match=r"lower optimizer.rate or set train.gradient_clip"):
        epochs(training, batches, config)
    assert training.total <= 3


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            {"epochs": 0.0},
            "epochs or steps must be above 0 and the other 0, "
            "such as epochs=3 and steps=0; got epochs=0 and steps=0",
        ),
        ({"batch_size": -1}, "batch_size must be at least 0, got -1"),
        ({"label_smoothing": 1.0}, "label_smoothing must be in 0..1, got 1.0"),
        ({"averaging": -0.1}, "averaging must be in 0..1, got -0.1"),
        ({"gradient_clip": 0.0}, "gradient_clip must be above 0, got 0.0"),
        ({"gradient_clip": math.nan}, "gradient_clip must be above 0, got nan"),
        ({"patience": -1}, "patience must be 0 or more, got -1"),
        ({"keep_checkpoints": 1}, "keep_checkpoints must be at least 2, got 1"),
    ],
)
def test_a_setting_out_of_range_is_refused(setting, message):
    with pytest.raises(ValueError) as error:
        TrainConfig(**setting)
    assert str(error.value) == message
