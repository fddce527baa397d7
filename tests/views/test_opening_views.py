"""Views by name, the one of notebooks, and a view of one's own."""

import subprocess
import sys
from itertools import pairwise

import pytest
from conftest import SMALL, bars

import kenspeckle as ks
from kenspeckle import config
from kenspeckle.events import Ended, EpochRecord, Started
from kenspeckle.runs import training
from kenspeckle.training import Epoch
from kenspeckle.views.notebook import NotebookView

CHOSEN = config.override(ks.build_recipe("swift"), (*SMALL, "source=bars"))


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    """All of a small training."""
    return list(training(CHOSEN, out=tmp_path_factory.mktemp("views") / "run", dataset=bars()))


class Front:
    """What a front end of notebooks receives, and a clock."""

    def __init__(self):
        self.now = 100.0
        self.received = []

    def publish(self, data, *, transient, update):
        self.received.append((self.now, data, transient["display_id"], update))

    def view(self):
        return NotebookView(self.publish, lambda: self.now)


def test_a_notebook_gets_one_output_that_is_replaced(events):
    front = Front()
    view = front.view()
    for event in events:
        front.now += 1
        view.show(event)
    view.close()
    assert len({place for _, _, place, _ in front.received}) == 1
    assert [update for *_, update in front.received] == [False] + [True] * (len(front.received) - 1)


def test_it_is_replaced_at_most_twice_a_second(events):
    front = Front()
    view = front.view()
    view.show(events[0])
    for _ in range(100):
        front.now += 0.06
        view.show(events[1])
    times = [at for at, *_ in front.received]
    assert 10 <= len(times) <= 13
    assert all(after - before >= 0.5 for before, after in pairwise(times))


def test_the_output_says_how_it_stands_and_in_the_end_what_came_out(events):
    front = Front()
    view = front.view()
    for event in events:
        front.now += 1
        view.show(event)
    view.close()
    texts = [data["text/plain"] for _, data, *_ in front.received]
    during = next(text for text in texts if "validation " in text and " left" in text)
    assert "images/s" in during and "epoch 1 of 3" in during and "n=" in during
    assert texts[-1].splitlines()[-1].startswith("model of epoch ")
    assert "left" not in texts[-1]
    assert all("base64," in data["text/html"] for _, data, *_ in front.received[1:])


def test_names_from_outside_are_no_html(events):
    front = Front()
    view = front.view()
    view.working("decoding <script>", 1, 10)
    assert "&lt;script&gt;" in front.received[-1][1]["text/html"]


def test_a_training_that_fails_leaves_no_estimate_behind(events):
    front = Front()
    view = front.view()
    view.show(events[0])
    view.close()
    assert front.received[-1][1]["text/plain"].splitlines()[-1] == "stopped"


def test_the_library_is_silent_unless_it_is_asked(capfd, tmp_path):
    ks.train(bars(), settings=SMALL, out=tmp_path / "run")
    assert capfd.readouterr() == ("", "")


def test_the_terminal_view_can_be_asked_for(capfd, tmp_path):
    ks.train(bars(), settings=SMALL, out=tmp_path / "run", view="terminal")
    assert "test it once: ken evaluate" in capfd.readouterr().out


def test_an_unknown_view_is_named(tmp_path):
    with pytest.raises(ks.KenspeckleError) as caught:
        ks.train(bars(), settings=SMALL, out=tmp_path / "run", view="notebok")
    assert str(caught.value) == (
        "unknown view 'notebok'; did you mean 'notebook'? (known: auto, none, notebook, terminal)"
    )


def test_without_ipython_the_notebook_view_says_what_to_use():
    code = (
        "import sys; sys.modules['IPython'] = sys.modules['IPython.display'] = None\n"
        "import kenspeckle as ks\n"
        "try: ks.train('digits', view='notebook')\n"
        "except ks.KenspeckleError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == (
        "the view notebook needs IPython, which every notebook has; use terminal or none elsewhere"
    )


def test_events_are_enough_for_a_view_of_ones_own(events):
    assert isinstance(events[0], Started) and isinstance(events[-1], Ended)
    records = [event for event in events if isinstance(event, EpochRecord)]
    complete = [event for event in events if isinstance(event, Epoch) and event.complete]
    assert [record.epoch for record in records] == [1, 2, 3]
    assert len(complete) == 3


def test_whoever_asks_for_no_more_events_stops_the_training_and_can_go_on(tmp_path):
    begun = training(CHOSEN, out=tmp_path / "run", dataset=bars())
    for event in begun:
        if isinstance(event, EpochRecord):
            break
    begun.close()
    assert not ks.open_run(tmp_path / "run").is_finished
    assert ks.resume(tmp_path / "run", dataset=bars()).is_finished
