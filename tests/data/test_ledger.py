"""The ledger: every reason is documented, and all states add up."""

from pathlib import Path

import pytest

import kenspeckle as ks
from kenspeckle.data.ledger import excluded_files, ledger
from kenspeckle.data.listing import REASONS, Excluded
from kenspeckle.data.splits import SplitConfig, draw
from tests.photo_folders import folder, write

DOCUMENT = (Path(__file__).parents[2] / "docs" / "data.md").read_text()


def test_there_are_at_most_25_reasons():
    assert len(REASONS) <= 25


@pytest.mark.parametrize("reason", REASONS)
def test_a_reason_is_documented(reason):
    assert f"| `{reason}` | {REASONS[reason]} |" in DOCUMENT


def test_no_other_reason_can_be_written():
    with pytest.raises(AssertionError, match="because"):
        Excluded(name="a.png", reason="because")


def test_the_states_add_up_to_all_files(tmp_path):
    folder(tmp_path, {"cats": 20, "dogs": 20})
    (tmp_path / "cats" / "notes.txt").write_bytes(b"notes")
    write(tmp_path / "stray.png", 99)
    dataset = ks.open_dataset(tmp_path)
    splits = draw(dataset, SplitConfig())
    document = ledger(dataset, splits)
    states = [item["state"] for item in document["items"]]
    assert len(states) == 42
    assert {state: states.count(state) for state in set(states)} == {
        "train": 31,
        "validation": 3,
        "test": 6,
        "excluded": 2,
    }
    assert document["excluded"] == {"not-a-picture": 1, "unlabelled": 1}
    assert sum(sum(counts.values()) for counts in document["counts"].values()) == 40
    assert [item.name for item in excluded_files(dataset, splits)] == [
        "cats/notes.txt",
        "stray.png",
    ]
