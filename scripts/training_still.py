"""Draw docs/training.svg: what `ken train` shows in a terminal in the middle of its third epoch.

python scripts/training_still.py
"""

import io
import re
import tempfile
from contextlib import chdir
from dataclasses import replace
from pathlib import Path

from rich.console import Console

import kenspeckle as ks
from kenspeckle.runs import training
from kenspeckle.training import Epoch
from kenspeckle.views.outlook import Outlook
from kenspeckle.views.panel import Panel
from kenspeckle.views.terminal import TerminalView

STILL = Path(__file__).absolute().parents[1] / "docs" / "training.svg"
COLUMNS = 84


def main() -> None:
    screen = Console(record=True, width=COLUMNS, file=io.StringIO(), highlight=False)
    view, panel = TerminalView(screen), Panel(Outlook(), screen)
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        for event in training(replace(ks.build_recipe("swift"), threads=1)):
            view.show(event)
            panel.show(event)
            if isinstance(event, Epoch) and event.step > 0.88 * event.total_steps:
                break
            panel.lines()
        screen.print(panel.lines())
        image = screen.export_svg(title="ken train")
    # fonts that a reader would have to fetch; the letters of any monospaced one will do
    image = re.sub(r"@font-face \{.*?\}\s*", "", image, flags=re.DOTALL)
    STILL.write_text(image)
    print(f"wrote {STILL}")


if __name__ == "__main__":
    main()
