"""`ken train`: train a classifier and watch it learn."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from kenspeckle.cli.evaluation_view import temperature_line
from kenspeckle.cli.output import console, print_json
from kenspeckle.cli.signals import DECODED, StopOnSignal, advising
from kenspeckle.cli.train_seeds import train_seeds
from kenspeckle.views.terminal import TerminalView

if TYPE_CHECKING:
    from kenspeckle.events import Ended


def train(
    source: str = "",
    /,
    *,
    recipe: str = "",
    set: tuple[str, ...] = (),
    model: str = "",
    config: Path | None = None,
    seed: int | None = None,
    seeds: int | None = None,
    out: Path | None = None,
    resume: Path | None = None,
    balance: bool = False,
    json: bool = False,
) -> int:
    """Train a classifier on labelled pictures; without anything else, on the bundled MNIST.

    Parameters
    ----------
    source
        a name such as mnist, or a path: pictures in folders, an archive, a table, IDX, ... [mnist]
    recipe
        swift, transfer or any other; a wrong name lists them all [the one that suits the source]
    model
        a network by name, such as resnet-18, instead of the recipe's
    set
        one setting, such as train.epochs=3; may be given again
    config
        a TOML file, such as the config.toml of another run, instead of a recipe
    seed
        decides every random choice [0]
    seeds
        train so many runs, with the seeds from 0 on, several at once
    out
        the folder to make, of the run or around those of all seeds [runs/SOURCE-RECIPE-NUMBER]
    resume
        a run folder to go on with; everything else is then taken from it
    balance
        let all classes count alike in the loss, however few pictures they have
    json
        print one JSON document as the last line
    """
    set = (*set, *(["train.balance=classes"] if balance and not resume else []))
    if seeds is not None:
        _require_seeds(seed, seeds, resume)
        from kenspeckle.recipes.choice import choose

        chosen = partial(choose, source, recipe=recipe, model=model, settings=set, file=config)
        return train_seeds(chosen, seeds, out=out, json=json)
    with closing(TerminalView(console(quiet=json))) as view, StopOnSignal(view.say) as stop:
        with advising(lambda: _advice(view, resume)):
            progress = stop.hearing(view.working)
            if resume:
                _require_alone(
                    source=source,
                    recipe=recipe,
                    model=model,
                    set=set,
                    config=config,
                    seed=seed,
                    out=out,
                    balance=balance or None,
                )
            elif out is not None:
                from kenspeckle.run_folder import refuse_taken

                refuse_taken(out)  # before seconds of reading data
            from kenspeckle.runs import resuming, training
            from kenspeckle.training import Epoch

            stop.loaded()
            if resume:
                events = resuming(resume, stop=stop, progress=progress)
            else:
                from kenspeckle.recipes.choice import choose

                choice = choose(
                    source,
                    recipe=recipe,
                    model=model,
                    settings=set,
                    file=config,
                    seed=seed,
                    progress=progress,
                )
                events = training(
                    choice.config, out=out, stop=stop, progress=progress, notes=choice.notes
                )
            for event in events:
                view.show(event)
                if isinstance(event, Epoch):
                    stop()  # from the first step on there is something to save
        ended = view.ended
        if ended.temperature:
            line = temperature_line(asdict(ended.temperature))
            console(quiet=json).print(line)
        if json:
            stages, folds = (
                [asdict(part) for part in parts] for parts in (view.stages, view.folds)
            )
            print_json({**_document(ended), "stages": stages, "folds": folds})
        return stop.exit_code if ended.state == "interrupted" else 0


def _advice(view: TerminalView, resumed: Path | None) -> str:
    """How to go on where there was nothing to save yet."""
    run = resumed or view.run
    return f"go on with: ken train --resume {run}" if run else DECODED


def _require_seeds(seed: int | None, seeds: int, resume: Path | None) -> None:
    from kenspeckle.errors import ConfigError

    if resume:
        raise ConfigError(
            "--resume goes on with one run; with --seeds, the same command with the same --out "
            "goes on with all"
        )
    if seed is not None:
        raise ConfigError("--seed is for one run, --seeds for several; leave out one of them")
    if seeds < 1:
        raise ConfigError(f"--seeds must be 1 or more, got {seeds}")


def _require_alone(**others: object) -> None:
    from kenspeckle.errors import ConfigError

    given = [name for name, value in others.items() if value not in ("", (), None)]
    if given:
        raise ConfigError(
            f"--resume takes everything from the run; leave out {', '.join(given)} "
            "or train anew without --resume"
        )


def _document(ended: Ended) -> dict[str, object]:
    best = ended.best if ended.epochs else None
    interval = best.validation_interval if best else None
    return {
        "run": str(ended.run.path),
        "state": ended.state,
        "source": ended.config.source,
        "recipe": ended.config.recipe,
        "seed": ended.config.seed,
        "epochs": sum(epoch.epoch > 0 for epoch in ended.epochs),
        "steps": ended.step,
        "train_seconds": ended.train_seconds,
        "total_seconds": ended.total_seconds,
        "device": ended.compute.device,
        "precision": ended.compute.precision,
        "model": str(ended.run.path / "model.safetensors") if ended.state == "finished" else "",
        "temperature": asdict(ended.temperature) if ended.temperature else None,
        "validation": {
            "accuracy": best.validation_accuracy,
            "n": best.validation_n,
            "interval": [interval.low, interval.high],
        }
        if best and interval
        else None,
    }
