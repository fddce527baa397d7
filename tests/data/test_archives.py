"""Zip and tar archives of pictures: classes, splits and the very bytes of every member."""

import gzip
import os
import subprocess
import sys
import tarfile
import zipfile
import zlib
from dataclasses import replace

import pytest
from archive_files import Zipped, long_name, member, pax, tarred, zipped
from photo_folders import encoded, pixels

import kenspeckle as ks
from kenspeckle.data.decoder_process import read_place
from kenspeckle.data.listing import Excluded
from kenspeckle.data.source_config import SourceConfig
from kenspeckle.data.sources.tar_archive import list_tar
from kenspeckle.data.sources.zip_archive import list_zip
from kenspeckle.errors import DataError, StorageError

FILES = {f"{kind}/{n}.jpg": f"{kind} {n} ".encode() * 50 for kind in ("cat", "dog") for n in (1, 2)}
FORMS = ["zip", "deflated", "tar", "ustar", "gnu", "tar.gz"]
TAR_FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT}


def save(folder, form, files):
    """An archive as common programs write it."""
    path = folder / "photos"
    if form in ("zip", "deflated"):
        method = zipfile.ZIP_DEFLATED if form == "deflated" else zipfile.ZIP_STORED
        with zipfile.ZipFile(path, "w", method) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path
    for name, content in files.items():
        (folder / "files" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "files" / name).write_bytes(content)
    mode = "w:gz" if form == "tar.gz" else "w"
    with tarfile.open(path, mode, format=TAR_FORMATS.get(form, tarfile.PAX_FORMAT)) as archive:
        archive.add(folder / "files", arcname=".")
    return path


def listed(path, spool, **settings):
    config = SourceConfig(**settings)
    if zipfile.is_zipfile(path):
        return list_zip(path, config, source="photos")
    return list_tar(path, config, source="photos", spool=spool)


def contents(listing):
    return {item.name: read_place(item.place, name=item.name) for item in listing.items}


def written(path, data):
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("form", FORMS)
def test_folders_in_an_archive_are_classes_and_places_are_the_bytes(tmp_path, form):
    path = save(tmp_path, form, FILES)
    listing = listed(path, tmp_path / "spool")
    assert contents(listing) == FILES
    assert {item.name: item.label for item in listing.items} == {each: each[:3] for each in FILES}
    assert listing.excluded == ()
    assert listing.archive == str(path)


@pytest.mark.parametrize("form", FORMS)
def test_splits_and_an_outer_folder_are_understood(tmp_path, form):
    files = {f"pets/{split}/{name}": b"x" for split in ("train", "test") for name in FILES}
    items = listed(save(tmp_path, form, files), tmp_path / "spool").items
    assert {(item.name.split("/")[1], item.split) for item in items} == {
        ("train", "train"),
        ("test", "test"),
    }
    assert {item.label for item in items} == {"cat", "dog"}


@pytest.mark.parametrize("form", FORMS)
def test_labels_may_be_in_the_names_of_members(tmp_path, form):
    path = save(tmp_path, form, {"a_1.jpg": b"x", "b_1.jpg": b"x"})
    items = listed(path, tmp_path / "spool", label="^([a-z])_").items
    assert [item.label for item in items] == ["a", "b"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["kat/größe.jpg", "kat/猫.jpg", f"kat/{'l' * 90}/{'m' * 120}.jpg"])
def test_names_are_read_as_they_were_written(tmp_path, form, name):
    if form == "ustar" and len(name) > 200:
        name = name[40:].replace("lll/", "kat/", 1)
        name = f"kat/{'l' * 90}/{'m' * 90}.jpg"
    assert [*contents(listed(save(tmp_path, form, {name: b"x"}), tmp_path / "spool"))] == [name]


