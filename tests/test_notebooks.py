"""The notebooks in examples/ run from top to bottom on one core, in a kernel of their own."""

import json
import os
import shutil
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

EXAMPLES = Path(__file__).parents[1] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
SECONDS = 60


def execute(notebook, folder):
    client = nbclient.NotebookClient(
        notebook, timeout=4 * SECONDS, resources={"metadata": {"path": str(folder)}}
    )
    return client.execute()


def spent():
    """Seconds that processes begun here were at work: a busy machine does not change them."""
    times = os.times()
    return times.children_user + times.children_system


def texts(cell):
    """What a cell printed or returned, as plain text."""
    return "".join(
        output.get("text", "") or output.get("data", {}).get("text/plain", "")
        for output in cell.outputs
    )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_holds_no_outputs_and_is_small(path):
    assert path.stat().st_size < 20_000
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)


LONG = ("inside_the_network",)
ALL = [pytest.param(p, marks=pytest.mark.slow) if p.stem in LONG else p for p in NOTEBOOKS]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_the_training_live(path, tmp_path, one_core):
    folder = shutil.copytree(EXAMPLES, tmp_path / "examples")
    before = spent()
    done = execute(nbformat.read(path, as_version=4), folder)
    assert 0.5 < spent() - before < SECONDS
    (trained,) = [cell for cell in done.cells if "ks.train(" in cell.source]
    live = trained.outputs[0]
    assert live.output_type == "display_data"
    assert "model of " in live.data["text/plain"] and " on validation; " in live.data["text/plain"]
    has_steps = "model of epoch" in live.data["text/plain"]  # and not a head alone
    assert ("data:image/png;base64," in live.data["text/html"]) == has_steps
    for tested in [cell for cell in done.cells if "ks.evaluate(" in cell.source]:
        assert " to " in texts(tested) and "n=" in texts(tested)
    for looked in [cell for cell in done.cells if "ks.look(" in cell.source]:
        assert "image/png" in looked.outputs[0].data
