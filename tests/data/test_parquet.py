"""Parquet files: paths, or whole pictures that are copied out once."""

import json
import os
import subprocess
import sys
import time

import pyarrow as pa
import pytest
from mutations import mutants
from pyarrow import parquet

from kenspeckle.data.decoder_process import read_place
from kenspeckle.data.listing import Place
from kenspeckle.data.source_config import SourceConfig
from kenspeckle.data.sources.parquet import is_parquet_folder
from kenspeckle.data.sources.table import is_table, list_table
from kenspeckle.errors import DataError

PICTURES = [b"first picture", b"second, longer picture", b"", b"last"]
KIND = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def save(path, columns, *, names=None, column="label"):
    """A Parquet file; `names` are those of a `ClassLabel` as the datasets library writes them."""
    table = pa.table(columns)
    if names is not None:
        features = {column: {"names": names, "_type": "ClassLabel"}}
        document = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": document})
    parquet.write_table(table, path, row_group_size=3, compression="zstd")
    return path


def pictures(contents=PICTURES, paths=None):
    paths = paths or [f"{number}.png" for number in range(len(contents))]
    cells = [
        {"bytes": content, "path": path} for content, path in zip(contents, paths, strict=True)
    ]
    return pa.array(cells, KIND)


def listing(path, **config):
    return list_table(path, SourceConfig(**config), source="x", spool=path.parent / "spool")


def refusal(path, **config):
    with pytest.raises(DataError) as caught:
        listing(path, **config)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(f"{path.parent}/", "")


def contents(found):
    return {item.name: read_place(item.place, name=item.name) for item in found.items}


def labels(found):
    return [item.label for item in found.items]


def test_a_column_of_paths_names_files_beside_the_table(tmp_path):
    (tmp_path / "a.png").write_bytes(b"x")
    path = save(tmp_path / "x", {"file": ["a.png", "b.png", None], "class": ["cat", "dog", "dog"]})
    assert is_table(path)
    found = listing(path)
    assert [(item.name, item.label) for item in found.items] == [("a.png", "cat")]
    assert [(item.name, item.reason) for item in found.excluded] == [
        ("b.png", "missing"),
        ("row 3", "missing"),
    ]


def test_pictures_inside_are_ranges_of_one_copy(tmp_path):
    path = save(
        tmp_path / "x.parquet", {"image": pictures(), "label": [0, 1, 1, 0]}, names=["no", "yes"]
    )
    found = listing(path)
    assert contents(found) == {f"{number}.png": PICTURES[number] for number in range(4)}
    assert labels(found) == ["no", "yes", "yes", "no"]
    assert found.classes == ("no", "yes")
    assert len(os.listdir(tmp_path / "spool")) == 1
    assert found.archive == str(path)


def test_the_copy_is_made_once_and_again_when_the_file_changes(tmp_path):
    path = save(tmp_path / "x.parquet", {"image": pictures(), "label": [0, 1, 1, 0]})
    listing(path)
    (copy,) = (tmp_path / "spool").iterdir()
    before = copy.stat()
    assert contents(listing(path))["0.png"] == PICTURES[0]
    assert copy.stat() == before
    save(path, {"image": pictures([b"other"]), "label": [0]})
    os.utime(path, ns=(1, 1))
    assert contents(listing(path)) == {"0.png": b"other"}
    assert not copy.exists() and len(os.listdir(tmp_path / "spool")) == 1


@pytest.mark.parametrize("damage", [b"", b"x" * 100, PICTURES[0]])
def test_a_copy_that_is_damaged_is_made_again(tmp_path, damage):
    path = save(tmp_path / "x.parquet", {"image": pictures(), "label": [0, 1, 1, 0]})
    listing(path)
    (copy,) = (tmp_path / "spool").iterdir()
    copy.write_bytes(damage)
    assert contents(listing(path))["1.png"] == PICTURES[1]


def test_a_file_of_far_more_than_it_could_hold_is_refused(tmp_path):
    zeros = [bytes(1 << 20)] * 100
    path = save(tmp_path / "x.parquet", {"image": pictures(zeros), "label": [0] * 100})
    assert refusal(path) == "x.parquet: unpacks to more than 67,108,864 bytes, 100 times its size"
    assert os.listdir(tmp_path / "spool") == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([3, 0, None, 3]), ["3", "0", "3"]),
        (pa.array([3.0, 0.0, float("nan"), 1.5]), ["3", "0", "1.5"]),
        (pa.array(["cat", " dog ", "", "cat"]), ["cat", "dog", "cat"]),
        (pa.array(["cat", "dog", None, "cat"]).dictionary_encode(), ["cat", "dog", "cat"]),
    ],
)
def test_labels_are_numbers_or_text(tmp_path, values, expected):
    found = listing(save(tmp_path / "x.parquet", {"image": pictures(), "label": values}))
    assert labels(found) == expected
    assert [(item.reason, item.detail) for item in found.excluded] == [
        ("unlabelled", "no label (row 3)")
    ]


