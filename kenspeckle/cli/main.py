"""The command `ken`: its subcommands, its errors and its exit codes.

Exit codes: 0 good, 1 something that the user can put right or a reproduction that misses what was
asked for, 2 wrong usage, 130 and 143 stopped by SIGINT or SIGTERM (a training that has begun has
then written a checkpoint).
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter

import kenspeckle as ks
from kenspeckle.cli.signals import StopOnSignal, Stopped
from kenspeckle.errors import KenspeckleError
from kenspeckle.foreign_text import visible

app = App(
    name="ken",
    help="From labelled pictures to a classifier that you can trust.",
    version=ks.__version__,
    help_format="plaintext",
    default_parameter=Parameter(negative="", show_default=False),
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
# import strings: the help of one command does not load the others
COMMANDS = {
    "train": "Train a classifier on labelled pictures.",
    "data": "Tell what is in a data set, and what looks wrong.",
    "evaluate": "Measure a run on its test split.",
    "predict": "Name what is in pictures.",
    "diagnose": "Name what is wrong with a run or a source.",
    "report": "Write one page about a run.",
    "compare": "Tell which of several recipes is better, if that can be told.",
    "runs": "List all runs, best first.",
    "search": "Search for better settings of a recipe.",
    "export": "Write a run as one ONNX or .pt2 file that answers alike.",
    "look": "Look inside the network of a run.",
    "serve": "Answer over HTTP with the model of a run.",
    "reproduce": "Carry out the experiments of the seed documents.",
}
for name, text in COMMANDS.items():
    app.command(f"kenspeckle.cli.{name}:{name}", name=name, help=text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # a path may hold bytes that are no text; stderr shows them as \\xff by itself
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with StopOnSignal():
            code = app(arguments, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        print(f"ken: {_usage(error)}", file=sys.stderr)
        return 2
    except KenspeckleError as error:
        print(f"ken: {_one_line(error)}", file=sys.stderr)
        return 1
    except Stopped as stopped:
        print(f"ken: {stopped}", file=sys.stderr)
        return stopped.exit_code
    except BrokenPipeError:  # the reader of our output, such as head, has seen enough
        sys.stderr.close()
        return 1
    return code if isinstance(code, int) else 0


def _usage(error: CycloptsError) -> str:
    # the list of commands that Cyclopts adds breaks off; the help has all
    line = _one_line(error).partition(" Available commands:")[0].rstrip(".")
    command = " ".join(["ken", *(error.command_chain or ()), "--help"])
    return f"{line}{' See' if line.endswith('?') else '; see'} `{command}`"


def _one_line(error: Exception) -> str:
    return visible(" ".join(str(error).split()))


if __name__ == "__main__":
    sys.exit(main())
