"""CSV and TSV: every row is an item or excluded with its reason, or one line says why not."""

import codecs
import os
import time

import pytest
from mutations import MEGABYTE, mutants, traced_peak

from kenspeckle.data.source_config import SourceConfig
from kenspeckle.data.sources import delimited
from kenspeckle.data.sources.table import is_table, list_table
from kenspeckle.errors import DataError


@pytest.fixture
def folder(tmp_path):
    """A folder with three files that a table may name."""
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / name).write_bytes(b"picture")
    return tmp_path


def listing(folder, text, *, name="list.csv", encoding="utf-8", **config):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return list_table(path, SourceConfig(**config), source=name, spool=folder / "spool")


def refusal(folder, text, **arguments):
    with pytest.raises(DataError) as caught:
        listing(folder, text, **arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(f"{folder}/", "")


def failure(rows):
    with pytest.raises(DataError) as caught:
        list(rows)
    return str(caught.value)


def labels(found):
    return {item.name: item.label for item in found.items}


def reasons(found):
    return [(item.name, item.reason, item.detail) for item in found.excluded]


@pytest.mark.parametrize("delimiter", "\t,;|")
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_delimiter_is_found_by_content(folder, delimiter, end):
    rows = [["filename", "species", "split"], ["a.png", "cat", "train"], ["b.png", "dog", "test"]]
    found = listing(folder, end.join(delimiter.join(row) for row in rows), name="list.txt")
    assert labels(found) == {"a.png": "cat", "b.png": "dog"}
    assert [item.split for item in found.items] == ["train", "test"]
    assert is_table(folder / "list.txt")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_names_and_labels_are_utf8_with_or_without_a_mark(folder, encoding):
    (folder / "ä.png").write_bytes(b"x")
    found = listing(folder, "path,label\nä.png,Kätzchen\n", encoding=encoding)
    assert labels(found) == {"ä.png": "Kätzchen"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            "path,label\nä.png,x\n".encode("latin-1"),
            "list.csv: line 2: byte 0xe4 is not UTF-8; save it as UTF-8",
        ),
        (
            codecs.BOM_UTF16_LE + "path,label\n".encode("utf-16-le"),
            "list.csv: UTF-16, not UTF-8; save it as UTF-8",
        ),
        (
            b"path\nx\n",
            "list.csv: no table; expected as many fields in every row, at least two, separated "
            "by one of tab, comma, semicolon, bar",
        ),
        (
            b"",
            "list.csv: no table; expected as many fields in every row, at least two, separated "
            "by one of tab, comma, semicolon, bar",
        ),
        (b"path,label\na.png,x,y\n", "list.csv: row 2 has 3 fields, the first 2"),
        (
            b'path,label\n\n"a.png,x\n',
            "list.csv: row 3: unexpected end of data",
        ),
        (
            b'path,label\na.png,"' + b"x" * 200_000 + b'"\n',
            "list.csv: row 2: field larger than field limit (131072)",
        ),
        (
            b'path,label\na.png,"' + b"x\n" * MEGABYTE + b'"\n',
            "list.csv: row 2: field larger than field limit (131072)",
        ),
        (
            b"x" * 2 * MEGABYTE,
            "list.csv: row 1: over 1,048,576 letters; is a quotation mark missing",
        ),
        (
            b"path,label\n" + b"a," * MEGABYTE,
            "list.csv: row 2: over 1,048,576 letters; is a quotation mark missing",
        ),
        (b"path,label" + b"," * 10_000 + b"\n", "list.csv: row 1: over 10,000 fields"),
        (
            b"picture,name\na.png,cat\n",
            "list.csv: no column is called path, file, filename, file_name, filepath, image, "
            "image_path or img (it has picture, name); name the one of the paths with "
            "--set data.path_column=NAME",
        ),
        (
            b"image,name\na.png,cat\n",
            "list.csv: no column is called label, class, category, target, species or y "
            "(it has image, name); name the one of the labels with --set data.label_column=NAME",
        ),
        (
            b"path,label,Label\na.png,cat,x\n",
            "list.csv: two columns are called 'label'; rename one",
        ),
        (
            b"path,label,split\na.png,x,train\nb.png,x,2\nc.png,x,night\nb.png,x,2\n",
            "list.csv: column 'split' says '2' (row 3), 'night' (row 4); expected train, "
            "validation or test",
        ),
        (
            b"path,label\nd.png,cat\n",
            "list.csv: no labelled pictures in it (1 other files; d.png: listed, but not there "
            "(row 2))",
        ),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_a_table_that_cannot_be_used_is_explained_with_its_row(folder, data, message):
    assert refusal(folder, data) == message


def test_columns_are_named_by_the_user(folder):
    text = "Who,what,image,label\na.png,cat,x,y\n"
    assert labels(listing(folder, text, path_column="who", label_column="what")) == {"a.png": "cat"}
    assert refusal(folder, text, path_column="whom") == (
        "list.csv: no column is called 'whom', as data.path_column says (it has Who, what, image, "
        "label)"
    )
    assert refusal(folder, text, path_column="Who", label_column="Who") == (
        "list.csv: column 'Who' cannot be two things at once"
    )


def test_a_choice_between_usual_columns_is_said(folder):
    found = listing(folder, "image,y,Label\na.png,3,cat\n")
    assert labels(found) == {"a.png": "cat"}
    assert found.notes == (
        "the label is column 'Label', not y; --set data.label_column=NAME chooses another",
    )
    assert listing(folder, "image,y,Label\na.png,3,cat\n", label_column="y").notes == ()


def test_groups_are_kept(folder):
    found = listing(folder, "path,label,Patient_ID\na.png,x,7\nb.png,x,\n")
    assert [item.group for item in found.items] == ["7", ""]


def test_two_columns_without_a_header_are_path_and_label(folder):
    found = listing(folder, "a.png,cat\nb.png,dog\n")
    assert labels(found) == {"a.png": "cat", "b.png": "dog"}
    assert found.notes == (
        "list.csv has no header: its first column is the path, its second the label",
    )


def test_a_quoted_field_may_have_delimiters_and_quotes(folder):
    (folder / "a, b.png").write_bytes(b"x")
    assert labels(listing(folder, 'path,label\n"a, b.png","the ""best"""\n')) == {
        "a, b.png": 'the "best"'
    }


@pytest.mark.parametrize(("cell", "name"), [("3", "3"), ("3.0", "3"), ("3.5", "3.5"), ("03", "03")])
def test_a_number_is_the_name_of_its_class(folder, cell, name):
    assert labels(listing(folder, f"path,label\na.png,{cell}\n")) == {"a.png": name}


def test_each_row_is_an_item_or_excluded(folder):
    os.mkdir(folder / "inside")
    os.mkfifo(folder / "pipe")
    os.symlink("nothing", folder / "broken")
    os.symlink("loop", folder / "loop")
    os.symlink("a.png", folder / "link")
    rows = [
        "path,label,split",
        "a.png,cat,train",
        "./a.png,cat,train",
        "a.png,cat,test",
        "b.png,cat,",
        "b.png,dog,",
        "c.png, ,",
        "d.png,cat,",
        "inside,cat,",
        "pipe,cat,",
        "broken,cat,",
        "loop,cat,",
        "link,cat,",
        ",cat,",
        "a.png/x,cat,",
        "/dev/zero,cat,",
        "x" * 300 + ",cat,",
        "nul\0l,cat,",
    ]
    found = listing(folder, "\n".join(rows))
    assert [(item.name, item.split) for item in found.items] == [
        ("a.png (row 4)", "test"),
        ("link", None),
    ]
    assert sorted(reasons(found)) == sorted(
        [
            ("a.png", "leak", "the same path in row 4, split test"),
            ("./a.png", "leak", "the same path in row 4, split test"),
            ("b.png", "contradiction", "rows 5 and 6 say cat and dog"),
            ("b.png (row 6)", "contradiction", "rows 5 and 6 say cat and dog"),
            ("c.png", "unlabelled", "no label (row 7)"),
            ("d.png", "missing", "listed, but not there (row 8)"),
            ("inside", "special", "a folder (row 9)"),
            ("pipe", "special", "a pipe, socket or device (row 10)"),
            ("broken", "broken-link", "a link to something that is not there (row 11)"),
            ("loop", "link-loop", "links that lead to each other (row 12)"),
            ("row 14", "missing", "no path (row 14)"),
            ("a.png/x", "missing", "listed, but not there (row 15)"),
            ("/dev/zero", "special", "a pipe, socket or device (row 16)"),
            ("x" * 300, "missing", "listed, but not there (row 17)"),
            (r"nul\x00l", "missing", "no file can be called so (row 18)"),
        ]
    )


def test_a_row_that_is_there_twice_counts_once(folder):
    found = listing(folder, "path,label\na.png,cat\na.png,cat\n./a.png,cat\n")
    assert labels(found) == {"a.png": "cat"}
    assert reasons(found) == [
        ("./a.png", "repeated", "the same path in row 2"),
        ("a.png (row 3)", "repeated", "the same path in row 2"),
    ]


def test_names_stay_unique_whatever_a_table_says(folder):
    rows = ["path,label", "a.png,", "a.png,", "a.png (row 4),", "a.png,", "b.png,x"]
    found = listing(folder, "\n".join(rows))
    names = [item.name for item in (*found.items, *found.excluded)]
    assert len(set(names)) == len(names) == 5


def test_paths_are_relative_to_the_table_and_may_lead_anywhere(folder):
    os.mkdir(folder / "tables")
    found = listing(folder, f"path,label\n../a.png,x\n{folder}/b.png,x\n", name="tables/list.csv")
    assert {os.path.realpath(item.place.path) for item in found.items} == {
        str(folder / "a.png"),
        str(folder / "b.png"),
    }


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"path,label\nx,y\n", True),
        (b"a.png,cat\n", True),
        (b"Dear all,\nno, not this\n", False),
        (b"\x89PNG\r\n\x1a\n\0\0", False),
        (b"\xff\xd8\xff\xe0,\n", False),
        (b"", False),
    ],
)
def test_a_table_without_its_usual_suffix_is_told_by_content(folder, data, expected):
    (folder / "x").write_bytes(data)
    assert is_table(folder / "x") is expected
    (folder / "x.tsv").write_bytes(data)
    assert is_table(folder / "x.tsv"), "called so, so that an error says what is wrong with it"
    assert not is_table(folder) and not is_table(folder / "nothing")


