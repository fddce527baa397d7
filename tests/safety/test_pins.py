"""No version with a hole that is known can be installed beside us."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
HOLES = {  # the last versions with a hole that could be reached through us
    "torch": ("0.1", "2.9.1"),  # CVE-2026-24747, in the unpickler of the weights of lite0
    "pillow": ("1.0", "12.2.0"),  # CVE-2026-40192, CVE-2026-42311
    "onnx": ("1.0", "1.21.0"),  # CVE-2026-27489, CVE-2026-34446, CVE-2026-34447
    "starlette": ("0.1", "0.49.0"),  # CVE-2025-62727
    "h11": ("0.1", "0.15.0"),  # CVE-2025-43859
    "python-multipart": ("0.0.1", "0.0.17"),  # CVE-2024-53981
}
ALWAYS = ("torch", "pillow")
SERVERS = ("uvicorn", "hypercorn")  # which bring h11


def requirements(text):
    project = tomllib.loads(text)["project"]
    extras = project.get("optional-dependencies", {}).values()
    return [Requirement(each) for listed in (project["dependencies"], *extras) for each in listed]


def open_holes(text):
    """What may be installed and has a hole, or is not bounded where it must be."""
    found = [
        f"{each.name} {version}"
        for each in requirements(text)
        for version in HOLES.get(each.name.lower(), ())
        if each.specifier.contains(version, prereleases=True)
    ]
    names = {each.name.lower() for each in requirements(text)}
    wanted = [*ALWAYS, *(["h11"] if names & set(SERVERS) else [])]
    return found + [f"{name} is not bounded" for name in wanted if name not in names]


def project(*dependencies):
    listed = ["torch>=2.10", "pillow>=12.3", *dependencies]
    return f"[project]\ndependencies = {listed}"


def test_no_version_with_a_known_hole_can_be_installed():
    assert open_holes((ROOT / "pyproject.toml").read_text()) == []


@pytest.mark.parametrize(
    ("dependency", "hole"),
    [
        ("torch>=2.6", "torch 2.9.1"),
        ("torch", "torch 0.1"),
        ("Pillow<13", "Pillow 12.2.0"),
        ("onnx>=1.21", "onnx 1.21.0"),
        ("starlette>=0.49", "starlette 0.49.0"),
        ("uvicorn>=0.38", "h11 is not bounded"),
        ("h11>=0.14", "h11 0.15.0"),
    ],
)
def test_a_bound_that_lets_one_in_is_noticed(dependency, hole):
    assert hole in open_holes(project(dependency))


def test_bounds_that_let_none_in_are_accepted():
    assert open_holes(project("onnx>1.21.0", "starlette>=0.49.1", "h11>=0.16", "uvicorn")) == []


def test_the_tested_versions_have_no_known_hole():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = dict(re.findall(r"^([\w.-]+)==([\w.+-]+)", "\n".join(lines), re.MULTILINE))
    assert pinned.keys() >= set(ALWAYS)
    for name, version in pinned.items():
        last = HOLES.get(name.lower(), ("0", "0"))[1]
        assert not Requirement(f"x<={last}").specifier.contains(version), name


def test_python_unpacks_nothing_for_us():
    # CVE-2025-4517 and others, closed in 3.12.11 and 3.13.4, are in tarfile.extract; archives are
    # read by our own code, so that an older Python is as safe
    users = [path for path in (ROOT / "kenspeckle").rglob("*.py") if "tarfile" in path.read_text()]
    assert users == []
