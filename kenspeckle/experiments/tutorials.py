"""Softmax regression, the dense network and the two convolutional networks, to the letter."""

from __future__ import annotations

from kenspeckle.experiments.outcome import Outcome, Quantity
from kenspeckle.experiments.plan import Plan, curves, train_seeds


def softmax(plan: Plan) -> Outcome:
    """1,000 steps of 100 (seed document 001); ten seeds, because a run takes a second."""
    data = plan.dataset("mnist")
    found = train_seeds(plan, plan.config("softmax"), data, seeds=10)
    smooth = plan.config("softmax", "train.averaging=0.98")
    averaged = train_seeds(plan, smooth, data, seeds=10, name="softmax-averaged")
    accuracy = found.accuracy(headline="92.15 %", least=0.918, most=0.925)
    better = averaged.accuracy(name="test accuracy of averaged weights", least=0.918, most=0.925)
    return Outcome(
        quantities=(accuracy, better, found.duration()),
        story=(
            f"One matrix, a thousand steps: the last step leaves {min(accuracy.values):.2%} to "
            f"{max(accuracy.values):.2%}, as chance will have it; an average of the weights on "
            f"the way gives {better.mean:.2%} for the same price."
        ),
        recipe=found.recipe,
        seeds=len(found.ends),
    )


def mlp_300(plan: Plan) -> Outcome:
    """50 epochs of 100 (seed document 002)."""
    found = train_seeds(plan, plan.config("mlp-300"), plan.dataset("mnist"))
    accuracy = found.accuracy(headline="98 %", least=0.978)
    return Outcome(
        quantities=(accuracy, found.duration()),
        story=f"A hidden layer of 300 lifts softmax regression to {accuracy.mean:.2%}.",
        pictures=(curves(found),),
        recipe=found.recipe,
        seeds=len(found.ends),
    )


def deep_mnist(plan: Plan) -> Outcome:
    """20,000 steps of 50, with today's default recipe beside it (seed document 001)."""
    data = plan.dataset("mnist")
    old = train_seeds(plan, plan.config("deep-mnist"), data, seeds=1)
    fast = train_seeds(plan, plan.config("swift"), data, name="deep-mnist-swift")
    accuracy = old.accuracy(headline="99.17 %", least=0.9915)
    beside = fast.accuracy(name="test accuracy of swift")
    ratio = old.seconds[0] / (sum(fast.seconds) / len(fast.seconds))
    return Outcome(
        quantities=(
            accuracy,
            old.duration(headline="up to half an hour"),
            beside,
            fast.duration(name="training time of swift"),
            Quantity(name="time ratio", values=(ratio,), unit="number"),
        ),
        story=(
            f"The tutorial's network reaches {accuracy.mean:.2%}; swift reaches {beside.mean:.2%} "
            f"and is {ratio:.0f} times as fast."
        ),
        pictures=(curves(old),),
        recipe=old.recipe,
        seeds=len(old.ends),
    )


def digit_cnn(plan: Plan) -> Outcome:
    """30 epochs of 100 with the mean image subtracted (seed document 004)."""
    found = train_seeds(plan, plan.config("digit-cnn"), plan.dataset("mnist"))
    accuracy = found.accuracy(headline="99.40 %", least=0.993)
    validation = Quantity(
        name="validation accuracy",
        values=tuple(end.best.validation_accuracy for end in found.ends),
        headline="0.993",
        n=found.ends[0].best.validation_n,
    )
    return Outcome(
        quantities=(accuracy, validation, found.duration()),
        story=f"Without padding, with dropout: {accuracy.mean:.2%} of the test digits.",
        pictures=(curves(found),),
        recipe=found.recipe,
        notes=(
            "the document trains its last network on all 60,000 pictures; ours keeps 5,000 of them "
            "for validation",
        ),
        seeds=len(found.ends),
    )
