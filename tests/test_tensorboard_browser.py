"""A run in TensorBoard, in a real browser: every tab shows what it is for.

Screenshots go to the folder that SCREENSHOTS names, to be looked at.
"""

import os
import shutil
from contextlib import closing
from pathlib import Path

import pytest
from test_tensorboard import Board

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium")
TABS = {  # by the anchor of its address: what is seen there, as a selector
    "timeseries": ["text=accuracy >> visible=true", "text=confusion matrix >> visible=true"],
    "images": ["text=first batch >> visible=true", "img >> visible=true"],
    "graphs": ["g.node:has-text('block1')", "g.node:has-text('head')"],
    "hparams": ["text=train.epochs >> visible=true", "text=source >> visible=true"],
    "text": ["text=widths >> visible=true"],
}


@pytest.fixture(scope="module")
def pages(run):
    with closing(Board(run.path / "tensorboard")) as board, playwright.sync_playwright() as driver:
        board.wait()
        browser = driver.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        yield page, board.address
        browser.close()


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no chromium here")
@pytest.mark.parametrize("tab", TABS)
def test_a_tab_shows_what_it_is_for(pages, tab, tmp_path):
    page, address = pages
    page.goto("about:blank")
    page.goto(f"{address}/#{tab}")
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    try:
        for selector in TABS[tab]:
            page.locator(selector).first.wait_for(state="attached", timeout=40_000)
        page.wait_for_timeout(2_000)  # drawing goes on after the first letters are there
    finally:
        page.screenshot(path=folder / f"{tab}.png")
    assert not page.locator("text=No dashboards are active >> visible=true").count()
