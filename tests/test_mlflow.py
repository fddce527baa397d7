"""Runs at a real MLflow server on this machine.

The client and the server are those of this Python, or of the one that KENSPECKLE_MLFLOW names,
such as .mlflow/bin/python of a virtual environment with `pip install mlflow`.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import SMALL, bars

import kenspeckle as ks
from kenspeckle import storage
from kenspeckle.cli.main import main

ROOT = Path(__file__).parents[1]
MISSING = "no MLflow server was asked: pip install mlflow, and name its Python by KENSPECKLE_MLFLOW"
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


@pytest.fixture(scope="module")
def python():
    named = os.environ.get("KENSPECKLE_MLFLOW", "")
    if named:
        return named
    if not (find_spec("mlflow") and find_spec("flask")):
        pytest.skip(MISSING)
    return sys.executable


@pytest.fixture(scope="module")
def server(python, tmp_path_factory):
    """The URL of a server, which is ended by its process group."""
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [python, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'store.db'}", "--workers", "1"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, env={**os.environ, **QUIET},
            start_new_session=True,
        )  # fmt: skip
    try:
        _await(url, process, folder / "server.log")
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def _await(url, process, log):
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(log.read_text()[-2000:])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    run = ks.train(bars(), settings=SMALL, out=tmp_path_factory.mktemp("runs") / "it's a run")
    ks.report(run, dataset=bars())
    return run


def ask(server, path, **body):
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(
        f"{server}/api/2.0/mlflow/{path}", data=data, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())


def logged(python, run, url, status="finished"):
    """Log `run` with the client of `python`; the process that did it."""
    code = (
        "import sys, json\nfrom pathlib import Path\nfrom dataclasses import asdict\n"
        "from kenspeckle.mlflow_runs import log_runs\n"
        "run = Path(sys.argv[1])\n"
        "statuses = {run.name: sys.argv[3]}\n"
        "[found] = log_runs([run], sys.argv[2], statuses=statuses)\n"
        "print(json.dumps(asdict(found)))"
    )
    return subprocess.run(
        [python, "-c", code, str(run), url, status], capture_output=True, text=True, timeout=120,
        env={**os.environ, **QUIET, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def log(python, run, url, status="finished"):
    """What was logged."""
    done = logged(python, run, url, status)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_run_arrives_with_settings_curves_result_and_files(python, server, trained):
    found = log(python, trained.path, server)
    assert found["is_new"] and found["run"] == "it's a run"
    run = ask(server, f"runs/get?run_id={found['mlflow_id']}")["run"]
    assert run["info"]["status"] == "FINISHED" and run["info"]["run_name"] == "it's a run"
    params = {each["key"]: each["value"] for each in run["data"]["params"]}
    assert params["optimizer.rate"] == "0.01" and params["model.widths"] == "[4, 8]"
    assert params["train.gradient_clip"] == "Infinity"
    metrics = {each["key"]: each["value"] for each in run["data"]["metrics"]}
    expected = trained.result["validation"]
    assert metrics["result/validation/accuracy"] == expected["accuracy"]
    assert metrics["result/validation/interval/low"] == expected["interval"]["low"]
    query = f"run_id={found['mlflow_id']}&metric_key=validation/accuracy"
    history = ask(server, f"metrics/get-history?{query}")["metrics"]
    told = {int(each["step"]): each["value"] for each in history}
    assert told == {line["step"]: line["validation_accuracy"] for line in trained.epochs}
    files = ask(server, f"artifacts/list?run_id={found['mlflow_id']}")["files"]
    sizes = {file["path"]: int(file["file_size"]) for file in files}
    assert sizes["model.safetensors"] == trained.model_file.stat().st_size
    assert sizes["report.html"] > 10_000


def test_a_run_that_was_tested_since_is_brought_up_to_date_and_not_doubled(python, server, trained):
    first = log(python, trained.path, server)
    measured = ks.evaluate(trained, bars()).measurement
    second = log(python, trained.path, server)
    assert (second["mlflow_id"], second["is_new"]) == (first["mlflow_id"], False)
    run = ask(server, f"runs/get?run_id={first['mlflow_id']}")["run"]
    metrics = {each["key"]: each["value"] for each in run["data"]["metrics"]}
    assert metrics["result/test/accuracy"] == measured.accuracy
    query = f"run_id={first['mlflow_id']}&metric_key=train/loss"
    assert len(ask(server, f"metrics/get-history?{query}")["metrics"]) == len(trained.epochs)


def test_a_run_that_was_stopped_is_not_called_finished(python, server, trained, tmp_path):
    for name in ("config.toml", "environment.json", "epochs.jsonl"):
        storage.write_file(tmp_path / name, (trained.path / name).read_bytes())
    found = log(python, tmp_path, server, status="interrupted")
    run = ask(server, f"runs/get?run_id={found['mlflow_id']}")["run"]
    assert run["info"]["status"] == "KILLED"


def test_a_file_that_is_a_link_does_not_leave_this_machine(python, server, trained, tmp_path):
    (tmp_path / "run").mkdir()
    for name in ("config.toml", "environment.json"):
        storage.write_file(tmp_path / "run" / name, (trained.path / name).read_bytes())
    (tmp_path / "secret").write_text("the user's")
    (tmp_path / "run" / "report.html").symlink_to(tmp_path / "secret")
    done = logged(python, tmp_path / "run", server)
    assert done.returncode == 1
    assert "report.html is a link, and what it is to would leave this machine" in done.stderr


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("127.0.0.1:5000", "expected the URL of a server, such as http://127.0.0.1:5000, got"),
        ("http://user:secret@127.0.0.1:1", "no MLflow server answers at http://127.0.0.1:1: "),
    ],
)
def test_a_server_that_does_not_answer_is_one_line(capsys, trained, url, message):
    assert main(["runs", str(trained.path.parent), "--to-mlflow", url]) == 1
    err = capsys.readouterr().err
    assert message in err and "secret" not in err and len(err.splitlines()) == 1


def test_without_the_client_the_extra_is_named(trained, tmp_path):
    (tmp_path / "mlflow.py").write_text("raise ImportError('not here')")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        done = subprocess.run(
            [sys.executable, "-m", "kenspeckle.cli.main", "runs", trained.path.parent,
             "--to-mlflow", url],
            env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}, capture_output=True, text=True,
        )  # fmt: skip
    assert done.stderr == (
        "ken: the MLflow client is not installed; pip install 'kenspeckle[mlflow]'\n"
    )
