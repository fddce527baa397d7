"""How much each setting of a search mattered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from kenspeckle.figures.names import PLAIN, shown
from kenspeckle.figures.style import COLOURS, INK, SMALL, chart

if TYPE_CHECKING:
    from kenspeckle.searching.records import SettingImportance

_MOST = 16  # settings that have room


def setting_importance(found: SettingImportance) -> Figure:
    """A bar for each of the settings that mattered most, with its number."""
    ranked = sorted(found.shares.items(), key=lambda item: -item[1])[:_MOST]
    figure, axes = chart(height=0.28 * len(ranked) + 0.8)
    places = range(len(ranked))
    # of long names the end differs
    axes.set_yticks(places, [shown(name, 24, cut="start") for name, _ in ranked], **PLAIN)
    axes.barh(places, [100 * share for _, share in ranked], color=COLOURS[0], height=0.6)
    for place, (_, share) in enumerate(ranked):
        axes.text(100 * share, place, f" {share:.0%}", va="center", fontsize=SMALL, color=INK)
    axes.set_xlim(0, 115 * max(0.01, ranked[0][1]))
    axes.set_xlabel("share of the variance of the scores, %")
    axes.invert_yaxis()
    return figure
