"""Answers over HTTP, ours beside servers that people write: how soon, and how many.

    PYTHONPATH=. python benchmarks/serving.py RUN --peers PEERS/bin/python [--pictures FOLDER]

All servers decode, prepare and infer by the same functions on the same number of threads; the
servers around them differ. They take turns in blocks (A B C A B C); who is not measured is paused.
First one client with one connection: the times of its answers. Then requests arrive at random at a
given rate, answered or not, their times counted from when they were due, and the highest rate is
looked for at which 99 of 100 are answered within `--bound` ms. "Times ours" is against the
exported file where that is served too (`--exported`). Every answer is held against the
one without a server. `understudy` knows its answers from a file: what it takes is what the client,
the kernel and asyncio take. PEERS needs fastapi, uvicorn[standard], litserve, python-multipart and
the dependencies of kenspeckle. The table goes to stdout.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import numpy as np
from serving_load import material, servers
from serving_load.expected import Expected, judge_answer
from serving_load.figures import percentile, ratio
from serving_load.messages import upload_request
from serving_load.one_client import ask_in_turn
from serving_load.processes import proportional
from serving_load.servers import Server
from serving_load.throughput import Trial, highest_rate

OURS = ("kenspeckle", "kenspeckle-form")
EXPORTED = ("exported", "exported-form")  # the same model as a file of `ken export`
EXPORTED_TOLERANCE = 1e-5  # of a probability
PICTURES = 256
WARM_UP = 20  # requests at the beginning of a block that are not counted


@dataclass(kw_only=True)
class Contestant:
    """A server and what was measured of it."""

    server: Server
    requests: list[bytes]
    expected: Expected
    blocks: list[list[float]] = field(default_factory=list)  # seconds
    processor: float = 0.0  # seconds of all its processes in the blocks, to 0.01
    best: list[Trial] = field(default_factory=list)  # one for each round

    def note(self, count: int, first: int) -> None:
        """One more block of `count` requests; exits where an answer is wrong."""
        chosen = [(first + each) % len(self.requests) for each in range(WARM_UP + count)]
        begun = self.server.usage().seconds
        seconds, answers = ask_in_turn(self.server.port, [self.requests[each] for each in chosen])
        self.processor += (self.server.usage().seconds - begun) * count / len(chosen)
        for picture, answer in zip(chosen, answers, strict=True):
            fault = judge_answer([self.expected], picture, answer.body)
            if answer.status != 200 or fault:
                raise SystemExit(f"{self.server.name}: {answer.status} {fault}")
        self.blocks.append(seconds[WARM_UP:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--pictures", type=Path, help="folder; the test pictures of MNIST if none")
    parser.add_argument("--peers", type=Path, help="the Python that has them")
    parser.add_argument("--exported", type=Path, help="the model.onnx of the run, served as well")
    parser.add_argument("--servers", nargs="+", default=[*OURS, *servers.PEER_KINDS, "understudy"])
    parser.add_argument("--requests", type=int, default=2000, help="of one client, to each server")
    parser.add_argument("--block", type=int, default=100)
    parser.add_argument("--bound", type=float, default=50, help="ms")
    parser.add_argument("--seconds", type=float, default=5, help="for each rate that is tried")
    parser.add_argument("--rounds", type=int, default=3, help="searches for the highest rate")
    parser.add_argument("--threads", type=int, default=1, help="OMP_NUM_THREADS of every server")
    parser.add_argument("--tolerance", type=float, default=1e-6, help="of a probability")
    parser.add_argument("--work", type=Path, default=Path("runs/serving"))
    chosen = parser.parse_args()
    pictures = chosen.pictures or material.digits(chosen.work)
    everything = material.answers(chosen.run, pictures, chosen.work, count=2000)
    expected = everything.only(everything.distinct(PICTURES))
    expected = replace(expected, tolerance=chosen.tolerance)
    expected.write(chosen.work / "few.npz")
    print(conditions(chosen, expected), flush=True)
    contestants: list[Contestant] = []
    try:
        for name in [*(EXPORTED if chosen.exported else ()), *chosen.servers]:
            server = launch(name, chosen)
            contestants.append(
                Contestant(
                    server=server,
                    requests=server.requests(expected.paths),
                    expected=known(expected, name, chosen),
                )
            )
            server.pause()
        one_client(contestants, chosen)
        print(latency_table(contestants), flush=True)
        if chosen.rounds:
            many_clients(contestants, chosen)
            print(throughput_table(contestants, chosen), flush=True)
    finally:
        for each in contestants:
            each.server.stop()
    print(f"Load at the end {os.getloadavg()[0]:.1f}.")


def launch(name: str, chosen: argparse.Namespace) -> Server:
    work = chosen.work / "servers"
    if name in (*OURS, *EXPORTED):
        is_form = name.endswith("form")
        model = chosen.exported.resolve() if name in EXPORTED else chosen.run
        return servers.kenspeckle(model, work, name=name, form=is_form, threads=chosen.threads)
    if name == "understudy":
        return servers.understudy([chosen.work / "few.npz"], work)
    return servers.peer(name, chosen.peers, chosen.run, work, threads=chosen.threads)


def known(expected: Expected, name: str, chosen: argparse.Namespace) -> Expected:
    """The right answers of the server `name`."""
    if name not in EXPORTED:
        return expected
    version = hashlib.sha256(chosen.exported.read_bytes()).hexdigest()[:12]
    return replace(expected, version=version, tolerance=EXPORTED_TOLERANCE)


def one_client(contestants: list[Contestant], chosen: argparse.Namespace) -> None:
    for number in range(-(-chosen.requests // chosen.block)):
        for each in contestants:
            each.server.resume()
            each.note(chosen.block, number * chosen.block)
            each.server.pause()


def many_clients(contestants: list[Contestant], chosen: argparse.Namespace) -> None:
    for number in range(chosen.rounds):
        for each in contestants:
            each.server.resume()
            start = 0.5 / float(np.median(np.concatenate(each.blocks)))
            if each.best:
                start = each.best[-1].rate / 1.5
            best, trials = highest_rate(
                each.server,
                each.requests,
                each.expected,
                bound=chosen.bound,
                seconds=chosen.seconds,
                start=start,
                seed=1000 * number,
            )
            each.best.append(best)
            each.server.pause()
            for one in trials:
                print(
                    f"{each.server.name}: {one.rate:,.0f}/s: p50 {one.p50:.1f}, p99 {one.p99:.1f} "
                    f"ms, {one.failures} failed, client late by {one.lag:.1f} ms at p99 and "
                    f"on {one.share:.0%} of a core {' '.join(one.wrong[:1])}",
                    file=sys.stderr,
                    flush=True,
                )


def bases(contestants: list[Contestant]) -> list[Contestant | None]:
    """For each the one of ours that it is compared with: a form with a form, exported if served."""
    by_name = {each.server.name: each for each in contestants}
    found = []
    for each in contestants:
        is_form = each.server.request is upload_request
        base = by_name.get(EXPORTED[is_form]) or by_name.get(OURS[is_form])
        found.append(None if base is each else base)
    return found


def latency_table(contestants: list[Contestant]) -> str:
    lines = [
        "",
        "| one client | n | p5 ms | p50 ms | p99 ms | processor ms a request | MB (PSS) "
        "| p5, times ours (95 %) | p50, times ours | p99, times ours |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for each, base in zip(contestants, bases(contestants), strict=True):
        seconds = np.concatenate(each.blocks)
        cells = [""] * 3
        if base:
            cells = [
                "{:.2f} ({:.2f} to {:.2f})".format(*ratio(each.blocks, base.blocks, share))
                for share in (5, 50, 99)
            ]
        lines.append(
            f"| {each.server.name} | {len(seconds):,} | {percentile(seconds, 5):.3f} | "
            f"{percentile(seconds, 50):.3f} | {percentile(seconds, 99):.3f} | "
            f"{1000 * each.processor / len(seconds):.2f} | "
            f"{proportional(each.server.process.pid):.0f} | {' | '.join(cells)} |"
        )
    return "\n".join(lines)


def throughput_table(contestants: list[Contestant], chosen: argparse.Namespace) -> str:
    lines = [
        "",
        f"| arrivals at random, 64 connections | highest rate with p99 <= {chosen.bound:g} ms, "
        "median (range) | ours, times that | p50 ms there | client's share of a core |",
        "|---|---|---|---|---|",
    ]
    for each, base in zip(contestants, bases(contestants), strict=True):
        rates = [one.rate for one in each.best]
        middle = each.best[int(np.argsort(rates)[len(rates) // 2])]
        cell = ""
        if base:
            pairs = zip(base.best, each.best, strict=True)
            gains = [mine.rate / theirs.rate for mine, theirs in pairs]
            cell = f"{np.median(gains):.2f} ({min(gains):.2f} to {max(gains):.2f})"
        lines.append(
            f"| {each.server.name} | {middle.rate:,.0f} ({min(rates):,.0f} to {max(rates):,.0f}) | "
            f"{cell} | {middle.p50:.1f} | {middle.share:.0%} |"
        )
    return "\n".join(lines)


def conditions(chosen: argparse.Namespace, expected: Expected) -> str:
    """Commit, versions, hardware and load."""
    git = ["git", "-C", str(material.ROOT), "describe", "--always", "--dirty=+", "--exclude=*"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    names = ["torch", "uvicorn", "starlette", "fastapi", "litserve", "uvloop", "httptools"]
    code = (
        "import importlib.metadata as m, json, sys\n"
        "found = {d.metadata['Name'].lower(): d.version for d in m.distributions()}\n"
        "print(json.dumps({n: found[n] for n in sys.argv[1:] if n in found}))"
    )
    versions = []
    for about, python in (("ours", sys.executable), ("peers", chosen.peers)):
        if python:
            done = subprocess.run([python, "-c", code, *names], capture_output=True, check=True)
            found = json.loads(done.stdout)
            versions.append(f"{about}: " + ", ".join(f"{k} {v}" for k, v in found.items()))
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    processor = next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    size = np.mean([path.stat().st_size for path in expected.paths]) / 1000
    return (
        f"## Serving {chosen.run.name}, {date.today()} {time.strftime('%H:%M')}\n\n"
        f"Commit {commit}, Python {platform.python_version()}; {'; '.join(versions)}; {processor}, "
        f"{os.cpu_count()} cores, {chosen.threads} thread for each server's network; load at the "
        f"start {os.getloadavg()[0]:.1f}. {len(expected.paths)} pictures of {size:.1f} kB."
    )


if __name__ == "__main__":
    main()
