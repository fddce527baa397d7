"""Text of strangers on the screen: it is shown, and steers nothing."""

import io

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kenspeckle.views.screen import Screen

HOSTILE = "zero\x1b[2J\x1b]0;pwned\x07\x9b31m\u202eone\rtwo"


def shown(kind, what):
    screen = kind(file=io.StringIO(), width=200)
    screen.print(what)
    return screen.file.getvalue()


def in_a_table(text):
    table = Table("label", "probability")
    table.add_row(Text(text), "90 %")
    return table


@pytest.mark.parametrize("wrapped", [Text, in_a_table], ids=["text", "table"])
def test_control_characters_are_shown_and_not_obeyed(wrapped):
    found = shown(Screen, wrapped(HOSTILE))
    assert r"zero\x1b[2J\x1b]0;pwned" in found
    assert all(letter.isprintable() or letter == "\n" for letter in found)


def test_control_without_the_screen_they_would_be_obeyed():
    assert "\x1b[2J" in shown(Console, Text(HOSTILE))


@pytest.mark.parametrize("text", ["Größe 5 µm", "猫\u3000犬", "na\u00a0so", "a\nb"])
def test_letters_and_spaces_of_all_languages_stay(text):
    assert shown(Screen, Text(text)) == f"{text}\n"


def test_colours_of_rich_itself_stay():
    screen = Screen(file=io.StringIO(), force_terminal=True, width=80, color_system="standard")
    screen.print(Text("red \x1b[2J", style="red"))
    assert screen.file.getvalue() == "\x1b[31mred \\x1b[2J\x1b[0m\n"
