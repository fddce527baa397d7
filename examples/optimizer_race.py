"""Race optimizers over a surface of two weights, or down a curve of one.

    python examples/optimizer_race.py

Prints where each is after 120 steps and draws optimizer_race.png (two weights) and
optimizer_race_one.png (one weight). After "Learn TensorFlow Now 7: a quick look at optimizers".
"""

from pathlib import Path

import numpy as np
import torch

from kenspeckle.experiments.descent import race, valley
from kenspeckle.experiments.optimization import RACERS
from kenspeckle.figures.lines import lines, paths
from kenspeckle.figures.style import png


def curve(weights: torch.Tensor) -> torch.Tensor:
    """A cost of the first weight alone, with a hollow on the way to the lowest point at 2."""
    x = weights[0]
    return 0.1 * (x - 2) ** 2 + 0.3 * torch.cos(3 * x) ** 2


def main() -> None:
    """Run the example."""
    ways = {name: race(config) for name, config in RACERS.items()}
    print("two weights, 120 steps: final cost, and the weights")
    for name, way in sorted(ways.items(), key=lambda pair: pair[1].costs[-1]):
        print(
            f"{name:>10}  {way.costs[-1]:.2e}  ({way.points[-1, 0]:.2f}, {way.points[-1, 1]:.2f})"
        )
    y, x = np.meshgrid(np.linspace(-0.6, 3.2, 160), np.linspace(-4, 5, 240), indexing="ij")
    heights = valley(torch.from_numpy(np.stack([x, y]))).numpy()
    points = {name: way.points for name, way in ways.items()}
    figure = paths(points, heights, extent=(-4, 5, -0.6, 3.2), lowest=(2.5, 1.0))
    Path("optimizer_race.png").write_bytes(png(figure))

    one = {name: race(config, surface=curve, start=(-1.2, 0.0)) for name, config in RACERS.items()}
    print("one weight, 120 steps: final cost")
    for name, way in sorted(one.items(), key=lambda pair: pair[1].costs[-1]):
        print(f"{name:>10}  {way.costs[-1]:.2e}")
    costs = {name: (np.arange(len(way.costs)), way.costs) for name, way in one.items()}
    figure = lines(costs, x="step", y="cost")
    Path("optimizer_race_one.png").write_bytes(png(figure))


if __name__ == "__main__":
    main()
