"""Hostile and damaged archives, each with what must come of it."""

import gzip

from archive_files import Zipped, long_name, member, pax, tarred, zipped
from mutations import MEGABYTE

GIGABYTE = 1 << 30
GOOD = b"cat/good.jpg"
UNSAFE = [
    b"../out.jpg",
    b"../../../../out.jpg",
    b"cat/../../out.jpg",
    b"cat/../out.jpg",
    b"cat/..",
    b"..",
    b"..\\out.jpg",
    b"cat\\..\\..\\out.jpg",
    b"cat/..\\out.jpg",
    b"./../out.jpg",
    b"/out.jpg",
    b"//server/share/out.jpg",
    b"///out.jpg",
    b"/../out.jpg",
    b"\\out.jpg",
    b"\\\\server\\share\\out.jpg",
    b"\\\\?\\C:\\out.jpg",
    b"\\\\.\\pipe\\out",
    b"C:\\out.jpg",
    b"C:/out.jpg",
    b"C:out.jpg",
    b"c:..\\out.jpg",
    b"z:\\..\\out.jpg",
    b"/etc/passwd",
    b"/proc/self/mem",
    b"/dev/null",
    b".",
    b"./.",
    b"././.",
    b"cat/" + b"../" * 30 + b"out.jpg",
]
LONG = [b"9" * 4097, b"a/" * 2100 + b"x.jpg", b"../" * 2000 + b"out.jpg", b"cat/" + b"9" * 60000]

ATTACKS = {}  # name: the bytes, and counts of reasons or a part of the message


def attack(name, data, expected):
    assert name not in ATTACKS, name
    ATTACKS[name] = data, expected


def zip_attack(name, *members, expected, **fields):
    attack(f"zip: {name}", zipped(Zipped(name=GOOD), *members, **fields), expected)


def tar_attack(name, *members, expected):
    data = tarred(member(GOOD), *members)
    attack(f"tar: {name}", data, expected)
    attack(f"tar.gz: {name}", gzip.compress(data), expected)


for unsafe in UNSAFE:
    zip_attack(f"called {unsafe!a}", Zipped(name=unsafe), expected={"unsafe-name": 1})
    tar_attack(f"called {unsafe!a}", member(unsafe), expected={"unsafe-name": 1})
for number, unsafe in enumerate(LONG):
    zip_attack(f"too long {number}", Zipped(name=unsafe), expected={"unsafe-name": 1})
    tar_attack(f"too long {number}", long_name(unsafe), expected={"unsafe-name": 1})
    said = pax({b"path": unsafe})
    tar_attack(f"PAX, too long {number}", said, member(b"x"), expected={"unsafe-name": 1})
for unsafe in (b"cat/a\0.jpg", b"\0", b"cat/../x\0", b"../out.jpg", b"/out.jpg", b"C:/x.jpg"):
    zip_attack(f"NUL or so {unsafe!a}", Zipped(name=unsafe), expected={"unsafe-name": 1})
    said = pax({b"path": unsafe})
    tar_attack(f"PAX says {unsafe!a}", said, member(b"x"), expected={"unsafe-name": 1})

for target in (b"/etc", b"..", b"/etc/passwd", b"loop", b""):
    through = b"loop/passwd"
    zip_attack(
        f"link to {target!a} and a file through it",
        Zipped(name=b"loop", content=target, mode=0o120777),
        Zipped(name=through),
        expected={"link": 1, "item": 1},
    )
    for kind in (b"1", b"2"):
        tar_attack(
            f"link {kind!a} to {target!a} and a file through it",
            member(b"loop", b"", kind=kind, link=target),
            member(through),
            expected={"link": 1, "item": 1},
        )
for mode in (0o020666, 0o060666, 0o010644, 0o140755):
    zip_attack(f"mode {mode:o}", Zipped(name=b"cat/x", mode=mode), expected={"special": 1})
for kind in b"346VMDANZ":
    kind = bytes([kind])
    tar_attack(f"type {kind!a}", member(b"cat/x", b"", kind=kind), expected={"special": 1})
for kind in b"123456":
    kind = bytes([kind])
    wrong = member(b"cat/x", b"", kind=kind, size=8 * GIGABYTE - 1)
    expected = "" if kind == b"5" else {"link": 1} if kind in b"12" else {"special": 1}
    tar_attack(f"type {kind!a} with a size", wrong, expected=expected or {})
tar_attack("sparse, old", member(b"cat/x", kind=b"S"), expected="a sparse file is in it")
tar_attack(
    "sparse, PAX", pax({b"GNU.sparse.major": b"1"}), member(b"cat/x"), expected={"special": 1}
)

