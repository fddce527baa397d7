"""Measure accuracy and speed on MNIST: our recipes, and peers in the same run.

Ours: for each recipe and seed a fresh process trains (validation split held out) and another opens
the test split once. `cold` is the wall time of the training process from start to metrics on disk.

A peer is a command that prints its test accuracy as `Accuracy: 9912/10000` (the MNIST script of the
PyTorch examples) or `Test accuracy: 0.9915` (the MNIST ConvNet of Keras 3), each at its documented
settings and in an environment of its own:

    scripts/bench --seeds 10 --peer "pytorch-example=run_pytorch.sh" --peer "keras=run_keras.sh"

The summary goes to stdout and, with --write, to the end of benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
ACCURACY = re.compile(r"Test accuracy: ([\d.]+)|Accuracy: (\d+)/10000")


@dataclass(frozen=True)
class Ours:
    """One trained and tested run."""

    accuracy: float  # on test
    train: float  # seconds of training
    cold: float  # seconds from process start to metrics on disk


@dataclass(frozen=True)
class Peer:
    """One run of a peer's script."""

    best: float  # highest test accuracy that it printed, which favours it
    reached: float  # seconds from process start to that line
    total: float  # seconds from process start to its end


def main() -> None:
    """Run everything that was asked for, interleaved, and print the summary."""
    options = arguments()
    ours: dict[str, list[Ours]] = {recipe: [] for recipe in options.recipes}
    peers: dict[str, list[Peer]] = {}
    for peer in options.peer:
        name, _, command = peer.partition("=")
        peers[name] = [run_peer(name, command) for _ in range(options.peer_runs)]
        for seed in range(options.seeds):  # some of ours after each peer, in the same conditions
            if seed % max(1, len(options.peer)) == list(peers).index(name):
                for recipe in options.recipes:
                    ours[recipe].append(run_ours(recipe, seed, options.set))
    for recipe, done in ours.items():
        for seed in range(len(done), options.seeds):
            done.append(run_ours(recipe, seed, options.set))
    text = summary(ours, peers, options.set)
    print(text)
    if options.write:
        with open(ROOT / "benchmarks" / "RESULTS.md", "a", encoding="utf-8") as file:
            file.write("\n" + text)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipes", nargs="+", default=["blink", "swift"])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--set", action="append", default=[], help="a setting for every recipe")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--peer-runs", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="append to benchmarks/RESULTS.md")
    return parser.parse_args()


def run_ours(recipe: str, seed: int, settings: list[str]) -> Ours:
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        changes = [part for setting in settings for part in ("--set", setting)]
        began = time.perf_counter()
        trained = ken("train", "--recipe", recipe, "--seed", str(seed), "--out", str(run), *changes)
        cold = time.perf_counter() - began
        tested = ken("evaluate", str(run))
    found = Ours(accuracy=tested["accuracy"], train=trained["train_seconds"], cold=cold)
    print(f"{recipe} seed {seed}: {found}", file=sys.stderr, flush=True)
    return found


def ken(*command: str) -> dict[str, float]:
    """The JSON document of a command."""
    program = [sys.executable, "-m", "kenspeckle.cli.main", *command, "--json"]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    document: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return document


def run_peer(name: str, command: str) -> Peer:
    began = time.perf_counter()
    best, reached = 0.0, 0.0
    with subprocess.Popen(command, shell=True, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            match = ACCURACY.search(line)
            if match:
                accuracy = float(match[1]) if match[1] else int(match[2]) / 10_000
                seconds = time.perf_counter() - began
                print(f"{name}: {accuracy:.4f} after {seconds:.1f} s", file=sys.stderr, flush=True)
                if accuracy > best:
                    best, reached = accuracy, seconds
    if process.returncode:
        raise SystemExit(f"{name}: exit code {process.returncode}")
    return Peer(best=best, reached=reached, total=time.perf_counter() - began)


def summary(ours: dict[str, list[Ours]], peers: dict[str, list[Peer]], settings: list[str]) -> str:
    lines = [f"## MNIST, {date.today()}", "", conditions(settings), ""]
    lines += [
        "| recipe | n | test accuracy, mean (sd, min) | training s, median (range) "
        "| cold s, median (range) |",
        "|---|---|---|---|---|",
    ]
    for recipe, runs in ours.items():
        accuracy = np.array([run.accuracy for run in runs]) * 100
        spread = f"{accuracy.mean():.3f} % ({accuracy.std(ddof=1):.3f}, {accuracy.min():.2f})"
        train, cold = [run.train for run in runs], [run.cold for run in runs]
        lines.append(f"| {recipe} | {len(runs)} | {spread} | {middle(train)} | {middle(cold)} |")
    if peers:
        lines += [
            "",
            "| peer | n | best test accuracy | s to it, from process start "
            "| ratio to our cold time, median (range over seeds) |",
            "|---|---|---|---|---|",
        ]
    for name, done in peers.items():
        reached = float(np.median([peer.reached for peer in done]))
        ratios = ", ".join(
            f"{recipe} {middle([reached / run.cold for run in runs])}x"
            for recipe, runs in ours.items()
        )
        best = max(peer.best for peer in done)
        lines.append(f"| {name} | {len(done)} | {best:.2%} | {reached:.1f} | {ratios} |")
    return "\n".join(lines) + "\n"


def middle(values: list[float]) -> str:
    """Median and range."""
    return f"{np.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def conditions(settings: list[str]) -> str:
    """Commit, versions and hardware in one line."""
    import torch

    from kenspeckle.device import choose, describe

    facts = describe(choose())
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+", "--exclude=*"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    changed = f", with {' '.join(settings)}" if settings else ""
    return (
        f"Commit {commit}, Python {platform.python_version()}, torch {torch.__version__}, "
        f"{facts['processor']}, {facts['threads']} cores, {facts['precision']} "
        f"({facts['precision_reason']}){changed}."
    )


if __name__ == "__main__":
    main()
