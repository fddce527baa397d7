"""Overlays: what is zero lets the picture through, and sheets have a cell for every map."""

import numpy as np

from kenspeckle.figures.overlays import map_sheet, number_sheet, overlay


def test_zero_is_transparent_and_signs_have_colours_of_their_own():
    values = np.array([[-1.0, 0.0, 1.0]])
    blue, nothing, red = overlay(values, signed=True)[0]
    assert nothing[3] == 0
    assert red[3] == blue[3] == 255
    assert red[0] > red[2]
    assert blue[2] > blue[0]


def test_a_flat_map_hides_nothing():
    assert not overlay(np.zeros((4, 4)), signed=True)[..., 3].any()
    assert not overlay(np.zeros((4, 4)), signed=False)[..., 3].any()


def test_amounts_cover_the_picture_where_they_are_largest_and_never_wholly():
    alpha = overlay(np.linspace(0, 1, 100).reshape(10, 10), signed=False)[..., 3].ravel()
    assert (np.diff(alpha.astype(int)) >= 0).all()
    assert 200 < alpha.max() < 255


def test_a_sheet_has_a_cell_for_each_map_and_gaps_between_them():
    sheet = map_sheet(np.ones((10, 16, 16), dtype=np.float32), across=8)
    assert sheet.shape == (2 * 16 + 1, 8 * 16 + 7, 4)
    assert not sheet[16, :, 3].any()
    assert sheet[:16, :16, 3].all()
    assert not sheet[17:, 2 * 17 :, 3].any()  # eight and two


def test_large_maps_are_reduced_and_small_ones_enlarged():
    assert map_sheet(np.ones((1, 112, 56), dtype=np.float32)).shape == (32, 16, 4)
    assert map_sheet(np.ones((1, 3, 3), dtype=np.float32)).shape == (12, 12, 4)


def test_numbers_stand_in_rows_of_thirty_two():
    sheet = number_sheet(np.arange(40, dtype=np.float32))
    assert sheet.shape == (2 * 12 + 1, 32 * 12 + 31, 4)
