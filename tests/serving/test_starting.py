"""A server starts, or says in one line why not; it never stands there half open."""

import contextlib
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from servers import real

from kenspeckle.cli.main import main

ADVICE = "python -c 'import secrets; print(secrets.token_urlsafe())'"


def said(*arguments):
    """The exit code and what `ken serve` wrote, with these arguments, to stderr."""
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        code = main(["serve", *map(str, arguments)])
    return code, errors.getvalue()


@pytest.fixture
def token(tmp_path):
    path = tmp_path / "token"
    path.write_text("0123456789abcdef\n")
    return path


def damaged(run, path, *, at=None, cut=None, extra=b""):
    data = bytearray(run.model_file.read_bytes())
    if at is not None:
        data[at] ^= 1
    path.write_bytes(bytes(data[:cut]) + extra)
    return path


def linked_to_itself(path):
    path.symlink_to(path)
    return path


def pipe(path):
    os.mkfifo(path)
    return path


def emptied(run, folder):
    shutil.copytree(run.path, folder, ignore=shutil.ignore_patterns("model.safetensors"))
    return folder


FILES = {
    "a missing file": (lambda run, at: at, "cannot be read: No such file or directory"),
    "a pipe": (
        lambda run, at: pipe(at),
        "no regular file; expected a model.safetensors or an exported model.onnx",
    ),
    "a device": (lambda run, at: Path("/dev/null"), "no regular file; expected a model"),
    "a link to itself": (lambda run, at: linked_to_itself(at), "cannot be read: Too many levels"),
    "an empty folder": (lambda run, at: at.parent, "no run here (missing config.toml)"),
    "a run without a model": (lambda run, at: emptied(run, at), "no finished run here"),
    "text": (lambda run, at: Path(__file__), "not a safetensors file, or cut short"),
}
CONTENTS = {
    "an empty file": ({"cut": 0}, "cut short (0 bytes)"),
    "half a header": ({"cut": 2000}, "cut short (2,000 bytes)"),
    "all but a byte": ({"cut": -1}, "it is cut short or padded"),
    "a file with more": ({"extra": b"x"}, "it is cut short or padded"),
    "a changed weight": ({"at": -1}, "does not have the SHA-256"),
    "a changed header": ({"at": 20}, ""),
    "a changed length": ({"at": 5}, "cut short"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_model_that_cannot_be_used_is_told_in_one_line(run, tmp_path, kind):
    make, reason = FILES[kind]
    path = make(run, tmp_path / "model")
    code, errors = said(path, "--port", "0")
    assert code == 1
    assert re.fullmatch(r"ken: [^\n]+\n", errors)
    assert reason in errors
    assert str(path) in errors


@pytest.fixture(scope="module")
def replaced(run, tmp_path_factory):
    """A server, and the model file that it reads again."""
    model = shutil.copy(run.model_file, tmp_path_factory.mktemp("replaced") / "net.safetensors")
    with real(model) as started:
        yield started, model


@pytest.mark.parametrize("kind", CONTENTS)
def test_a_damaged_model_is_told_in_one_line(run, replaced, kind):
    damage, reason = CONTENTS[kind]
    server, model = replaced
    damaged(run, Path(f"{model}.new"), **damage).rename(model)
    status, _, body = server.ask("POST", "/v2/repository/models/net/load")
    error = json.loads(body)["error"]
    assert status == 400
    assert error.startswith(f"{model}: ")
    assert reason in error
    assert "\n" not in error


def test_a_port_that_is_taken_is_told_in_one_line(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert said(run.path, "--port", port) == (
            1,
            f"ken: http://127.0.0.1:{port}: cannot listen there: Address already in use; "
            "choose another --port\n",
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "70000"], "port must be in 0..65535, got 70000"),
        (["--port", "-1"], "port must be in 0..65535, got -1"),
        (["--host", "no.such.host.invalid"], "no.such.host.invalid: others can reach"),
        (["--host", "0.0.0.0"], "0.0.0.0: others can reach this address, so a token is needed; "
         "give --token-file FILE, or leave --host out"),
        (["--host", "::"], "::: others can reach this address, so a token is needed"),
        (["--host", "192.0.2.1"], "192.0.2.1: others can reach this address"),
        (["--runs", "/no/such/folder"], "/no/such/folder: no such folder; --runs takes one that "
         "holds runs"),
        (["--token-file", "/no/such/file"], "/no/such/file: cannot be read: No such file"),
    ],
)  # fmt: skip
def test_what_cannot_be_listened_to_is_told_in_one_line(run, arguments, message):
    code, errors = said(run.path, *arguments)
    assert code == 1
    assert errors.startswith(f"ken: {message}")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("text", ["", "short", "two words that are long enough", "0123456789abcde"])
def test_a_weak_token_is_refused(run, token, text):
    token.write_text(text)
    assert said(run.path, "--token-file", token) == (
        1,
        f"ken: {token}: a token is one line of at least 16 letters and digits; "
        f"make one with `{ADVICE}`\n",
    )


def test_an_address_of_another_machine_cannot_be_listened_to(run, token):
    code, errors = said(run.path, "--host", "192.0.2.1", "--port", "0", "--token-file", token)
    assert code == 1
    assert "http://192.0.2.1:0: cannot listen there" in errors


def test_an_interrupted_start_leaves_nothing_behind(run):
    process = subprocess.Popen(
        [sys.executable, "-m", "kenspeckle.cli.main", "serve", run.path, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.8)
        process.terminate()
        assert process.wait(timeout=10) in (0, 143)
        assert process.stdout.read() == b""


def reachable(address, port, family):
    with socket.socket(family) as end:
        end.settimeout(1)
        return end.connect_ex((address, port)) == 0


def local_addresses():
    """Every address of this machine that tests can name."""
    found = {("127.0.0.1", socket.AF_INET), ("127.0.0.2", socket.AF_INET)}
    if socket.has_ipv6:
        found.add(("::1", socket.AF_INET6))
    for family, _, _, _, address in socket.getaddrinfo(socket.gethostname(), None):
        found.add((address[0], family))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end, contextlib.suppress(OSError):
        end.connect(("192.0.2.1", 9))  # sends nothing, but chooses an address
        found.add((end.getsockname()[0], socket.AF_INET))
    return sorted(found)


def test_only_this_machine_reaches_the_server(server):
    for address, family in local_addresses():
        assert reachable(address, server.port, family) == (address == "127.0.0.1"), address


def test_with_a_token_other_addresses_reach_it_too(run, token):
    with real(run.path, "--host", "0.0.0.0", "--token-file", token) as server:
        assert f"http://{socket.gethostname()}:" in server.line
        for address, family in local_addresses():
            assert reachable(address, server.port, family) == (family == socket.AF_INET)
