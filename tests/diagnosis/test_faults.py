"""Rules on facts: each fault is named, the root cause first; of what is right nothing is said."""

from dataclasses import replace

import pytest

from kenspeckle.diagnosis.bias_variance import BiasVariance
from kenspeckle.diagnosis.causes import ORDER, root_causes
from kenspeckle.diagnosis.facts import Facts, findings_of
from kenspeckle.diagnosis.findings import Finding
from kenspeckle.diagnosis.inputs import InputFacts
from kenspeckle.diagnosis.look_alikes import LookAlikes
from kenspeckle.diagnosis.outcome import Outcome
from kenspeckle.diagnosis.preprocessing_gap import Gap
from kenspeckle.diagnosis.rate_range import RateRange
from kenspeckle.diagnosis.shift import Shift
from kenspeckle.diagnosis.start import StartFacts

INPUTS = InputFacts(
    n=1000,
    constant=0.0,
    contrast=80.0,
    copies=0.0,
    largest=("a", 110),
    smallest=("b", 90),
    is_balanced=False,
)
ALIKE = LookAlikes(
    train_accuracy=0.9,
    train_n=1000,
    validation_accuracy=0.9,
    validation_n=300,
    chance=0.1,
    noise=0.0,
    copies=0,
)
START = StartFacts(
    loss=2.4,
    chance=2.3,
    layers=("dense1", "dense2", "logits"),
    levels=(1.0, 0.9, 0.5),
    gradients=(0.1, 0.1, 0.1),
    dead=0.0,
    dead_layer="dense1",
    sure=0.0,
)
OUTCOME = Outcome(
    balance=BiasVariance(
        train_accuracy=0.98, train_n=1000, other_accuracy=0.95, other_n=300, best=1.0
    ),
    train_loss=0.1,
    validation_loss=0.2,
    validation_losses=(0.4, 0.3, 0.2),
    steps=300,
    rate=0.01,
    dead=0.0,
    dead_layer="",
    sure_wrong=0.0,
    reference=0.9,
    chance=2.3,
)
POOR = replace(
    OUTCOME,
    balance=replace(OUTCOME.balance, train_accuracy=0.2, other_accuracy=0.2),
    train_loss=2.0,
    trial_steps=40,
    continued=(2.0, 2.0),
)
SHIFT = Shift(between=("training", "validation"), accuracy=0.5, p=0.6, n=300)
HEALTHY = Facts(inputs=INPUTS, alike=ALIKE, start=START, outcome=OUTCOME, shifts=(SHIFT,))


def trials(**losses):
    """Losses of short trials by factor of the rate, as "low", "same" and "high"."""
    factors = {"low": 0.1, "same": 1.0, "high": 10.0}
    return tuple((factors[name], loss) for name, loss in losses.items())


CASES = {
    "constant inputs": replace(HEALTHY, inputs=replace(INPUTS, contrast=0.3)),
    "duplicated inputs": replace(HEALTHY, inputs=replace(INPUTS, copies=0.5)),
    "class imbalance": replace(HEALTHY, inputs=replace(INPUTS, smallest=("b", 5))),
    "labels do not fit the pictures": replace(
        HEALTHY, alike=replace(ALIKE, noise=0.8), outcome=POOR
    ),
    "mislabelled items": replace(HEALTHY, alike=replace(ALIKE, noise=0.3), outcome=POOR),
    "leak between splits": replace(HEALTHY, alike=replace(ALIKE, copies=60)),
    "distribution shift": replace(HEALTHY, shifts=(replace(SHIFT, accuracy=0.9, p=0.002),)),
    "exploding gradients": replace(
        HEALTHY, start=replace(START, loss=1e4, levels=(1.0, 90.0, 1e4))
    ),
    "saturated softmax": replace(HEALTHY, start=replace(START, loss=40.0, sure=0.9)),
    "vanishing gradients": replace(
        HEALTHY, start=replace(START, gradients=(1e-9, 1e-5, 0.1)), outcome=POOR
    ),
    "dead ReLUs": replace(HEALTHY, start=replace(START, dead=1.0), outcome=POOR),
    "rate too high": replace(
        HEALTHY, outcome=replace(POOR, trials=trials(low=0.3, same=2.4, high=9.0))
    ),
    "rate too low": replace(
        HEALTHY, outcome=replace(POOR, trials=trials(low=2.3, same=2.3, high=0.4))
    ),
    "too short": replace(
        HEALTHY,
        outcome=replace(POOR, trials=trials(low=2.3, same=0.4, high=1.4), continued=(2.0, 0.5)),
    ),
    "underfitting": replace(
        HEALTHY, outcome=replace(POOR, trials=trials(low=2.1, same=2.0, high=2.1))
    ),
    "overfitting": replace(
        HEALTHY,
        outcome=replace(
            OUTCOME,
            balance=replace(OUTCOME.balance, train_accuracy=1.0, other_accuracy=0.7),
            validation_losses=(0.9, 0.8, 1.4),
        ),
    ),
    "preprocessing gap": replace(
        HEALTHY, gap=Gap(repair="inverted", plain=0.2, repaired=0.9, n=300, p=1e-40)
    ),
    "not a number": replace(HEALTHY, failure="the loss is nan in step 3", outcome=None),
}


def test_nothing_is_said_of_what_is_right():
    assert findings_of(HEALTHY) == ()


@pytest.mark.parametrize("name", CASES)
def test_a_fault_is_named_first(name):
    found = findings_of(CASES[name])
    assert found[0].name == name
    assert found[0].evidence and found[0].why and found[0].advice


def test_every_name_has_a_place_in_the_order():
    assert set(CASES) <= set(ORDER)


def test_what_a_cause_explains_is_left_out():
    def fault(name):
        return Finding(name=name, evidence="", advice="")

    found = root_causes([fault("overfitting"), fault("too short"), fault("rate too low")])
    assert [item.name for item in found] == ["rate too low"]


def test_a_range_of_rates_is_refused_where_there_is_no_valley():
    flat = RateRange(
        rate=0.1, factors=(0.1, 1.0, 10.0), losses=((2.3, 2.3, 2.3),), chance=2.3, steps=10
    )
    assert flat.interval is None
    assert flat.words == (
        "no range of rates: no rate gets below a loss of 2.3; guessing has 2.3 "
        "(1 seeds, 10 steps each on a copy)"
    )


def test_a_range_of_rates_is_refused_where_the_seeds_disagree():
    factors = (0.001, 0.01, 0.1, 1.0, 10.0)
    first, second = (2.3, 0.5, 2.0, 2.0, 9.0), (2.3, 2.0, 2.0, 0.6, 9.0)
    found = RateRange(rate=1.0, factors=factors, losses=(first, second), chance=2.3, steps=10)
    assert found.refusal == "the seeds do not agree on the best rate (0.01, 1)"


def test_a_valley_gives_its_rates():
    found = RateRange(
        rate=1.0,
        factors=(0.01, 0.1, 1.0, 10.0),
        losses=((2.2, 0.5, 0.6, 5.0), (2.3, 0.6, 0.5, 7.0)),
        chance=2.3,
        steps=10,
    )
    assert found.interval == (0.1, 1.0)


def test_labels_that_a_network_tells_are_no_noise():
    assert findings_of(replace(HEALTHY, alike=replace(ALIKE, noise=0.3))) == ()