def test_two_hundred_damaged_tables_give_a_listing_or_one_line(folder):
    names = [("a.png", "cat"), ("b.png", "dog, big"), ("c.png", "bird")]
    originals = []
    for delimiter in ",\t":
        rows = [f'{path}{delimiter}"{label}"' for path, label in 40 * names]
        originals.append(f"path{delimiter}label\n{chr(10).join(rows)}\n".encode())
    originals.append("\ufeffpath;label;split\r\na.png;Kätzchen;train\r\n".encode())
    listed = 0
    for name, data in mutants(originals, count=200, seed=4):
        began = time.monotonic()
        try:
            peak, found = traced_peak(lambda data=data: listing(folder, data))
        except DataError as error:
            assert str(error).isprintable() and len(str(error)) < 2000, name
        else:
            assert peak < 4 * MEGABYTE, name
            every = [item.name for item in (*found.items, *found.excluded)]
            assert len(set(every)) == len(every), name
            listed += 1
        assert time.monotonic() - began < 2, name
    assert 20 < listed < 190


def test_a_line_without_end_is_refused_without_reading_it(folder):
    (folder / "list.csv").write_bytes(b"path,label\n" + b"a," * 20 * MEGABYTE)
    rows = delimited.records(folder / "list.csv", ",")
    peak, message = traced_peak(lambda: failure(rows))
    assert message.endswith("row 2: over 1,048,576 letters; is a quotation mark missing")
    assert peak < 8 * MEGABYTE


def test_control_a_reader_of_whole_lines_would_hold_them(folder):
    (folder / "list.csv").write_bytes(b"path,label\n" + b"a," * 20 * MEGABYTE)
    with open(folder / "list.csv", encoding="utf-8") as file:
        peak, _ = traced_peak(lambda: max(file, key=len))
    assert peak > 32 * MEGABYTE