for name, names, counts in (
    ("twice", [b"cat/a.jpg"] * 2, {"item": 1, "repeated": 1}),
    ("five times", [b"cat/a.jpg"] * 5, {"item": 1, "repeated": 4}),
    ("twice, spelled otherwise", [b"cat/a.jpg", b"./cat//a.jpg"], {"item": 1, "repeated": 1}),
    ("case twins", [b"cat/a.jpg", b"cat/A.jpg", b"CAT/a.jpg"], {"item": 3}),
    ("a file that is a folder as well", [b"dog", b"dog/a.jpg"], {"item": 1, "unlabelled": 1}),
    ("control letters", [b"cat/\x1b[2J\r\n.jpg"], {"item": 1}),
    ("system files", [b"__MACOSX/x", b"cat/.DS_Store", b"cat/Thumbs.db"], {"system-file": 3}),
    ("4,000 digits", [b"cat/" + b"9" * 4000], {"item": 1}),
):
    zip_attack(name, *(Zipped(name=each) for each in names), expected=counts)
    tar_attack(name, *(long_name(each) for each in names), expected=counts)

tar_attack(
    "names that look the same when printed",
    member(b"cat/\\x1b"),
    member(b"cat/\x1b"),
    expected={"item": 1, "repeated": 1},
)

for flags in (1, 65, 1 << 13, 1 | 8, 1 | 1 << 11):
    zip_attack(
        f"encrypted {flags:#x}", Zipped(name=b"cat/x", flags=flags), expected={"encrypted": 1}
    )
zip_attack("AES", Zipped(name=b"cat/x", method=99), expected={"encrypted": 1})
for method in (1, 2, 6, 9, 12, 14, 93, 95, 98, 65535):
    zip_attack(f"method {method}", Zipped(name=b"cat/x", method=method), expected={"damaged": 1})
zip_attack("two methods", Zipped(name=b"cat/x", local_method=8), expected={"damaged": 1})
zip_attack("no local header", Zipped(name=b"cat/x", local_mark=b"PK\1\2"), expected={"damaged": 1})
zip_attack("wrong checksum", Zipped(name=b"cat/x", checksum=1), expected={"item": 1})
zip_attack("not packed, two sizes", Zipped(name=b"cat/x", unpacked=9), expected={"damaged": 1})
for size in (8, 1000, 1 << 20, 1 << 29, FULL_LESS := 0xFFFFFFFE):
    reason = "too-large" if size > 1 << 29 else "damaged"
    zip_attack(
        f"packed size {size}", Zipped(name=b"dog/x", packed=size, unpacked=size),
        junk=b"" , expected={reason: 1},
    )  # fmt: skip
for size in (1 << 29 | 1, 1 << 31, FULL_LESS, 1 << 40, 1 << 62, (1 << 63) + 1, (1 << 64) - 1):
    wide = Zipped(name=b"cat/x", method=8, unpacked=size, wide=True)
    zip_attack(f"unpacked size {size}", wide, expected={"too-large": 1})
    wide = Zipped(name=b"cat/x", packed=size, wide=True)
    zip_attack(f"wide packed size {size}", wide, expected={"too-large": 1})
    wide = Zipped(name=b"cat/x", header=size, wide=True)
    zip_attack(f"wide offset {size}", wide, expected={"damaged": 1})
bomb = Zipped(name=b"cat/x", content=bytes(65 * MEGABYTE), method=8)
zip_attack("ratio", bomb, expected={"too-large": 1})
zip_attack("no zip64 field", Zipped(name=b"cat/x", unpacked=0xFFFFFFFF), expected="over 4 GiB")
zip_attack(
    "short zip64 field",
    Zipped(name=b"cat/x", packed=0xFFFFFFFF, extra=b"\1\0\4\0\0\0\0\0"),
    expected="over 4 GiB",
)
zip_attack("members at one place", Zipped(name=b"cat/x", header=0), expected="members overlap")
zip_attack(
    "members inside each other",
    *(Zipped(name=b"cat/x%d" % n, content=bytes(500 - 30 * n), packed=500, unpacked=500)
      for n in range(3)),
    Zipped(name=b"cat/end", content=bytes(2000)),
    expected="members overlap",
)  # fmt: skip
for announced in (0, 1, 3, 65535):
    zip_attack(f"{announced} announced", Zipped(name=b"cat/x"), count=announced, expected="")
zip_attack("huge count", count=10**12, wide=True, expected="at most 1,000,000 are read")
zip_attack("just too many", count=1_000_001, wide=True, expected="at most 1,000,000 are read")
zip_attack("huge directory", size=1 << 29, expected="at most 268,435,456 are read")
zip_attack("endless directory", size=(1 << 64) - 1, wide=True, expected="a directory of")
for start in (0, 1, 10, 10**6, 0xFFFFFFFE):
    zip_attack(f"directory at {start}", start=start, expected="damaged")
