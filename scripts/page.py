"""Take the pictures of docs/page.md anew: train two classifiers, serve one, and look at its page.

python scripts/page.py

It needs Chromium and playwright (`kenspeckle[dev]`), and takes a minute.
"""

import io
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

import kenspeckle as ks

PLACE = Path(__file__).parents[1] / "docs" / "page"
SEVEN = (((0.28, 0.25), (0.72, 0.25)), ((0.72, 0.25), (0.6, 0.5), (0.48, 0.82)))
SHOTS = (("try-light", "light", 1280, 860), ("try-dark-phone", "dark", 400, 860))


def main() -> None:
    PLACE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        runs = Path(place)
        for recipe in ("mlp", "swift"):
            ks.train("mnist", recipe=recipe, settings=["threads=1"], out=runs / recipe)
        with served(runs / "swift") as address, sync_playwright() as driver:
            browser = driver.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            for name, scheme, width, height in SHOTS:
                page = browser.new_page(
                    viewport={"width": width, "height": height}, color_scheme=scheme
                )
                page.goto(address)
                draw(page)
                page.wait_for_selector("#neighbour-list li")
                keep(page, name)
            page = browser.new_page(viewport={"width": 1280, "height": 860}, color_scheme="light")
            page.goto(f"{address}/runs#first=mlp&second=swift")
            page.wait_for_selector("#detail h2")
            keep(page, "runs-light")
            browser.close()


@contextmanager
def served(run: Path) -> Iterator[str]:
    """The address of `ken serve`."""
    code = "import sys; from kenspeckle.cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "serve", str(run), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found is not None, "the server did not start"
            yield found[0]
        finally:
            process.terminate()


def draw(page: Page) -> None:
    page.wait_for_selector("body[data-ready]")
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    for stroke in SEVEN:
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for x, y in points[1:]:
            page.mouse.move(x, y, steps=8)
        page.mouse.up()


def keep(page: Page, name: str) -> None:
    """Few colours take few bytes, and no eye tells the difference."""
    page.wait_for_timeout(600)
    taken = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    taken.quantize(256, dither=Image.Dither.NONE).save(PLACE / f"{name}.png", optimize=True)
    print(f"{name}: {(PLACE / f'{name}.png').stat().st_size // 1024} kB", flush=True)


if __name__ == "__main__":
    main()
