"""Hostile archives: each member is accounted for or the archive is refused, nothing is written."""

import gzip
import hashlib
import io
import os
import tarfile
import time
from collections import Counter

import pytest
from archive_attacks import ATTACKS, WHOLE
from archive_files import Zipped, member, tarred, zipped
from mutations import MEGABYTE, mutants, traced_peak

from kenspeckle.data.source_config import SourceConfig
from kenspeckle.data.sources.tar_archive import is_tar, list_tar
from kenspeckle.data.sources.zip_archive import is_zip, list_zip
from kenspeckle.errors import DataError

SECONDS = 2  # of processor time, since the machine may have other work


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A folder with something to destroy, from which archives are read."""
    (tmp_path / "here" / "deep").mkdir(parents=True)
    (tmp_path / "out.jpg").write_bytes(b"precious")
    (tmp_path / "here" / "link").symlink_to(tmp_path / "out.jpg")
    monkeypatch.chdir(tmp_path / "here" / "deep")
    return tmp_path


def snapshot(folder):
    """Everything in `folder` and below but the spool."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if "spool" in path.parts:
            continue
        state = path.lstat()
        content = os.readlink(path) if path.is_symlink() else b""
        if path.is_file() and not path.is_symlink():
            content = hashlib.sha256(path.read_bytes()).digest()
        found[path] = state.st_mode, state.st_nlink, state.st_size, content
    return found


def listed(path, spool):
    if is_zip(path):
        return list_zip(path, SourceConfig(), source=str(path))
    return list_tar(path, SourceConfig(), source=str(path), spool=spool)


def refusal(path, error):
    message = str(error)
    assert message.startswith(f"{path}: ") and message.isprintable() and len(message) < 500
    return message


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_ends_in_a_full_account_or_in_one_line_and_writes_nothing(world, name):
    data, expected = ATTACKS[name]
    path = world / "here" / "deep" / "archive"
    path.write_bytes(data)
    before, start = snapshot(world), time.process_time()
    try:
        listing = listed(path, world / "spool")
    except DataError as error:
        assert isinstance(expected, str), error
        assert expected in refusal(path, error)
    else:
        assert isinstance(expected, dict), listing
        counts = Counter(each.reason for each in listing.excluded)
        counts["item"] = len(listing.items) - 1  # the good one
        assert counts == Counter({"item": 0} | expected)
        names = [item.name for item in listing.items]
        assert len({*names}) == len(names) and "".join(names).isprintable()
        for item in listing.items:
            place = item.place
            assert os.path.getsize(place.path) >= place.offset + place.size > place.offset
    assert time.process_time() - start < SECONDS
    assert snapshot(world) == before
    assert len(list(world.glob("spool/*"))) <= 1


def test_the_snapshot_would_notice_an_extraction(world):
    deep = world / "here" / "deep"
    (deep / "archive").write_bytes(tarred(member(b"../../out.jpg", b"destroyed")))
    before = snapshot(world)
    with tarfile.open(deep / "archive") as archive:
        archive.extractall(deep, filter="fully_trusted")
    assert snapshot(world) != before
    (world / "out.jpg").write_bytes(b"precious")
    assert snapshot(world) == before


def test_the_corpus_is_as_large_as_it_says():
    assert len(ATTACKS) >= 150
    assert len({data for data, _ in ATTACKS.values()}) >= 150


@pytest.mark.parametrize("form", ["zip", "tar", "tar.gz"])
def test_nothing_but_a_refusal_or_a_listing_comes_out_of_damage(world, form):
    path = world / "here" / "deep" / "archive"
    before = snapshot(world)
    read = 0
    for name, data in mutants([WHOLE[form]], count=300, seed=3):
        path.unlink(missing_ok=True)
        path.write_bytes(data)
        try:
            listing = listed(path, world / "spool")
        except DataError as error:
            refusal(path, error)
            continue
        assert len(listing.items) <= 100, name
        read += 1
    assert 5 < read < 290
    path.unlink()
    assert snapshot(world) == before


def many(form, count):
    if form == "zip":
        return zipped(*(Zipped(name=b"%d/%d" % (n % 9, n), content=b"") for n in range(count)),
                      wide=count > 65535)  # fmt: skip
    output = io.BytesIO()
    output.writelines(member(b"%d/%d" % (n % 9, n), b"") for n in range(count))
    return output.getvalue() + bytes(1024)


@pytest.mark.parametrize(
    ("count", "seconds"),
    [(70_000, 6), pytest.param(1_000_000, 90, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("form", ["zip", "tar"])
def test_many_members_are_listed_in_bounded_time(world, form, count, seconds):
    path = world / "here" / "deep" / "archive"
    path.write_bytes(many(form, count))
    start = time.process_time()
    assert len(listed(path, world / "spool").items) == count
    assert time.process_time() - start < seconds


@pytest.mark.slow
@pytest.mark.parametrize("form", ["zip", "tar"])
def test_over_a_million_members_are_refused(world, form):
    path = world / "here" / "deep" / "archive"
    path.write_bytes(many(form, 1_000_001))
    with pytest.raises(DataError, match="1,000,000"):
        listed(path, world / "spool")


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_memory_for_a_list_stays_in_proportion_to_it(world, form):
    path = world / "here" / "deep" / "archive"
    path.write_bytes(many(form, 20_000))
    peak, listing = traced_peak(lambda: listed(path, world / "spool"))
    assert len(listing.items) == 20_000
    assert peak < 20_000 * 1500


def test_what_is_announced_is_not_allocated(world):
    path = world / "here" / "deep" / "archive"
    path.write_bytes(ATTACKS["zip: huge count"][0])
    with pytest.raises(DataError):
        listed(path, world / "spool")  # loads what is loaded once

    def refused():
        with pytest.raises(DataError):
            listed(path, world / "spool")

    peak, _ = traced_peak(refused)
    assert peak < MEGABYTE


def test_kinds_are_told_by_content(world):
    path = world / "archive.txt"
    for form, data in WHOLE.items():
        path.write_bytes(data)
        assert (is_zip(path), is_tar(path)) == (form == "zip", form != "zip")
    for data in (b"", b"PK", bytes(10240), gzip.compress(b"text"), b"\x1f\x8b", b"x" * 600):
        path.write_bytes(data)
        assert not is_zip(path) and not is_tar(path)
    assert not is_zip(world) and not is_tar(world / "absent")
