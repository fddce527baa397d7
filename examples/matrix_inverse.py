"""Invert a matrix by gradient descent, with one optimizer after the other.

    python examples/matrix_inverse.py [STEPS]

Prints how near each comes in STEPS steps (10,000 unless given) and draws matrix_inverse.png. After
"Calculating a matrix inverse, the hard way" in "Understanding TensorFlow with MNIST" (2018).
"""

import sys
from pathlib import Path

from kenspeckle.experiments.descent import invert, random_matrix
from kenspeckle.experiments.optimization import INVERTERS
from kenspeckle.figures.lines import lines
from kenspeckle.figures.style import png


def main() -> None:
    """Run the example."""
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    matrix = random_matrix(size=10, seed=0)
    found = {name: invert(matrix, config, steps=steps) for name, config in INVERTERS.items()}
    print(f"largest entry of |X A - 1| after {steps:,} steps")
    for name, item in sorted(found.items(), key=lambda pair: pair[1].residual):
        print(f"{name:>10}  {item.residual:.2e}")
    costs = {name: (item.at + 1, item.losses) for name, item in found.items()}
    figure = lines(costs, x="step", y="sum of |X A - 1|", scale="log-log")
    Path("matrix_inverse.png").write_bytes(png(figure))


if __name__ == "__main__":
    main()
