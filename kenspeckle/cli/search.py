"""`ken search`: search for better settings of a recipe."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kenspeckle.cli.output import console, print_json
from kenspeckle.cli.search_view import SearchView
from kenspeckle.cli.signals import DECODED, StopOnSignal, advising

if TYPE_CHECKING:
    from kenspeckle.searching.records import SearchResult


def search(
    source: str = "mnist",
    folder: Path | None = None,
    /,
    *,
    recipe: str = "",
    try_: tuple[str, ...] = (),
    space: Path | None = None,
    method: Literal["bayes", "random", "grid"] = "bayes",
    trials: int | None = None,
    minutes: float = 0,
    folds: int | None = None,
    storage: str = "",
    json: bool = False,
) -> int:
    """Search for better settings: validation chooses, the test split is opened once, at the end.

    The same command goes on with a search that was stopped or killed.

    Parameters
    ----------
    source
        a name such as mnist, or a path, as for ken train [mnist]
    folder
        of the search, to make or to go on with [searches/SOURCE-RECIPE]
    recipe
        where the search begins [the one that suits the source]
    try_
        values of a setting, KEY=a,b,c or KEY=low..high or KEY=low..high(log); a single one holds
        for all, such as threads=1; may be given again [what suits the recipe]
    space
        the same as a TOML file, with lists and tables of low, high and log
    method
        how the next values are chosen [bayes]
    trials
        trainings in all [20, the grid, or what the minutes allow]
    minutes
        for everything, the winner included
    folds
        tell each trial by so many folds instead of the validation split [as ken train]
    storage
        a database URL that several machines search with; each has a folder of its own
    json
        print one JSON document as the last line
    """
    with closing(SearchView(console(quiet=json))) as view, StopOnSignal(view.say) as stop:
        with advising(lambda: DECODED):
            heard = stop.hearing(view.working)
            from kenspeckle.config import from_dict
            from kenspeckle.errors import ConfigError
            from kenspeckle.searching.conducting import searching
            from kenspeckle.searching.config import SearchConfig
            from kenspeckle.searching.drawing import write_figures
            from kenspeckle.searching.space import fixed_apart, read_space, typed

            stop.loaded()
            settings, asked = fixed_apart({**(read_space(space) if space else {}), **typed(try_)})
            if trials is not None and trials < 1:
                raise ConfigError(f"--trials must be at least 1, got {trials}")
            limits = {"method": method, "minutes": minutes, "storage": storage}
            limits |= {} if trials is None else {"trials": trials}
            plan = from_dict(SearchConfig, limits)
            events = searching(
                source,
                recipe=recipe,
                settings=(*settings, *([] if folds is None else [f"splits.folds={folds}"])),
                space=asked,
                plan=plan,
                out=folder,
                stop=stop,
                progress=heard,
            )
            for event in events:
                view.show(event)
        result = view.result
        files = [str(file) for file in write_figures(result)]
        view.wrote(files)
        if json:
            print_json({**_document(result), "files": files})
        return stop.exit_code if result.state == "interrupted" else 0


def _document(result: SearchResult) -> dict[str, object]:
    found = result.document
    return {**found, "leaderboard": [trial.number for trial in result.leaderboard]}
