"""`ken train`: train a classifier and watch it learn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kenspeckle.cli.output import console, print_json
from kenspeckle.cli.signals import StopOnSignal
from kenspeckle.views.terminal import TerminalView

if TYPE_CHECKING:
    from kenspeckle.events import Ended, Event
    from kenspeckle.settings import RunConfig


def train(
    source: str = "",
    /,
    *,
    recipe: str = "",
    set: tuple[str, ...] = (),
    model: str = "",
    config: Path | None = None,
    seed: int | None = None,
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
    out
        the run folder to make [runs/SOURCE-RECIPE-NUMBER]
    resume
        a run folder to go on with; everything else is then taken from it
    balance
        let all classes count alike in the loss, however few pictures they have
    json
        print one JSON document as the last line
    """
    with closing(TerminalView(console(quiet=json))) as view, StopOnSignal(view.say) as stop:
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
            events = _resumed(resume, stop, view)
        else:
            set = (*set, *(["train.balance=classes"] if balance else []))
            chosen, notes = _chosen(source, recipe, model, set, config, seed, view)
            events = _begun(chosen, notes, out, stop, view)
        for event in events:
            view.show(event)
        ended = view.ended
        if json:
            print_json({**_document(ended), "stages": [asdict(stage) for stage in view.stages]})
        return stop.exit_code if ended.state == "interrupted" else 0


def _chosen(
    source: str,
    recipe: str,
    model: str,
    settings: tuple[str, ...],
    file: Path | None,
    seed: int | None,
    view: TerminalView,
) -> tuple[RunConfig, tuple[str, ...]]:
    """The configuration that the arguments ask for, and notes; a flag wins over a file."""
    from kenspeckle.config import load, override
    from kenspeckle.errors import ConfigError
    from kenspeckle.models.presets import preset
    from kenspeckle.recipes.catalog import build_recipe
    from kenspeckle.recipes.choice import Choice, recipe_for
    from kenspeckle.settings import RunConfig

    if file and recipe:
        raise ConfigError("--config and --recipe exclude each other; give one of them")
    choice = Choice(recipe=recipe, notes=())
    if not file and not recipe:
        choice = recipe_for(source, settings, model=model, progress=view.working)
    chosen = load(RunConfig, file) if file else build_recipe(choice.recipe)
    if source:
        chosen = replace(chosen, source=source)
    if model:
        chosen = replace(chosen, model=preset(model))
    chosen = override(chosen, settings)
    chosen = override(chosen, [f"seed={seed}"]) if seed is not None else chosen
    return chosen, choice.notes


def _begun(
    chosen: RunConfig,
    notes: tuple[str, ...],
    out: Path | None,
    stop: StopOnSignal,
    view: TerminalView,
) -> Iterator[Event]:
    from kenspeckle.runs import training

    return training(chosen, out=out, stop=stop, progress=view.working, notes=notes)


def _resumed(run: Path, stop: StopOnSignal, view: TerminalView) -> Iterator[Event]:
    from kenspeckle.runs import resuming

    return resuming(run, stop=stop, progress=view.working)


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
        "validation": {
            "accuracy": best.validation_accuracy,
            "n": best.validation_n,
            "interval": [interval.low, interval.high],
        }
        if best and interval
        else None,
    }
