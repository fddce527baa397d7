"""The README's words are true: its code runs, as it stands there."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.fixture
def folder(tmp_path):
    """A folder with what a clone has: the example pictures, and `ken` on the path."""
    shutil.copytree(ROOT / "examples" / "pictures", tmp_path / "examples" / "pictures")
    shutil.copy(ROOT / "examples" / "picture_folder.py", tmp_path / "examples")
    (tmp_path / "bin").mkdir()
    for name, command in (("ken", "-m kenspeckle.cli.main"), ("python", "")):
        program = tmp_path / "bin" / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {command} "$@"\n')
        program.chmod(0o755)
    return tmp_path


def test_the_five_minute_tour_runs_as_written(folder, one_core):
    [tour] = blocks("sh")
    environment = {"PATH": f"{folder / 'bin'}:/usr/bin:/bin", "HOME": str(folder)}
    done = subprocess.run(
        ["sh", "-ec", tour], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "untouched" in done.stdout and (folder / "seen.png").is_file()
    assert "200 pictures in 4 classes" in done.stdout
    assert (folder / "data-shapes" / "contact-sheet.png").is_file()


def test_the_python_of_the_readme_runs_as_written(folder, one_core):
    [code] = blocks("python")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "9" in done.stdout


def test_the_python_of_the_guide_runs_as_written(folder, one_core):
    guide = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    code = "".join(re.findall(r"```python\n(.*?)```", guide, flags=re.DOTALL))
    before = "import kenspeckle as ks\nks.train(recipe='blink', out='runs/first')\n"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", before + code],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "fingerprint of each class alone tells" in done.stdout
    assert "'epochs': 4" in done.stdout
    assert (folder / "IdealInputs.png").is_file()


def test_every_file_that_the_readme_links_to_exists():
    links = re.findall(r"\]\(([^)#:]+)\)", TEXT)
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).exists()] == []
