"""Pickle files read without pickle: plain values, or one line and nothing run."""

import os
import pickle
import struct
import subprocess
import sys
import time
from functools import partial

import cifar_files as cifar
import numpy as np
import pytest
from mutations import MEGABYTE, traced_peak

from kenspeckle.data.sources.plain_pickle import MAX_STEPS, read_pickle
from kenspeckle.errors import DataError

REFUSED = ", which no file of pixels and labels needs; nothing was run, and pickle must not open it"
NO_CALL = "a call that making an array of bytes does not need"
NO_SHAPE = "an array whose shape is not of positive integers"
NO_KEY = "a key that is not text of at most 100 characters"
ARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\1b\x87R"
WIDE_TEXT = b"\x80\2X\0\0\2\0" + bytes(131068) + "😀".encode()
NEEDED = b"(]}aesutcRbhjqrUTCBXKMJN).\x85\x86\x87\x88\x89\x8a\x8c\x8d\x8e\x93\x94\x95"


def text(value):
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def encode(value, encoding="latin1"):
    return b"c_codecs\nencode\n" + text(value) + text(encoding) + b"\x86R"


def array(shape):
    """An array with one byte whose shape is what `shape` puts on the stack."""
    kind = b"cnumpy\ndtype\nU\2u1K\0K\1\x87R"
    return b"\x80\2" + ARRAY + b"(K\1" + shape + kind + b"\x89U\1atb"


def pickle_refusal(data):
    with pytest.raises(DataError) as caught:
        read_pickle(data, name="x")
    message = str(caught.value)
    assert message.startswith("x: ") and message.isprintable() and len(message) < 400
    return message.removeprefix("x: ")


def assert_same(found, expected):
    assert list(found) == list(expected)
    for key, value in expected.items():
        if isinstance(value, np.ndarray):
            assert found[key].dtype == np.uint8
            assert np.array_equal(found[key], value)
        else:
            assert found[key] == value, key


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_values_are_those_that_pickle_itself_would_give(protocol):
    items = {
        "integers": [0, 255, 256, 65535, 65536, -1, 2**31, -(2**63), 2**63 - 1],
        "constants": [True, False, None],
        "texts": ["", "two", "二" * 1000, b"\xff" * 300],
        "again": ["two", "two"],
        "array": np.arange(200, dtype=np.uint8).reshape(2, 5, 20),
        "fortran": np.asfortranarray(np.arange(6, dtype=np.uint8).reshape(2, 3)),
    }
    data = pickle.dumps(items, protocol=protocol)
    assert_same(read_pickle(data, name="x"), pickle.loads(data))


def test_the_hand_made_files_of_python_2_are_what_pickle_reads():
    for items in (cifar.values(0, 10), cifar.values(0, 100), cifar.meta(10), cifar.meta(100)):
        data = cifar.python2(items)
        assert_same(pickle.loads(data, encoding="latin1"), items)
        found = read_pickle(data, name="x")
        expected = pickle.loads(data, encoding="bytes")
        assert_same(found, {key.decode(): value for key, value in expected.items()})


