"""Sheets of pictures: every picture is whole and undistorted."""

import numpy as np

from kenspeckle.pages.mistake_sheet import Mistake, mistake_sheet
from kenspeckle.pages.squares import shortened, square


def test_a_wide_picture_keeps_its_sides():
    wide = np.zeros((10, 40, 1), dtype=np.uint8)
    drawn = np.asarray(square(wide, 80))
    assert drawn.shape == (80, 80, 3)
    black = (drawn == 0).all(axis=2)
    assert black.sum() == 20 * 80 and black[30:50].all()


def test_a_mistake_is_drawn_as_it_is():
    wide = np.zeros((10, 40, 3), dtype=np.uint8)
    mistake = Mistake(image=wide, label="a", predicted="b", probability=0.9)
    sheet = mistake_sheet([mistake], title="")
    black = (sheet[44:128, 16:100] == 0).all(axis=2)
    assert black.sum() == 21 * 84


def test_a_name_is_cut_and_what_no_font_draws_is_a_question_mark():
    assert shortened("abcdef", 4) == "abc…"
    assert shortened("a\x00b", 4) == "a?b"
