"""What a person at a terminal sees of `ken train`: in a real pseudo-terminal, of any width."""

import functools
import re

import numpy as np
import pytest
from conftest import SMALL, noise
from pseudo_terminal import Screen, Terminal

from kenspeckle.cli.main import main

SETTINGS = [part for setting in SMALL for part in ("--set", setting)]
PARTS = (
    r"epoch \d+ of 5 +━",
    r"about \d+ s left",
    r"loss [▁-█]+ \d",
    r"[\d,]+ images/s",
    r"validation \d\d\.\d\d %",
    r"\(\d\d\.\d\d to \d\d\.\d\d, n=\d+\)",
    r"best \d\d\.\d\d % of epoch",
)
COLOUR = re.compile(r"\x1b\[[\d;]*(3\d|9\d|4\d)m")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Pictures for some tenths of a second of training in each epoch."""
    path, data = tmp_path_factory.mktemp("source") / "noise.npz", noise(1500)
    np.savez(path, images=data.images, labels=data.labels)
    return path


@pytest.fixture(scope="module")
def train(tmp_path_factory, source):
    """Start `ken train` in a terminal."""
    begun = []

    def start(*, columns=80, epochs=5, **environment):
        folder = tmp_path_factory.mktemp("terminal")
        command = ["train", source, *SETTINGS, "--set", f"train.epochs={epochs}", "--out", "run"]
        begun.append(Terminal(command, columns=columns, cwd=folder, **environment))
        return begun[-1]

    yield start
    for terminal in begun:
        terminal.close()


@pytest.fixture(scope="module")
def ended(train):
    """After a training in a terminal of so many columns."""
    return functools.cache(lambda columns: train(columns=columns).read())


SLOW_WIDTHS = [pytest.param(columns, marks=pytest.mark.slow) for columns in (80, 160)]


@pytest.mark.parametrize("columns", [40, *SLOW_WIDTHS])
def test_the_view_fits_and_leaves_only_the_lines_that_stay(ended, columns):
    terminal = ended(columns)
    screen = terminal.screen
    assert terminal.code == 0
    assert screen.overflows == []
    assert screen.cursor_is_visible
    shown = "\n".join(screen.shown)
    for part in PARTS:
        assert re.search(part, shown), part
    left = "\n".join(screen.lines)
    assert "images/s" not in left and " left" not in left
    assert "test it once: ken evaluate" in " ".join(left.split())


def test_a_line_that_is_too_wide_would_be_noticed():
    assert Screen(10).feed("\x1b[1m0123456789\x1b[0m\r\n").overflows == []
    assert Screen(10).feed("01234567890\r\n").overflows == ["01234567890"]


def test_no_color_is_respected(train):
    assert not COLOUR.search(train(NO_COLOR="1", epochs=2).read().raw)


def test_there_are_colours_otherwise(ended):
    assert COLOUR.search(ended(40).raw)


def test_a_terminal_without_blocks_gets_letters(train):
    terminal = train(PYTHONUTF8="0", PYTHONIOENCODING="ascii", epochs=3).read()
    assert terminal.code == 0 and terminal.raw.isascii()
    assert re.search(r"loss [_.=+*#@-]+ \d", "\n".join(terminal.screen.shown))


def test_the_first_interrupt_says_what_it_does_and_gives_the_cursor_back(train):
    terminal = train(epochs=1000).read(until=" images/s")
    assert not terminal.screen.cursor_is_visible
    terminal.interrupt()
    terminal.read()
    assert terminal.code == 130
    assert terminal.screen.cursor_is_visible
    assert any("saving a checkpoint" in line for line in terminal.screen.shown)
    assert "go on with: ken train --resume run" in "\n".join(terminal.screen.lines)


def test_the_second_interrupt_gives_the_cursor_back_too(train):
    terminal = train(epochs=1000).read(until=" images/s")
    terminal.interrupt()
    terminal.interrupt()
    terminal.read()
    assert terminal.code == 130
    assert terminal.screen.cursor_is_visible


def test_a_terminal_that_can_only_print_gets_only_the_lines_that_stay(train):
    assert "\x1b" not in train(TERM="dumb", epochs=2).read().raw


def test_no_control_sequence_reaches_a_file(capsys, tmp_path, source):
    assert main(["train", str(source), *SETTINGS, "--out", str(tmp_path / "run")]) == 0
    printed = capsys.readouterr()
    assert "\x1b" not in printed.out + printed.err and " left" not in printed.out
