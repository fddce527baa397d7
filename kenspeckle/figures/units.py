"""Dead and saturated units, two bars for each layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from kenspeckle.figures.names import shown
from kenspeckle.figures.style import COLOURS, FAINT, HAIR, INK, chart, name_above

if TYPE_CHECKING:
    from kenspeckle.explain.units import UnitStates

_DEAD, _SATURATED = COLOURS[1], COLOURS[0]
_ROOMY = 12  # layers that have room for two lines each


def unit_bars(found: UnitStates) -> Figure:
    """From the first layer down to the answers; each bar says its number of units."""
    rows = found.layers
    tall = 0.36 if len(rows) <= _ROOMY else 0.24
    figure, axes = chart(height=tall * len(rows) + 0.75)
    thick = 0.36
    for place, row in enumerate(rows):
        axes.axhline(place + 0.5, color=HAIR, linewidth=0.5, zorder=0)
        entries = [(0.0, row.is_dead, _DEAD)]
        if row.kind.can_saturate:
            entries = [(-thick / 2, row.is_dead, _DEAD), (thick / 2, row.is_saturated, _SATURATED)]
        for shift, units, colour in entries:
            share = float(units.mean())
            axes.barh(place + shift, share, height=thick, color=colour)
            axes.text(
                share + 0.01,
                place + shift,
                f"{int(units.sum()):,} of {len(units):,}" if share else "0",
                va="center_baseline",
                fontsize=7,
                color=INK if share else FAINT,
            )
    names = [shown(row.layer, most=22, cut="start") for row in rows]
    if len(rows) <= _ROOMY:
        names = [f"{name}\n{row.kind.name}" for name, row in zip(names, rows, strict=True)]
    axes.set_yticks(range(len(rows)), names, parse_math=False, color=INK)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, 1.2)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.set_xlabel("share of the units of the layer")
    axes.spines["left"].set_visible(False)
    name_above(figure, {"dead": Patch(color=_DEAD), "saturated": Patch(color=_SATURATED)})
    return figure
