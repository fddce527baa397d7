"""Tests of endurance of the server, each with servers that must fail it.

    PYTHONPATH=. python benchmarks/soak.py RUN [--only stopping ...] [--full] [--set rate=100]
    PYTHONPATH=. python benchmarks/soak.py RUN --controls

Every answer is held against the one without a server; requests arrive whether or not earlier ones
were answered. `--controls` runs each test against a server that only knows the answers: without a
fault it must pass, and with each fault of its list it must fail. One line for each test goes to
stdout, with its numbers; the exit code is 1 where one did not pass.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import inspect
import os
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from serving_load import material, servers
from serving_load.expected import Expected
from serving_load.servers import Server
from serving_soak import (
    dripping,
    endurance,
    killing,
    malformed,
    overload,
    parity,
    stopping,
    swapping,
)
from serving_soak.setting import Setting, Verdict

PICTURES = 256  # that the load is made of


@dataclass(frozen=True)
class Test:
    """One kind of strain, and how the understudy is to be set up for it."""

    run: Callable[..., Coroutine[Any, Any, Verdict]]
    small: dict[str, float]
    full: dict[str, float]
    faults: tuple[str, ...]
    setup: tuple[str, ...] = ()


TESTS = {
    "endurance": Test(endurance.run, endurance.SMALL, endurance.FULL, endurance.FAULTS),
    "overload": Test(
        overload.run,
        overload.SMALL,
        overload.FULL,
        overload.FAULTS,
        ("--service", "0.01", "--queue", "32"),
    ),
    "stopping": Test(stopping.run, stopping.SMALL, stopping.FULL, stopping.FAULTS),
    "killing": Test(
        killing.run, killing.SMALL, killing.FULL, killing.FAULTS, ("--service", "0.002")
    ),
    "dripping": Test(dripping.run, dripping.SMALL, dripping.FULL, dripping.FAULTS),
    "malformed": Test(
        malformed.run, malformed.SMALL, malformed.FULL, malformed.FAULTS, ("--deadline", "3")
    ),
    "swapping": Test(swapping.run, swapping.SMALL, swapping.FULL, swapping.FAULTS),
    "parity": Test(parity.run, parity.SMALL, parity.FULL, parity.FAULTS),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--pictures", type=Path, help="folder; the test pictures of MNIST if none")
    parser.add_argument("--only", nargs="+", choices=TESTS, default=list(TESTS))
    parser.add_argument("--full", action="store_true", help="the counts of a release: hours")
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=NUMBER")
    parser.add_argument("--controls", action="store_true")
    parser.add_argument("--threads", type=int, default=1, help="OMP_NUM_THREADS of the server")
    parser.add_argument("--serve", nargs=argparse.REMAINDER, default=[], help="for `ken serve`")
    parser.add_argument("--work", type=Path, default=Path("runs/serving"))
    chosen = parser.parse_args()
    settings = {name: float(value) for name, _, value in (one.partition("=") for one in chosen.set)}
    setting, known = prepare(chosen)
    is_good = True
    for name in chosen.only:
        test = TESTS[name]
        takes = inspect.signature(test.run).parameters
        options = {**(test.full if chosen.full else test.small)}
        options |= {key: value for key, value in settings.items() if key in takes}
        if not chosen.controls:
            is_good = report(name, test, setting, options, should_pass=True) and is_good
            continue
        for fault in ("none", *test.faults):
            more = [*test.setup, "--fault", fault, "--model", str(setting.model)]
            false = Setting(
                **{
                    **vars(setting),
                    "launch": partial(
                        servers.understudy, known[name == "parity"], chosen.work, *more
                    ),
                }
            )
            title = f"{name} of a server that has the fault {fault}"
            kept = report(title, test, false, options, should_pass=fault == "none")
            is_good = kept and is_good
    return 0 if is_good else 1


def prepare(chosen: argparse.Namespace) -> tuple[Setting, list[list[Path]]]:
    """Pictures, their answers by two models, and a copy of the run whose model may be replaced."""
    work = chosen.work.resolve()
    pictures = (chosen.pictures or material.digits(work)).resolve()
    run = material.copy_of_run(chosen.run, work / "run")
    first = work / "first.safetensors"
    first.write_bytes(material.model_file(chosen.run).read_bytes())
    second = material.other_model(first, work / "second.safetensors")
    everything = material.answers(first, pictures, work)
    others = material.answers(second, pictures, work)
    places = everything.distinct(PICTURES)
    models: list[tuple[Path, Expected]] = [
        (first, everything.only(places)),
        (second, others.only(places)),
    ]
    known = []
    for about, each in (("few", models), ("all", [(first, everything), (second, others)])):
        known.append([work / f"{about}-{number}.npz" for number in range(2)])
        for path, (_, answers) in zip(known[-1], each, strict=True):
            answers.write(path)

    def launch() -> Server:
        return servers.kenspeckle(run, work, threads=chosen.threads, more=chosen.serve)

    return Setting(
        launch=launch,
        expected=models[0][1],
        everything=everything,
        model=material.model_file(run),
        models=tuple(models),
    ), known


def report(
    title: str, test: Test, setting: Setting, options: dict[str, float], *, should_pass: bool
) -> bool:
    """Run one test and print what it found; whether that is what it should."""
    setting.model.write_bytes(setting.models[0][0].read_bytes())
    gc.collect()
    gc.freeze()
    began = time.monotonic()
    try:
        verdict = asyncio.run(test.run(setting, **options))
    except (OSError, RuntimeError, ValueError, KeyError, AssertionError) as error:
        verdict = Verdict(numbers={}, reasons=(f"{type(error).__name__}: {error}",))
    word = "passed" if verdict.passed else "FAILED"
    if not should_pass:
        word = "found out" if not verdict.passed else "NOT FOUND OUT"
    numbers = "; ".join(f"{name} {value}" for name, value in verdict.numbers.items())
    print(
        f"{title}: {word} in {time.monotonic() - began:.0f} s, load {os.getloadavg()[0]:.1f}; "
        f"{numbers}",
        flush=True,
    )
    for reason in verdict.reasons:
        print(f"    {reason}", flush=True)
    return verdict.passed == should_pass


if __name__ == "__main__":
    sys.exit(main())