def test_an_empty_folder_in_an_archive_is_a_class(tmp_path):
    zip_file = zipped(Zipped(name=b"dog/", content=b"", mode=0o40755), Zipped(name=b"cat/a"))
    tar_file = tarred(member(b"dog/", b"", kind=b"5"), member(b"cat/a"))
    for data in (zip_file, tar_file):
        assert listed(written(tmp_path / "x", data), tmp_path).class_names == ("cat", "dog")


def test_zip64_is_read(tmp_path):
    path = tmp_path / "x"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in FILES.items():
            with archive.open(name, "w", force_zip64=True) as file:
                file.write(content)
    assert contents(listed(path, tmp_path)) == FILES
    members = [Zipped(name=name.encode(), content=FILES[name], wide=True) for name in FILES]
    assert contents(listed(written(path, zipped(*members, wide=True)), tmp_path)) == FILES


def test_names_in_dos_letters_and_with_backslashes_are_understood(tmp_path):
    data = zipped(Zipped(name="gr\\ü.jpg".encode("cp437")), Zipped(name="gr\\é.jpg".encode()))
    items = listed(written(tmp_path / "x", data), tmp_path).items
    assert {item.name for item in items} == {"gr/ü.jpg", "gr/é.jpg"}
    assert {item.label for item in items} == {"gr"}


def test_every_exclusion_says_why(tmp_path):
    data = zipped(
        Zipped(name=b"cat/a"),
        Zipped(name=b"cat/a"),
        Zipped(name=b"cat/bzip2", method=12),
        Zipped(name=b"../b"),
        Zipped(name=b"cat/c", flags=1),
        Zipped(name=b"cat/d", method=8, unpacked=1 << 30),
        Zipped(name=b"cat/e", mode=0o120777),
    )
    assert listed(written(tmp_path / "x", data), tmp_path).excluded == (
        Excluded(name="../b", reason="unsafe-name", detail='".." in it'),
        Excluded(name="cat/a", reason="repeated"),
        Excluded(
            name="cat/bzip2",
            reason="damaged",
            detail="packed by method 12, only 0 and 8 (deflate) can be read",
        ),
        Excluded(name="cat/c", reason="encrypted"),
        Excluded(
            name="cat/d",
            reason="too-large",
            detail="1,073,741,824 bytes, at most 536,870,912 are accepted",
        ),
        Excluded(name="cat/e", reason="link", detail="a symbolic link"),
    )


def test_of_two_members_with_one_name_the_first_stays(tmp_path):
    data = tarred(member(b"cat/a", b"first"), member(b"cat/a", b"second"))
    listing = listed(written(tmp_path / "x", data), tmp_path)
    assert contents(listing) == {"cat/a": b"first"}


def test_long_names_and_sizes_beyond_octal_are_read(tmp_path):
    size = b"\x80" + (7).to_bytes(11, "big")
    data = tarred(
        long_name(b"cat/" + b"g" * 200),
        pax({b"path": b"cat/" + b"p" * 200, b"size": b"7"}),
        member(b"short", size=b"00000000000"),
        member(b"cat/base256", size=size),
        member(b"prefixed", prefix=b"cat"),
        member(b"cat/old", kind=b"\0", magic=b""),
    )
    listing = listed(written(tmp_path / "x", data), tmp_path)
    expected = ["base256", "g" * 200, "old", "p" * 200, "prefixed"]
    assert contents(listing) == {f"cat/{name}": b"picture" for name in expected}


def test_a_gzip_archive_is_unpacked_once_and_again_when_it_changed(tmp_path):
    path, spool = save(tmp_path, "tar.gz", FILES), tmp_path / "deep" / "spool"
    assert contents(listed(path, spool)) == FILES
    (first,) = spool.iterdir()
    assert first.read_bytes() == gzip.decompress(path.read_bytes())
    stamp = first.stat().st_mtime_ns
    listed(path, spool)
    assert [each.stat().st_mtime_ns for each in spool.iterdir()] == [stamp]
    os.utime(path, ns=(0, 0))
    listed(path, spool)
    (second,) = spool.iterdir()  # the copy of what it was is gone
    assert second != first


