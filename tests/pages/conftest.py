"""A real browser, where there is one."""

import os
import shutil

import pytest

MISSING = "no browser: the page was not opened in one; install chromium and playwright"


@pytest.fixture(scope="session")
def browser():
    """Chromium without a network; where CI promises one, its absence is a failure."""
    program = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        program = None
    if not program:
        if os.environ.get("KENSPECKLE_BROWSER") == "required":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=program, args=flags)
        yield chromium
        chromium.close()