class Calls:
    """Pickled as a call of `function`, as in an attack."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


ATTACKS = [
    (os.system, ("echo bad",), "posix.system"),
    (eval, ("1",), "builtins.eval"),
    (exec, ("1",), "builtins.exec"),
    (__import__, ("antigravity",), "builtins.__import__"),
    (getattr, ("", "join"), "builtins.getattr"),
    (open, ("/tmp/x", "w"), "io.open"),
    (os.unlink, ("/tmp/x",), "posix.unlink"),
    (np.load, ("x",), "numpy.load"),
    (bytearray, (1 << 40,), "builtins.bytearray"),
]


@pytest.mark.parametrize(("function", "arguments", "named"), ATTACKS)
@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_a_pickle_that_names_code_is_refused_with_what_it_names(
    protocol, function, arguments, named
):
    data = pickle.dumps({"labels": Calls(function, *arguments)}, protocol=protocol)
    if protocol == 2:
        named = named.replace("builtins", "__builtin__")
    assert pickle_refusal(data) == f"it names {named!r}{REFUSED}"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a pickle of protocol 2, 3 or 4 (it begins with nothing, not with 80 02)"),
        (b"\x80\5}.", "not a pickle of protocol 2, 3 or 4 (it begins with 80 05, not with 80 02)"),
        (b"(dp0\n.", "not a pickle of protocol 2, 3 or 4 (it begins with 28 64, not with 80 02)"),
        (b"\x80\2", "cut short: 1 bytes expected, 0 are left"),
        (b"\x80\2}", "cut short: 1 bytes expected, 0 are left"),
        (b"\x80\2}.x", "1 bytes after its end"),
        (b"\x80\2.", "it does not hold one dict"),
        (b"\x80\2].", "it does not hold one dict"),
        (b"\x80\2}}.", "it does not hold one dict"),
        (b"\x80\2(}.", "it does not hold one dict"),
        (b"\x80\2T\xff\xff\xff\xff", "cut short: 4,294,967,295 bytes expected, 0 are left"),
        (b"\x80\3B\xff\xff\xff\x7fab", "cut short: 2,147,483,647 bytes expected, 2 are left"),
        (b"\x80\4\x8e" + b"\xff" * 8, f"cut short: {2**64 - 1:,} bytes expected, 0 are left"),
        (b"\x80\4\x95" + b"\xff" * 8, f"cut short: {2**64 - 1:,} bytes expected, 0 are left"),
        (b"\x80\2X\1\0\0\0\xff", "text that is not UTF-8"),
        (WIDE_TEXT, "text of 131,072 bytes that are not pixels"),
        (b"\x80\2h\7", "it refers to place 7 of its memo, where nothing is"),
        (b"\x80\2a", "it takes a value where there is none"),
        (b"\x80\2](a", "it takes a value where there is none"),
        (b"\x80\2}U\1kK\1(s", "it takes a value where there is none"),
        (b"\x80\2q\0", "it takes a value where there is none"),
        (b"\x80\2e", "it goes back to a mark where there is none"),
        (b"\x80\2]h\0", "it refers to place 0 of its memo, where nothing is"),
        (b"\x80\2]q\0h\0a", "a list holds something other than integers and text"),
        (b"\x80\2}]K\1s", NO_KEY),
        (b"\x80\2}" + b"U\x65" + b"k" * 101 + b"K\1s", NO_KEY),
        (b"\x80\2}U\1kK\1sX\1\0\0\0kK\1s", "two values for the key 'k'"),
        (b"\x80\2}(K\1u", "keys and values without a dict, or a key without a value"),
        (b"\x80\2}U\1k}s", "a dict holds something other than text, integers, lists, arrays"),
        (b"\x80\2}U\1k)s", "a dict holds something other than text, integers, lists, arrays"),
        (b"\x80\2)\x85\x85", "tuples, lists or dicts nested too deep"),
        (b"\x80\2]\x85", "tuples, lists or dicts nested too deep"),
        (b"\x80\2(" + b"N" * 10 + b"t", "a tuple of 10 items, at most 9 can be read"),
        (b"\x80\2c" + b"a" * 200, "a name without an end, or of more than 100 bytes"),
        (b"\x80\4K\1K\1\x93", "it names something that is not text" + REFUSED),
        (b"\x80\2cos\x1b[2J\nx\ny\n", "it names 'os\\x1b[2J.x'" + REFUSED),
        (b"\x80\2cnumpy\nndarray\nK\1\x85R", NO_CALL),
        (b"\x80\2K\1)R", NO_CALL),
        (b"\x80\2" + encode("a", "zlib"), NO_CALL),
        (b"\x80\2" + encode("二"), "bytes written as text have a character over 255"),
        (b"\x80\2}U\1k" + ARRAY + b"s.", "the array 'k' has no content"),
        (b"\x80\2]Nb", "the state of something other than an array of bytes"),
        (array(b"K\2\x85"), "an array of shape (2,) with 1 bytes"),
        (array(b"J\xff\xff\xff\xff\x85"), NO_SHAPE),
        (array(b"K\0J\xff\xff\xff\x7f\x86"), NO_SHAPE),
    ],
)  # fmt: skip
def test_a_damaged_or_hostile_pickle_is_explained(data, message):
    assert pickle_refusal(data) == message


@pytest.mark.parametrize("code", sorted(set(range(256)) - set(NEEDED)))
def test_an_opcode_that_is_not_needed_is_never_followed(code):
    assert pickle_refusal(b"\x80\2}" + bytes([code]) + b"K\0.") == (
        f"opcode 0x{code:02x}, which no file of pixels and labels needs"
    )


HOOK = """
import sys
import kenspeckle.data.sources.cifar
from kenspeckle.data.sources.detect import open_dataset
events = []
sys.addaudithook(lambda event, details: events.append((event, details)))
try:
    {action}
