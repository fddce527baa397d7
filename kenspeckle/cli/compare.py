"""`ken compare`: which of several recipes is better, if that can be told."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kenspeckle.cli.many_view import ManyView
from kenspeckle.cli.output import console, print_json
from kenspeckle.cli.signals import DECODED, StopOnSignal, advising

if TYPE_CHECKING:
    from kenspeckle.standing import Pair, Standing


def compare(
    *contenders: str,
    seeds: str = "5",
    most: int = 20,
    set: tuple[str, ...] = (),
    split: Literal["validation", "test"] = "validation",
    out: Path | None = None,
    figure: Path | None = None,
    json: bool = False,
) -> int:
    """Tell which of several recipes is better, over the same splits and seeds.

    Parameters
    ----------
    contenders
        two or more recipes or run folders, and the source last: swift blink mnist
    seeds
        how often each is trained; auto goes on until two are told apart [5]
    most
        seeds after which auto gives up [20]
    set
        one setting for all, such as train.epochs=3; may be given again
    split
        which part of the data tells; looks at test are counted [validation]
    out
        the folder for the runs; a repeat goes on there [runs/compare-SOURCE]
    figure
        a PNG file for the differences seed by seed
    json
        print one JSON document as the last line
    """
    from kenspeckle.errors import ConfigError

    if len(contenders) < 3:
        raise ConfigError("name two recipes or run folders and a source: swift blink mnist")
    if seeds != "auto" and not seeds.isdecimal():
        raise ConfigError(f"--seeds must be a number or auto, got {seeds!r}")
    *names, source = contenders
    screen = console(quiet=json)
    with StopOnSignal() as stop:
        with closing(ManyView(screen)) as view, advising(lambda: DECODED):
            from kenspeckle.contest import Compared, comparing

            stop.loaded()
            last: object = None
            for last in comparing(
                names,
                source=source,
                seeds="auto" if seeds == "auto" else int(seeds),
                most=most,
                split=split,
                settings=set,
                out=out,
                stop=stop,
                progress=stop.hearing(view.working),
            ):
                if not isinstance(last, Compared):
                    view.show(last)
        assert isinstance(last, Compared)
        if last.standing is None:
            screen.print(f"{len(last.ended.runs)} runs are finished; the same command goes on")
            return stop.exit_code
    _print(screen, last.standing, last.folder)
    if figure:
        from kenspeckle.figures.style import png
        from kenspeckle.storage import write_file

        write_file(figure, png(last.standing.figure()))
    if json:
        print_json(_document(last.standing, last.folder))
    return 0


def _print(screen: Console, found: Standing, folder: Path) -> None:
    table = Table(box=None, header_style="dim", pad_edge=False)
    columns = ["", f"mean {found.split} accuracy", "sd over seeds", f"{found.seeds} seeds", "group"]
    for number, title in enumerate(columns if len(found.names) > 2 else columns[:-1]):
        table.add_column(title, justify="right" if number in (1, 2) else "left")
    letters = "abcdefghijklmnopqrstuvwxyz"
    for index in found.order:
        name, values = found.names[index], found.accuracies[index]
        mean = sum(values) / len(values)
        spread = (sum((value - mean) ** 2 for value in values) / max(1, len(values) - 1)) ** 0.5
        cells = [f"{mean:.2%}", f"{spread * 100:.2f}" if len(values) > 1 else "-"]
        cells.append(" ".join(f"{value * 100:.2f}" for value in values))
        if len(found.names) > 2:
            of = [letters[i % 26] for i, group in enumerate(found.groups) if name in group]
            cells.append("".join(of))
        table.add_row(Text(name), *cells)
    screen.print(table)
    for pair in found.pairs:
        screen.print(Text(pair.verdict, style="bold"))
        screen.print(Text(f"  {_tests(found, pair)}", style="dim"))
    if len(found.names) > 2:
        screen.print("those that share a letter are not distinguishable (Holm, 5 % for all pairs)")
    screen.print(Text(found.claim))
    if found.openings:
        times = "once" if found.openings == 1 else f"up to {found.openings} times"
        screen.print(f"the test split of these runs was opened {times}")
    screen.print(f"the runs are in {folder}")


def _tests(found: Standing, pair: Pair) -> str:
    one = pair.comparison
    by_holm = " (Holm)" if len(found.pairs) > 1 else ""
    rule = f", limits for up to {one.planned} seeds" if one.planned else ""
    disagreed = [item.gained + item.lost for item in one.items]
    return (
        f"over {one.seeds} seeds: paired t p={pair.adjusted:.2g}{by_holm}{rule}, "
        f"permutation p={one.permutation:.2g}; over {one.n:,} pictures: McNemar "
        f"p={one.item_p_value:.2g} ({min(disagreed)} to {max(disagreed)} told differently)"
    )


def _document(found: Standing, folder: Path) -> dict[str, object]:
    leading = _pair(found.leading)
    return {
        **{key: leading[key] for key in ("difference", "interval", "verdict")},
        "seeds": found.seeds,
        "first": leading["first"],
        "second": leading["second"],
        "sentence": leading["sentence"],
        "claim": found.claim,
        "source": found.source,
        "split": found.split,
        "n": found.n,
        "openings": found.openings,
        "leaderboard": [
            {"name": found.names[index], "accuracies": list(found.accuracies[index])}
            for index in found.order
        ],
        "groups": [list(group) for group in found.groups],
        "pairs": [_pair(pair) for pair in found.pairs],
        "folder": str(folder),
    }


def _pair(pair: Pair) -> dict[str, object]:
    found = pair.comparison
    wide = found.generalised
    return {
        "first": pair.first,
        "second": pair.second,
        "difference": found.difference,
        "interval": [found.interval.low, found.interval.high] if found.interval else None,
        "interval_other_pictures": [wide.low, wide.high] if wide else None,
        "verdict": found.verdict,
        "sentence": pair.verdict,
        "differences": found.differences.tolist(),
        "deviation": found.deviation if found.seeds > 1 else None,
        "p": pair.adjusted,
        "permutation_p": found.permutation,
        "mcnemar_p": found.item_p_value,
        "mcnemar": [
            {"gained": item.gained, "lost": item.lost, "p": item.p_value} for item in found.items
        ],
        "visible": found.visible,
        "needed": found.needed if found.seeds > 1 else None,
        "planned": found.planned,
    }