zip_attack("directory at 2**63", start=1 << 63, wide=True, expected="damaged")
zip_attack("one of several", disk=1, expected="in several files")
zip_attack("a comment that looks like an end", comment=b"PK\5\6" + bytes(30), expected={})
zip_attack("a second end", comment=zipped(Zipped(name=b"dog/x")), expected="damaged")
attack("zip: bytes after it", zipped(Zipped(name=GOOD)) + b"x", "directory is missing")
attack("zip: empty", zipped(), "no labelled pictures")
attack("zip: joined", zipped(Zipped(name=GOOD)) * 2, "does not end where it should")
attack("zip: bytes before it", b"PK\3\4" + zipped(Zipped(name=GOOD)), "does not end where")
attack("zip: only the start", b"PK\3\4", "directory is missing")
attack("zip: a thousand ends", b"PK\3\4" + b"PK\5\6" * 16000, "")

for size, said in (
    (b"\x80" + b"\0" * 3 + b"\xff" * 8, "cut short"),
    (b"\x80" + b"\xff" * 11, "cut short"),
    (b"\xff" * 12, "no octal number"),
    (b"\xff" * 11 + b"\xfe", "no octal number"),
    (b"-0000000001", "no octal number"),
    (b"-1", "no octal number"),
    (b"77777777777\0", "cut short"),
    (b"777777777777", "cut short"),
    (b"00000009999", "no octal number"),
    (b"", "no octal number"),
):
    for kind in (b"0", b"L", b"x", b"Z"):
        wrong = member(b"cat/x", kind=kind, size=size)
        tar_attack(f"size {size!a} of {kind!a}", wrong, expected="" if kind in b"Lx" else said)
for value in (b"-1", b"1e9", b"0x10", b"", b"9" * 30, b"9" * 5000, b"\xd9\xa3", b"99999999999"):
    tar_attack(
        f"PAX size {value[:9]!a} {len(value)}", pax({b"size": value}), member(b"x"), expected=""
    )
for name, bad in {
    "longer than it is": b"99 path=x\n",
    "no length": b"path=x\n",
    "length of zero": b"0 path=x\n",
    "negative": b"-9 path=x\n",
    "too short": b"3 path=x\n",
    "no end": b"9 path=xyz",
    "no value": b"7 path\n",
    "a huge length": b"9" * 7 + b" a=b\n",
    "digits only": b"9" * 5000,
    "a length that wraps": b"18446744073709551625 path=x\n",
}.items():
    tar_attack(
        f"PAX record: {name}", member(b"p", bad, kind=b"x"), member(b"x"), expected="damaged"
    )
for kind in (b"L", b"x", b"K", b"g"):
    content = b"cat/x\0" if kind in b"LK" else b"11 foo=bar\n"
    chain = [member(b"p", content, kind=kind)] * 1000
    tar_attack(f"a chain of {kind!a}", *chain, expected="over 8 extended headers")
    tar_attack(f"{kind!a} without a member", chain[0], expected="no member")
    tar_attack(f"huge {kind!a}", member(b"p", bytes(1 << 20 | 1), kind=kind), expected="at most")
tar_attack("path of all", pax({b"path": b"../x"}, kind=b"g"), member(b"cat/x"), expected="global")
tar_attack("size of all", pax({b"size": b"9"}, kind=b"g"), member(b"cat/x"), expected="global")
tar_attack("wrong checksum", b"x" + member(b"cat/x")[1:], expected="wrong checksum")
tar_attack("joined", bytes(1024), member(b"cat/x"), expected="archives that were joined")
attack(
    "tar.gz: bomb",
    gzip.compress(tarred(member(GOOD, bytes(66 * MEGABYTE)))),
    "unpacks to more than",
)
attack("tar.gz: in gzip", gzip.compress(gzip.compress(tarred(member(GOOD)))), "not a tar archive")
attack("tar.gz: wrong sum", gzip.compress(tarred(member(GOOD)))[:-8] + bytes(8), "CRC check")
attack("tar.gz: bytes after it", gzip.compress(tarred(member(GOOD))) + b"junk", "cannot be read")

WHOLE = {
    "zip": zipped(*(Zipped(name=b"cat/%d" % n, content=b"x" * 99, method=8) for n in range(5))),
    "tar": tarred(*(long_name(b"cat/%d" % n * 30, b"x" * 999) for n in range(3)))[:-512],
}
WHOLE["tar.gz"] = gzip.compress(WHOLE["tar"])
for form, data in WHOLE.items():
    for cut in sorted({*range(0, len(data), max(1, len(data) // 40)), len(data) - 1}):
        attack(f"{form}: cut at {cut} of {len(data)}", data[:cut], "")