def test_what_is_spooled_is_used_as_it_is(tmp_path):
    """The control of the test above: a spooled file that differs would be noticed."""
    path, spool = save(tmp_path, "tar.gz", FILES), tmp_path / "spool"
    listed(path, spool)
    (first,) = spool.iterdir()
    first.write_bytes(tarred(member(b"fox/1.jpg")))
    assert [*contents(listed(path, spool))] == ["fox/1.jpg"]


def test_a_spool_that_cannot_be_written_is_one_line(tmp_path):
    path = save(tmp_path, "tar.gz", FILES)
    spool = written(tmp_path / "file", b"")
    with pytest.raises(StorageError, match="cannot be made a folder"):
        listed(path, spool)


def test_an_archive_that_is_cut_short_leaves_no_half_of_it(tmp_path):
    data = gzip.compress(tarred(member(b"cat/a")))[:-9]
    with pytest.raises(DataError, match="cannot be read"):
        listed(written(tmp_path / "x", data), tmp_path / "spool")
    assert list((tmp_path / "spool").iterdir()) == []


def test_messages_name_the_file(tmp_path):
    path = written(tmp_path / "photos.zip", zipped(Zipped(name=b"cat/a"))[:-1])
    with pytest.raises(DataError) as caught:
        list_zip(path, SourceConfig(), source="photos.zip")
    message = f"{path}: cut short or damaged: the end of its directory is missing"
    assert str(caught.value) == message
    path = written(tmp_path / "photos.tar", tarred(member(b"cat/a"))[:-1024])
    with pytest.raises(DataError) as caught:
        list_tar(path, SourceConfig(), source="photos.tar", spool=tmp_path)
    assert str(caught.value) == f"{path}: the archive is cut short"


@pytest.mark.parametrize("form", FORMS[:-1])
def test_listing_opens_the_archive_for_reading_and_nothing_else(tmp_path, form):
    path = save(tmp_path, form, FILES)
    code = (
        "import sys; from pathlib import Path\n"
        "from kenspeckle.data.source_config import SourceConfig\n"
        "from kenspeckle.data.sources.tar_archive import list_tar\n"
        "from kenspeckle.data.sources.zip_archive import is_zip, list_zip\n"
        "path, events = Path(sys.argv[1]), set()\n"
        "def heard(event, details):\n"
        "    if not isinstance(details[0], int):  # a descriptor was opened before\n"
        "        events.add((event, str(details[0]), details[2] & 3 if event == 'open' else ''))\n"
        "sys.addaudithook(heard)\n"
        "options = {} if is_zip(path) else {'spool': path}\n"
        "(list_zip if is_zip(path) else list_tar)(path, SourceConfig(), source='x', **options)\n"
        "print(sorted(each for each in events if each[0] not in ('import', 'array.__new__')))"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert done.stdout.strip() == str([("open", str(path), os.O_RDONLY)]), done.stderr


@pytest.mark.parametrize("method", [0, 8])
def test_a_member_whose_checksum_is_wrong_is_excluded_with_its_reason(tmp_path, method):
    members = [
        Zipped(name=b"%s/%d.png" % (label.encode(), number), method=method,
               content=encoded(pixels(number, label=row)))
        for row, label in enumerate(("cat", "dog"))
        for number in range(4)
    ]  # fmt: skip
    whole = ks.open_dataset(written(tmp_path / "whole.zip", zipped(*members)))
    members[2] = replace(members[2], checksum=zlib.crc32(members[2].content) ^ 1)
    found = ks.open_dataset(written(tmp_path / "wrong.zip", zipped(*members)))
    assert whole.origin.excluded == ()
    assert [(item.name, item.reason, item.detail) for item in found.origin.excluded] == [
        ("cat/2.png", "bad-checksum", "its checksum is wrong")
    ]
    assert len(found) == 7
