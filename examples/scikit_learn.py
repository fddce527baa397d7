"""Choose, measure and judge a network with scikit-learn: what tutorials wish for at their end.

    python examples/scikit_learn.py [PICTURES]

Searches a grid of learning rates on PICTURES (1,200) digits of MNIST, cross-validates the best,
draws its learning curve into scikit_learn.png, and tests it on 1,000 digits that took no part.
Everything beyond `ImageClassifier` is scikit-learn's own.
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    cross_val_score,
    learning_curve,
)

import kenspeckle as ks
from kenspeckle.figures.lines import lines
from kenspeckle.figures.style import png
from kenspeckle.sklearn import ImageClassifier


def main(count: int = 1200) -> None:
    """Run the example on `count` pictures."""
    mnist = ks.open_dataset("mnist")
    draws = np.random.default_rng(0)
    chosen = draws.choice(np.flatnonzero(~mnist.official_test), count, replace=False)
    images, labels = mnist.images[chosen], mnist.labels[chosen]
    folds = StratifiedKFold(3, shuffle=True, random_state=0)

    # batches of 32, because few pictures make few steps
    grid = {
        "settings": [["train.batch_size=32", f"optimizer.rate={rate}"] for rate in (0.001, 0.01)],
        "epochs": [2, 6],
    }
    search = GridSearchCV(ImageClassifier("blink", threads=1), grid, cv=folds, refit=False)
    search.fit(images, labels)
    print(f"grid search over {count:,} digits, 3 folds: accuracy where it was not learned")
    for settings, mean, spread in zip(
        search.cv_results_["params"],
        search.cv_results_["mean_test_score"],
        search.cv_results_["std_test_score"],
        strict=True,
    ):
        rate = settings["settings"][-1]
        print(f"  {rate:<20} epochs={settings['epochs']}  {mean:.2%} (sd {spread:.2%})")

    # other folds than those that chose: the best of a grid looks better than it is
    best = ImageClassifier("blink", threads=1, **search.best_params_)
    fresh = StratifiedKFold(3, shuffle=True, random_state=1)
    scores = cross_val_score(best, images, labels, cv=fresh)
    print(f"cross-validation of the best: {scores.mean():.2%} (sd {scores.std():.2%}, 3 folds)")

    sizes, learned, held_out = learning_curve(
        best, images, labels, train_sizes=[0.1, 0.25, 0.5, 1.0], cv=fresh
    )
    print("learning curve: accuracy on pictures that were learned, and on others")
    for size, own, others in zip(sizes, learned.mean(axis=1), held_out.mean(axis=1), strict=True):
        print(f"  {size:>5,} pictures  {own:.2%}  {others:.2%}")
    curves = {
        "learned": (sizes, learned.mean(axis=1)),
        "held out": (sizes, held_out.mean(axis=1)),
    }
    Path("scikit_learn.png").write_bytes(png(lines(curves, x="training pictures", y="accuracy")))

    test = np.flatnonzero(mnist.official_test)[:1000]
    best.fit(images, labels)
    print(f"test: {best.score(mnist.images[test], mnist.labels[test]):.2%} of 1,000 digits")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
