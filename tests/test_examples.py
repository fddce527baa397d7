"""The examples run from any folder and write what they say."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize(
    ("arguments", "said", "pictures"),
    [
        (["matrix_inverse.py", "500"], "Adam", ["matrix_inverse.png"]),
        (["optimizer_race.py"], "Adam", ["optimizer_race.png", "optimizer_race_one.png"]),
        (["scikit_learn.py", "240"], "learning curve", ["scikit_learn.png"]),
    ],
)
def test_an_example_runs(tmp_path, arguments, said, pictures):
    command = [sys.executable, str(EXAMPLES / arguments[0]), *arguments[1:]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert said in done.stdout
    for picture in pictures:
        assert (tmp_path / picture).read_bytes()[:4] == b"\x89PNG"
