"""WebDataset shards: samples by base name, labels beside pictures, splits by the shard's name."""

import gzip

import pytest
from archive_files import member, tarred

from kenspeckle.data.decoder_process import read_place
from kenspeckle.data.source_config import SourceConfig
from kenspeckle.data.sources.webdataset import is_webdataset, list_webdataset
from kenspeckle.data.sources.webdataset_shards import shard_paths
from kenspeckle.errors import DataError


def save(path, *samples, pack=bytes):
    """A shard; each sample is a dictionary from suffixes to contents."""
    path.parent.mkdir(exist_ok=True, parents=True)
    members = [
        member(f"{number:06}.{suffix}".encode(), content)
        for number, sample in enumerate(samples)
        for suffix, content in sample.items()
    ]
    path.write_bytes(pack(tarred(*members)))
    return path


def pair(label, suffix="cls"):
    return {"jpg": b"picture", suffix: label}


def listed(*paths, spool=None, **settings):
    spool = spool or paths[0].parent / "spool"
    return list_webdataset(paths, SourceConfig(**settings), source="shards", spool=spool)


def labels(*paths, **settings):
    return {item.name: item.label for item in listed(*paths, **settings).items}


def reasons(*paths, **settings):
    return {each.name: (each.reason, each.detail) for each in listed(*paths, **settings).excluded}


@pytest.mark.parametrize(
    ("suffix", "content", "label"),
    [
        ("cls", b"3", "3"),
        ("cls", b"007\n", "7"),
        ("cls", b"tabby cat\n", "tabby cat"),
        ("txt", b"dog", "dog"),
        ("json", b'{"label": 4}', "4"),
        ("json", b'{"cls": "cat", "width": 9}', "cat"),
        ("json", b'{"class": " fox "}', "fox"),
        ("json", b'{"label": 1.5, "class": "owl"}', "owl"),
        ("json", b'{"label": "\\ud800"}', "?"),
        ("CLS", b"5", "5"),
    ],
)
def test_a_label_is_beside_its_picture(tmp_path, suffix, content, label):
    path = save(tmp_path / "x.tar", pair(content, suffix))
    assert is_webdataset([path])
    assert labels(path) == {"000000.jpg": label}
    assert listed(path).excluded == ()


def test_cls_comes_before_json_and_json_before_text(tmp_path):
    both = {"txt": b"a caption", "json": b'{"label": "b"}', "jpg": b"picture", "cls": b"c"}
    without = {key: both[key] for key in ("txt", "json", "jpg")}
    no_label = {"json": b'{"width": 3}', "txt": b"d", "jpg": b"picture"}
    path = save(tmp_path / "x.tar", both, without, no_label)
    assert [*labels(path).values()] == ["c", "b", "d"]


@pytest.mark.parametrize(
    ("sample", "name", "reason"),
    [
        ({"jpg": b"x"}, "jpg", ("unlabelled", "no .cls, .json or .txt says its class")),
        (pair(b""), "jpg", ("unlabelled", "no .cls, .json or .txt says its class")),
        (pair(b"\xff"), "jpg", ("unlabelled", "its label is no UTF-8")),
        (pair(b"x" * 201), "jpg", ("unlabelled", ".cls has over 200 letters or several lines")),
        (pair(b"a\nb"), "jpg", ("unlabelled", ".cls has over 200 letters or several lines")),
        (pair(b"{", "json"), "jpg", ("unlabelled", "its .json is damaged")),
        (pair(b"[" * 9999, "json"), "jpg", ("unlabelled", "its .json is damaged")),
        (pair(b"9" * 9999, "json"), "jpg", ("unlabelled", "its .json is damaged")),
        (pair(b"x" * 1048577), "jpg", ("unlabelled", "its label has over 1,048,576 bytes")),
        ({"cls": b"3"}, "cls", ("missing", "a label without a picture")),
    ],
)
def test_a_sample_without_label_or_picture_is_excluded(tmp_path, sample, name, reason):
    path = save(tmp_path / "x.tar", pair(b"cat"), sample)
    assert reasons(path) == {f"000001.{name}": reason}


def test_numbers_become_names_where_a_file_beside_the_shards_has_them(tmp_path):
    path = save(tmp_path / "x.tar", pair(b"1"), pair(b"0"), pair(b"2"), pair(b"-1"))
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    listing = listed(path)
    assert [item.label for item in listing.items] == ["dog", "cat"]
    assert {each.detail for each in listing.excluded} == {
        "label 2, but there are 2 class names",
        "label -1, but there are 2 class names",
    }
    (tmp_path / "classes.txt").unlink()
    assert [*labels(path).values()] == ["1", "0", "2", "-1"]


@pytest.mark.parametrize("names", ["cat\ncat", "cat\n\ndog", b"\xff"])
def test_class_names_that_are_ambiguous_are_refused(tmp_path, names):
    path = save(tmp_path / "x.tar", pair(b"1"))
    (tmp_path / "classes.txt").write_bytes(names if isinstance(names, bytes) else names.encode())
    with pytest.raises(DataError, match=r"classes\.txt: "):
        listed(path)