except Exception as error:
    outcome = f"{{type(error).__name__}}: {{error}}"
for event, details in list(events):
    if event != "open" or not isinstance(details[0], int):  # a descriptor was opened before
        print(event, details[0] if event in ("open", "import") else "")
print(outcome)
"""


def audited(action, *arguments):
    """What the interpreter did during `action`, one event a line, and then how it ended."""
    done = subprocess.run(
        [sys.executable, "-c", HOOK.format(action=action), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.fixture
def hostile(tmp_path):
    """A CIFAR-10 folder with a batch that would make a file, and where that would be."""
    target = tmp_path / "made"
    files = cifar.python_files(10)
    files["data_batch_5"] = pickle.dumps({"data": Calls(open, str(target), "w")}, protocol=2)
    return cifar.save_folder(tmp_path / "cifar", files), target


def test_reading_a_hostile_file_opens_its_folder_and_does_nothing_else(hostile):
    folder, target = hostile
    *events, outcome = audited("open_dataset(sys.argv[1])", folder)
    names = ("batches.meta", *cifar.BATCHES, "test_batch")
    assert set(events) == {f"open {folder / name}" for name in names}
    assert outcome == f"DataError: {folder / 'data_batch_5'}: it names 'io.open'{REFUSED}"
    assert not target.exists()


def test_the_audit_notices_what_pickle_would_have_done(hostile):
    folder, target = hostile
    action = "import pickle; pickle.load(open(sys.argv[1], 'rb')); outcome = 'read'"
    events = audited(action, folder / "data_batch_5")
    assert "pickle.find_class " in events
    assert f"open {target}" in events
    assert target.exists()


MANY = 100_000  # a fifth of what is allowed: tracing is slow, and memory grows with the steps
BOMBS = {
    "lists": b"\x80\2" + b"]" * MANY,
    "marks": b"\x80\2" + b"(" * MANY,
    "dicts in the memo": b"\x80\2" + b"}\x94" * MANY,
    "lists in lists": b"\x80\2" + b"]" * MANY + b"a" * MANY,
    "tuples of tuples": b"\x80\2)q\0" + b"h\0h\0\x86q\0" * 100,
    "a list of itself": b"\x80\2}q\0U\1a]q\1(" + b"h\1" * MANY + b"es.",
    "one text as bytes again and again": (
        b"\x80\2" + text("a" * MEGABYTE) + b"q\0" + text("latin1") + b"q\1"
        + b"c_codecs\nencode\nh\0h\1\x86R" * 400
    ),
    "one long key again and again": (
        b"\x80\2" + text("a" * MEGABYTE) + b"q\0}h\0Ns" + b"h\0Ns" * MANY
    ),
}  # fmt: skip


@pytest.mark.parametrize("data", BOMBS.values(), ids=list(BOMBS))
def test_a_bomb_is_refused_in_memory_of_its_own_size(data):
    peak, _ = traced_peak(partial(pickle_refusal, data))
    assert peak < 4 * len(data) + 32 * MEGABYTE


def test_the_measure_of_memory_notices_what_pickle_makes_of_a_bomb():
    data = BOMBS["one text as bytes again and again"]

    def load():
        with pytest.raises(EOFError):
            pickle.loads(data)

    assert traced_peak(load)[0] > 4 * len(data) + 32 * MEGABYTE


def test_the_number_of_steps_is_limited():
    start = time.process_time()
    message = f"more than {MAX_STEPS:,} steps to read it"
    assert pickle_refusal(b"\x80\2" + b"}\x94" * (MAX_STEPS // 2) + b".") == message
    assert pickle_refusal(b"\x80\2" + b"]" * (100 * MAX_STEPS)) == message
    assert time.process_time() - start < 30  # measured: one
