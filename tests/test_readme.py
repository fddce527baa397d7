"""The README's words are true: its code runs, as it stands there."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import on_one_core
from warm_ken import warm

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with what a clone has: the example pictures."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "examples" / "pictures", folder / "examples" / "pictures")
    shutil.copy(ROOT / "examples" / "picture_folder.py", folder / "examples")
    return folder


@pytest.fixture(scope="module")
def toured(folder, tmp_path_factory):
    """What the five minute tour of the README said in `folder`, with `ken` on the path."""
    [tour] = blocks("sh")
    programs = tmp_path_factory.mktemp("bin")
    (programs / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (programs / "python").chmod(0o755)
    paths = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(folder), "PYTHONPATH": str(ROOT)}
    with on_one_core(), warm(programs):
        return subprocess.run(
            ["sh", "-ec", tour], cwd=folder, env=paths, capture_output=True, text=True
        )


def test_the_five_minute_tour_runs_as_written(folder, toured):
    assert toured.returncode == 0, toured.stderr
    assert "untouched" in toured.stdout and (folder / "seen.png").is_file()
    assert "200 pictures in 4 classes" in toured.stdout
    assert (folder / "data-shapes" / "contact-sheet.png").is_file()


def test_the_python_of_the_readme_runs_as_written(folder, one_core):
    [code] = blocks("python")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "9" in done.stdout


def test_the_python_of_the_guide_runs_as_written(folder, toured, one_core):
    """With the run that the tour has made."""
    guide = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    code = "".join(re.findall(r"```python\n(.*?)```", guide, flags=re.DOTALL))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
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