def test_splits_come_from_the_names_of_shards(tmp_path):
    for name in ("imagenet-train-000", "train-001", "val-000", "my_test_0"):
        save(tmp_path / f"{name}.tar", pair(b"cat"))
    paths = shard_paths(str(tmp_path))
    assert is_webdataset(paths)
    assert {item.name: item.split for item in listed(*paths).items} == {
        "imagenet-train-000.tar/000000.jpg": "train",
        "train-001.tar/000000.jpg": "train",
        "val-000.tar/000000.jpg": "validation",
        "my_test_0.tar/000000.jpg": "test",
    }


def test_splits_come_from_folders_of_shards(tmp_path):
    for split in ("train", "test"):
        save(tmp_path / split / "0.tar", pair(b"cat"))
    (tmp_path / "classes.txt").write_text("unused")
    items = listed(*shard_paths(str(tmp_path))).items
    assert {(item.name, item.split) for item in items} == {
        ("train/0.tar/000000.jpg", "train"),
        ("test/0.tar/000000.jpg", "test"),
    }


def test_shards_without_a_training_part_have_no_splits(tmp_path):
    assert listed(save(tmp_path / "val-0.tar", pair(b"cat"))).items[0].split is None


def test_a_range_in_braces_names_shards(tmp_path):
    for number in range(9, 12):
        save(tmp_path / f"s-{number:03}.tar", pair(b"cat"))
    text = f"{tmp_path}/s-{{009..011}}.tar"
    assert [path.name for path in shard_paths(text)] == ["s-009.tar", "s-010.tar", "s-011.tar"]
    text = f"{tmp_path}/{{s,s}}-{{009..010}}.tar"
    assert len(shard_paths(text)) == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("s-{0..2}.tar", "s-{0..2}.tar: 3 of 3 shards missing: s-0.tar"),
        ("s-{2..0}.tar", "s-{2..0}.tar: 0 of 0 shards missing: the range is empty"),
        ("s-{0..999999999}.tar", "s-{0..999999999}.tar: at most 100,000 shards can be read"),
        ("{0..999}-{0..999}", "{0..999}-{0..999}: at most 100,000 shards can be read"),
    ],
)
def test_a_range_that_cannot_be_is_refused(tmp_path, monkeypatch, text, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        shard_paths(text)
    assert str(caught.value) == message


def test_places_are_the_bytes_in_plain_and_gzip_shards(tmp_path):
    for pack in (bytes, gzip.compress):
        path = save(tmp_path / "x.tar", pair(b"cat"), {"cls": b"dog", "png": b"other"}, pack=pack)
        items = listed(path).items
        found = [(item.label, read_place(item.place, name=item.name)) for item in items]
        assert found == [("cat", b"picture"), ("dog", b"other")]


def test_several_pictures_of_a_sample_are_one_group(tmp_path):
    path = save(
        tmp_path / "x.tar", {"left.jpg": b"x", "right.jpg": b"x", "cls": b"cat"}, pair(b"b")
    )
    assert [item.group for item in listed(path).items] == ["000000", "000000", ""]


def test_labels_and_groups_may_be_asked_from_names(tmp_path):
    path = tmp_path / "x.tar"
    path.write_bytes(tarred(member(b"a_1.jpg"), member(b"a_1.cls", b"9"), member(b"b_1.jpg")))
    listing = listed(path, label="^([a-z])_", group="_([0-9])")
    assert [(item.label, item.group) for item in listing.items] == [("a", "1"), ("b", "1")]


def test_other_files_of_the_folder_are_accounted_for(tmp_path):
    save(tmp_path / "train-0.tar", pair(b"cat"))
    (tmp_path / "README.md").write_text("about")
    (tmp_path / "train-1.tar").write_bytes(b"")
    assert reasons(*shard_paths(str(tmp_path))) == {
        "README.md": ("not-a-picture", "no tar archive"),
        "train-1.tar": ("empty", "no tar archive"),
    }


def test_hostile_members_of_a_shard_are_excluded(tmp_path):
    path = tmp_path / "x.tar"
    good = [member(b"0.jpg"), member(b"0.cls", b"cat")]
    link = member(b"1.jpg", b"", kind=b"2", link=b"/etc/passwd")
    hidden = member(b"._0.jpg")
    path.write_bytes(tarred(*good, link, member(b"../2.jpg"), hidden, member(b"0.jpg")))
    assert {each.name: each.reason for each in listed(path).excluded} == {
        "1.jpg": "link",
        "../2.jpg": "unsafe-name",
        "._0.jpg": "system-file",
        "0.jpg": "repeated",
    }


def test_a_damaged_shard_is_refused_by_name(tmp_path):
    path = save(tmp_path / "x.tar", pair(b"cat"))
    path.write_bytes(path.read_bytes()[:-1024])
    with pytest.raises(DataError) as caught:
        listed(path)
    assert str(caught.value) == f"{path}: the archive is cut short"


def test_an_archive_of_class_folders_is_no_webdataset(tmp_path):
    path = tmp_path / "x.tar"
    pictures = [member(b"cat/%d.jpg" % number) for number in range(9)]
    path.write_bytes(tarred(*pictures, member(b"cat/0.txt", b"a note")))
    assert not is_webdataset([path])
    assert not is_webdataset([tmp_path / "absent"])
    assert not is_webdataset([])
