"""Every kind of picture file gives the pixels that its format means, to training and prediction."""

import numpy as np
import pytest
from colour_cases import CASES, add_jpeg, add_png
from more_colour_cases import add_bmp, add_gif, add_tiff, add_webp

import kenspeckle as ks
from kenspeckle.data.decode import decode, read_picture

for add in (add_png, add_jpeg, add_gif, add_bmp, add_webp, add_tiff):
    add()


def wanted(name):
    """The expected array as (H, W, C)."""
    expected = np.asarray(CASES[name][1])
    return expected if expected.ndim == 3 else expected[..., np.newaxis]


def test_there_are_as_many_kinds_as_we_say():
    assert len(CASES) >= 120


@pytest.mark.parametrize("name", CASES)
def test_pixels_are_exact(name):
    found = decode(CASES[name][0], name="x")
    assert found.dtype == np.uint8
    assert found.shape == wanted(name).shape
    assert np.array_equal(found, wanted(name))


def saved(folder):
    """A file for each case, in their order; the suffix is that of another format for most."""
    paths = [folder / f"{number:03}.png" for number in range(len(CASES))]
    for path, (data, _) in zip(paths, CASES.values(), strict=True):
        path.write_bytes(data)
    return paths


def test_a_file_gives_the_pixels_of_its_bytes(tmp_path):
    paths = saved(tmp_path)
    differ = [
        name
        for name, path in zip(CASES, paths, strict=True)
        if not np.array_equal(read_picture(path), wanted(name))
    ]
    assert differ == []


def test_prediction_uses_the_same_pixels(tmp_path, run):
    said = ks.predict(ks.load(run.model_file), saved(tmp_path))
    differ = [
        name
        for name, prediction in zip(CASES, said, strict=True)
        if not np.array_equal(prediction.picture, wanted(name))
    ]
    assert differ == []


def test_the_control_no_case_is_so_flat_that_mirrored_pixels_would_pass():
    symmetric = [
        name
        for name in CASES
        if min(wanted(name).shape[:2]) > 1
        and any(np.array_equal(wanted(name), np.flip(wanted(name), axis)) for axis in (0, 1))
    ]
    assert symmetric == ["JPEG 17 x 5", "JPEG 33 x 31"]
