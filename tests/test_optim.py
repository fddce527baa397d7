"""Optimizers against torch's own classes, which call the same kernels."""

import pytest
import torch

from kenspeckle.optim import Optimizer, orthogonal
from kenspeckle.optim_config import (
    AdadeltaConfig,
    AdagradConfig,
    AdamConfig,
    MuonConfig,
    RmspropConfig,
    SgdConfig,
)


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Tanh(), torch.nn.Linear(7, 3))


def optimizer_of(net, config):
    return Optimizer(dict(net.named_parameters()), config)


def steps(net, step, count=12):
    draws = torch.Generator().manual_seed(1)
    for _ in range(count):
        for parameter in net.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=draws)
        step()
    return [parameter.detach().clone() for parameter in net.parameters()]


def groups(net, decay):
    weights = [p for p in net.parameters() if p.ndim > 1]
    biases = [p for p in net.parameters() if p.ndim == 1]
    return [{"params": weights, "weight_decay": decay}, {"params": biases, "weight_decay": 0.0}]


@pytest.mark.parametrize(
    ("config", "oracle"),
    [
        (SgdConfig(rate=0.05), lambda g: torch.optim.SGD(g, 0.05)),
        (SgdConfig(rate=0.05, momentum=0.9), lambda g: torch.optim.SGD(g, 0.05, momentum=0.9)),
        (
            SgdConfig(rate=0.05, momentum=0.9, nesterov=True, weight_decay=0.1),
            lambda g: torch.optim.SGD(g, 0.05, momentum=0.9, nesterov=True),
        ),
        (AdagradConfig(), lambda g: torch.optim.Adagrad(g, 0.01, initial_accumulator_value=0.1)),
        (AdadeltaConfig(), lambda g: torch.optim.Adadelta(g, 1.0)),
        (RmspropConfig(), lambda g: torch.optim.RMSprop(g, 0.001, alpha=0.9)),
        (
            RmspropConfig(momentum=0.5, weight_decay=0.1),
            lambda g: torch.optim.RMSprop(g, 0.001, alpha=0.9, momentum=0.5),
        ),
        (AdamConfig(name="adam", rate=0.05), lambda g: torch.optim.Adam(g, 0.05)),
        (
            AdamConfig(name="adam", rate=0.05, weight_decay=0.1),
            lambda g: torch.optim.Adam(g, 0.05),
        ),
        (
            AdamConfig(rate=0.05, weight_decay=0.1, beta1=0.8, beta2=0.95),
            lambda g: torch.optim.AdamW(g, 0.05, betas=(0.8, 0.95)),
        ),
    ],
    ids=lambda value: str(value) if hasattr(value, "rate") else "",
)
def test_an_optimizer_takes_the_same_steps_as_torch(config, oracle):
    ours, theirs = network(), network()
    optimizer = optimizer_of(ours, config)
    reference = oracle(groups(theirs, config.weight_decay))
    expected = steps(theirs, reference.step)
    for got, want in zip(steps(ours, lambda: optimizer.step(1.0)), expected, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-7)


EVERY = [
    SgdConfig(momentum=0.9),
    AdagradConfig(),
    AdadeltaConfig(),
    RmspropConfig(momentum=0.9),
    AdamConfig(),
    MuonConfig(),
]


@pytest.mark.parametrize("config", EVERY, ids=lambda config: config.name)
def test_an_optimizer_that_was_restored_goes_on_with_the_same_bits(config):
    whole, first, second = network(), network(), network()
    expected = steps_in_two(whole, optimizer_of(whole, config), None)
    before = optimizer_of(first, config)
    after = optimizer_of(second, config)
    got = steps_in_two(first, before, (second, after))
    for a, b in zip(expected, got, strict=True):
        assert torch.equal(a, b)


def steps_in_two(net, optimizer, moved):
    steps(net, lambda: optimizer.step(1.0), 5)
    if moved:
        other, other_optimizer = moved
        other.load_state_dict(net.state_dict())
        other_optimizer.restore({k: v.clone() for k, v in optimizer.tensors().items()})
        net, optimizer = other, other_optimizer
    return steps(net, lambda: optimizer.step(1.0), 5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rate": 0.0}, "rate must be above 0"),
        ({"momentum": 1.0}, "momentum must be in 0..1"),
        ({"nesterov": True}, "nesterov needs a momentum"),
        ({"weight_decay": -1.0}, "weight_decay must be 0 or more"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        SgdConfig(**settings)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (AdagradConfig, {"start": -1.0}, "start must be 0 or more, got -1.0"),
        (AdadeltaConfig, {"rho": 1.0}, "rho must be in 0..1, got 1.0"),
        (RmspropConfig, {"alpha": -0.1}, "alpha must be in 0..1, got -0.1"),
        (RmspropConfig, {"epsilon": 0.0}, "epsilon must be above 0, got 0.0"),
        (MuonConfig, {"iterations": 0}, "iterations must be in 1..20, got 0"),
        (MuonConfig, {"momentum": 1.0}, "momentum must be in 0..1, got 1.0"),
    ],
)
def test_each_optimizer_says_which_setting_is_wrong(kind, settings, message):
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        kind(**settings)


def test_muon_moves_every_direction_alike():
    draws = torch.Generator().manual_seed(0)
    lopsided = torch.randn(32, 8, generator=draws) * torch.logspace(0, -3, 8)
    singular = torch.linalg.svdvals(orthogonal(lopsided, steps=10))
    assert 0.6 < float(singular.min()) <= float(singular.max()) < 1.3
    before = torch.linalg.svdvals(lopsided)
    assert float(before.max() / before.min()) > 500


def test_muon_leaves_the_first_and_the_last_layer_to_adam():
    net = torch.nn.Sequential(*(torch.nn.Linear(4, 4) for _ in range(4)))
    optimizer = optimizer_of(net, MuonConfig())
    kinds = {name: sorted(memory) for name, memory in optimizer.memory.items()}
    inner = [name for name, memory in kinds.items() if memory == ["momentum"]]
    assert inner == ["1.weight", "2.weight"]
    assert set(map(tuple, kinds.values())) == {("momentum",), ("mean", "square", "step")}
