"""Who may watch a training, and how one is named."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal, Protocol, get_args

from kenspeckle.errors import ConfigError, unknown_name

if TYPE_CHECKING:
    from kenspeckle.events import Event

ViewName = Literal["auto", "none", "notebook", "terminal"]


class View(Protocol):
    """Sees a training while it goes on."""

    def working(self, what: str, done: int, total: int) -> None:
        """Work before the first step has come so far; `total` is 0 where it is not known."""

    def show(self, event: Event) -> None:
        """Show what `event` is about."""

    def close(self) -> None:
        """Show no more, also after an error."""


class NoView:
    """Shows nothing."""

    def working(self, what: str, done: int, total: int) -> None:
        """Nothing is shown of it."""

    def show(self, event: Event) -> None:
        """Nothing is shown of it."""

    def close(self) -> None:
        """There is nothing to close."""


def open_view(name: ViewName) -> View:
    """The view `name`; "auto" is "notebook" in one, and "none" anywhere else.

    Raises `ConfigError` for another name, and for "notebook" where there is no IPython.
    """
    if name not in get_args(ViewName):
        raise ConfigError(unknown_name("view", name, get_args(ViewName)))
    if name == "notebook" or (name == "auto" and in_notebook()):
        # here, because a program without a view needs neither IPython, rich nor matplotlib
        try:
            from kenspeckle.views.notebook import NotebookView
        except ImportError as error:
            raise ConfigError(
                "the view notebook needs IPython, which every notebook has; "
                "use terminal or none elsewhere"
            ) from error
        return NotebookView()
    if name == "terminal":
        from kenspeckle.views.screen import Screen
        from kenspeckle.views.terminal import TerminalView

        return TerminalView(Screen(highlight=False))
    return NoView()


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    interactive = sys.modules.get("IPython")  # a kernel has imported it
    shell = interactive.get_ipython() if interactive else None
    return shell is not None and hasattr(shell, "kernel")