def test_pictures_without_names_are_called_by_their_rows(tmp_path):
    plain = pa.array(PICTURES[:2], pa.binary())
    found = listing(save(tmp_path / "x.parquet", {"img": plain, "label": [0, 1]}))
    assert contents(found) == {"row 1": PICTURES[0], "row 2": PICTURES[1]}
    same = pictures(PICTURES[:2], ["a.png", "a.png"])
    found = listing(save(tmp_path / "y.parquet", {"img": same, "label": [0, 1]}))
    assert contents(found) == {"a.png": PICTURES[0], "a.png (row 2)": PICTURES[1]}


def test_a_picture_may_be_a_path_where_it_has_no_bytes(tmp_path):
    (tmp_path / "a.png").write_bytes(b"outside")
    cells = pictures([None, b"inside"], ["a.png", None])
    found = listing(save(tmp_path / "x.parquet", {"image": cells, "label": [0, 1]}))
    assert contents(found) == {"a.png": b"outside", "row 2": b"inside"}


@pytest.mark.parametrize(
    ("columns", "names", "message"),
    [
        (
            {"image": pictures(), "label": [0, 1, 2, 0]},
            ["no", "yes"],
            "x: row 3, column 'label': label 2, but there are 2 class names",
        ),
        (
            {"image": pictures(), "label": [[1], [2], [], [1]]},
            None,
            "x: column 'label' is list<element: int64>; a label must be text or a number",
        ),
        (
            {"image": [1, 2], "label": [1, 2]},
            None,
            "x: column 'image' is int64; expected text, or a struct of bytes and path",
        ),
        (
            {"image": ["a", "b"], "label": [1, 2], "split": ["train", "night"]},
            None,
            "x: column 'split' says 'night' (row 2); expected train, validation or test",
        ),
    ],
)
def test_a_column_that_cannot_be_used_is_named(tmp_path, columns, names, message):
    assert refusal(save(tmp_path / "x.parquet", columns, names=names)) == message


def test_the_label_that_the_library_writes_for_unknown_is_no_label(tmp_path):
    columns = {"image": pictures(), "label": [0, -1, 1, 0]}
    found = listing(save(tmp_path / "x.parquet", columns, names=["no", "yes"]))
    assert [item.name for item in found.excluded] == ["1.png"]


def test_parts_in_a_folder_are_one_source_with_splits_by_name(tmp_path):
    (tmp_path / "data").mkdir()
    for name in ("train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001"):
        save(tmp_path / "data" / f"{name}.parquet", {"image": pictures(), "label": [0, 1, 1, 0]})
    assert is_parquet_folder(tmp_path)
    found = list_table(tmp_path, SourceConfig(), source="x", spool=tmp_path / "spool")
    assert len(found.items) == 12 and found.archive == ""
    assert {item.split for item in found.items} == {"train", "test"}
    assert found.items[0].name == "test-00000-of-00001.parquet/0.png"
    (tmp_path / "data" / "train-00000-of-00002.parquet").unlink()
    with pytest.raises(DataError) as caught:
        list_table(tmp_path, SourceConfig(), source="x", spool=tmp_path / "spool")
    assert str(caught.value) == (
        "x: 1 of 2 parts are there, train-00000-of-00002.parquet is missing"
    )


def test_a_folder_with_a_table_beside_its_pictures_is_no_folder_of_parts(tmp_path):
    save(tmp_path / "metadata.parquet", {"file": ["a.png"], "label": ["cat"]})
    assert not is_parquet_folder(tmp_path)


def test_without_pyarrow_the_error_says_what_to_install(tmp_path):
    path = save(tmp_path / "x.parquet", {"file": ["a.png"], "label": ["cat"]})
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from pathlib import Path\n"
        "from kenspeckle.data.source_config import SourceConfig\n"
        "from kenspeckle.data.sources.table import list_table\n"
        f"list_table(Path({str(path)!r}), SourceConfig(), source='x', spool=Path('.'))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stderr.splitlines()[-1] == (
        "kenspeckle.errors.DataError: Parquet needs pyarrow, which is not installed; "
        "pip install 'kenspeckle[parquet]'"
    )


def test_a_hundred_damaged_files_give_a_listing_or_one_line(tmp_path):
    whole = save(
        tmp_path / "x.parquet", {"image": pictures(), "label": [0, 1, 1, 0]}, names=["no", "yes"]
    ).read_bytes()
    listed = 0
    for number, (name, data) in enumerate(mutants([whole], count=100, seed=5)):
        path = tmp_path / f"{number}.parquet"
        path.write_bytes(data)
        began = time.monotonic()
        try:
            found = listing(path)
        except DataError as error:
            assert str(error).isprintable() and len(str(error)) < 500, name
        else:
            assert all(isinstance(item.place, Place) for item in found.items), name
            listed += 1
        assert time.monotonic() - began < 2, name
    assert 5 < listed < 95
