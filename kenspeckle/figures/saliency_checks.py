"""Checks of saliency: curves of deletion and insertion; maps while the weights become random."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from kenspeckle.figures.names import shown
from kenspeckle.figures.pictures import caption, sheet, show
from kenspeckle.figures.saliency import draw_map, spoken
from kenspeckle.figures.style import COLOURS, COLUMN, FAINT, HAIR, INK, SMALL, bare, plain

if TYPE_CHECKING:
    from kenspeckle.explain.pixel_curves import PixelCurves
    from kenspeckle.explain.saliency_checks import SanityCheck

_PICTURES = 3  # of a check with random weights


def pixel_curve_lines(found: PixelCurves) -> Figure:
    """Deletion and insertion side by side; the control is dashed."""
    figure = Figure(figsize=(COLUMN, 2.6 + 0.15 * (len(found.methods) // 3)), layout="constrained")
    panels = (
        ("deleted: lower is better", found.deletion, found.random_deletion),
        ("inserted: higher is better", found.insertion, found.random_insertion),
    )
    drawn = []
    for place, (title, curves, control) in enumerate(panels, start=1):
        axes = figure.add_subplot(1, 2, place)
        axes.grid(color=HAIR, linewidth=0.5)
        axes.set_axisbelow(True)
        shares = 100 * found.shares
        drawn = [
            axes.plot(shares, curve.mean(axis=0), color=COLOURS[n % len(COLOURS)], linewidth=1.4)[0]
            for n, curve in enumerate(curves)
        ]
        drawn += axes.plot(shares, control.mean(axis=0), "--", color=FAINT, linewidth=1.4)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlim(0, 100)
        axes.set_xticks([0, 25, 50, 75])
        axes.set_title(title)
        axes.set_xlabel("% of the pixels")
        if place == 1:
            axes.set_ylabel("probability of the class")
        else:
            axes.tick_params(labelleft=False)
        plain(axes)
    figure.legend(
        drawn,
        [*(spoken(method) for method in found.methods), "random order"],
        loc="outside lower center",
        ncols=3,
        fontsize=SMALL,
        labelcolor=INK,
        frameon=False,
        columnspacing=1.2,
    )
    return figure


def sanity_rows(found: SanityCheck) -> Figure:
    """The trained network above, then a row for each stage: maps, and how alike they are."""
    original = found.original
    count = min(_PICTURES, len(original.images))
    rows = len(found.layers) + 2
    side = 0.62
    width = 1.25 + side * count + 1.6
    figure = sheet(min(COLUMN, width), (side + 0.02) * rows + 0.2, gap=0.015)
    places = figure.add_gridspec(rows, count + 1, width_ratios=[*[side] * count, 1.5])
    names = ["picture", "trained", *(shown(name, most=22, cut="start") for name in found.layers)]
    for row, name in enumerate(names):
        for number in range(count):
            axes = figure.add_subplot(places[row, number])
            image = original.images[number]
            if row == 0:
                show(axes, image)
                caption(axes, shown(original.target_names[number], most=9), size=7)
            else:
                maps = original.maps if row == 1 else found.maps[row - 2]
                draw_map(axes, image, maps[number], signed=original.signed)
            if number == 0:
                axes.set_ylabel(
                    name, rotation=0, ha="right", va="center", fontsize=7, color=INK,
                    parse_math=False,
                )  # fmt: skip
        axes = figure.add_subplot(places[row, count])
        bare(axes)
        axes.set_xlim(-0.05, 1.45)
        axes.set_ylim(-1, 1)
        if row == 0:
            axes.text(0, -0.9, "rank correlation\nwith the trained", fontsize=7, color=FAINT)
            continue
        alike = 1.0 if row == 1 else float(found.correlations[row - 2].mean())
        axes.barh(0, max(alike, 0.0), height=0.5, color=FAINT if row == 1 else COLOURS[0])
        axes.axvline(0, color=HAIR, linewidth=1)
        axes.text(max(alike, 0) + 0.04, 0, f"{alike:.2f}", va="center", fontsize=SMALL, color=INK)
    return figure
