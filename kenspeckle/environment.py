"""What was here when a run was trained: versions, machine, commit."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from kenspeckle.device import Compute, describe

PACKAGES = ("kenspeckle", "torch", "numpy", "scipy", "pillow", "safetensors")


def environment(compute: Compute) -> dict[str, Any]:
    """The facts on which bit-identical repetition depends, and the commit where there is one."""
    return {
        "python": platform.python_version(),
        "versions": {name: version_of(name) for name in PACKAGES},
        "commit": _commit(),
        **describe(compute),
    }


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What of the machine or the versions changed, a line each; the configuration pins the rest."""
    keys = ("versions", "processor", "vector_instructions")
    return [
        f"{key}: {before.get(key)}, now {now[key]}" for key in keys if before.get(key) != now[key]
    ]


def version_of(package: str) -> str:
    """As it is installed; "not installed" otherwise, as in a source checkout on the path."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    """The commit of a source checkout, with + if it has changes; empty for an installed package."""
    root = Path(__file__).parents[1]
    if not (root / ".git").exists():
        return ""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""
