"""Optimizers against torch's own classes, which call the same kernels."""

import pytest
import torch

from kenspeckle.optim import AdamConfig, Optimizer, SgdConfig


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Tanh(), torch.nn.Linear(7, 3))


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
        (SgdConfig(), lambda g: torch.optim.SGD(g, 0.05)),
        (SgdConfig(momentum=0.9), lambda g: torch.optim.SGD(g, 0.05, momentum=0.9)),
        (
            SgdConfig(momentum=0.9, nesterov=True, weight_decay=0.1),
            lambda g: torch.optim.SGD(g, 0.05, momentum=0.9, nesterov=True),
        ),
        (AdamConfig(name="adam"), lambda g: torch.optim.Adam(g, 0.05)),
        (AdamConfig(name="adam", weight_decay=0.1), lambda g: torch.optim.Adam(g, 0.05)),
        (
            AdamConfig(weight_decay=0.1, beta1=0.8, beta2=0.95),
            lambda g: torch.optim.AdamW(g, 0.05, betas=(0.8, 0.95)),
        ),
    ],
    ids=["sgd", "momentum", "nesterov", "adam", "adam with decay", "adamw"],
)
def test_an_optimizer_takes_the_same_steps_as_torch(config, oracle):
    ours, theirs = network(), network()
    optimizer = Optimizer(ours, config)
    reference = oracle(groups(theirs, config.weight_decay))
    expected = steps(theirs, reference.step)
    for got, want in zip(steps(ours, lambda: optimizer.step(0.05)), expected, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("config", [SgdConfig(momentum=0.9), AdamConfig()])
def test_an_optimizer_that_was_restored_goes_on_with_the_same_bits(config):
    whole, first, second = network(), network(), network()
    expected = steps_in_two(whole, Optimizer(whole, config), None)
    before = Optimizer(first, config)
    after = Optimizer(second, config)
    got = steps_in_two(first, before, (second, after))
    for a, b in zip(expected, got, strict=True):
        assert torch.equal(a, b)


def steps_in_two(net, optimizer, moved):
    steps(net, lambda: optimizer.step(0.05), 5)
    if moved:
        other, other_optimizer = moved
        other.load_state_dict(net.state_dict())
        other_optimizer.restore({k: v.clone() for k, v in optimizer.tensors().items()})
        net, optimizer = other, other_optimizer
    return steps(net, lambda: optimizer.step(0.05), 5)


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
