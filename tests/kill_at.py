"""Run `ken`, and send it signals at a counted event instead of at a moment.

    python tests/kill_at.py serve

reads one JSON job from each line of stdin, forks, runs it, and answers with a line of JSON:
{"code": exit code, or minus the signal; "text": what was printed; "counts": events by name}.
Forking saves importing torch for each job. The events, counted from 0, are

    step         before an update of the weights
    checkpoint   before a file operation inside the folder of checkpoints
    half         those of them that find a checkpoint begun and not yet under its name
    record       before any other file operation of the run
    rename config.toml, write epochs.jsonl and so on: before one of those by its name

and `begun` and `finished` count the records until the configuration and the result are there,
and a write is stopped in its middle. To count them, methods of `Disk` and `Optimizer` are wrapped
here, in a process that exists for nothing else, and the loop pauses after every step.
"""

import json
import os
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path

from kenspeckle import runs, training
from kenspeckle.cli import main, train  # noqa: F401 (imported before the fork)
from kenspeckle.optim import Optimizer
from kenspeckle.run_folder import CHECKPOINTS, CONFIG, RESULT
from kenspeckle.storage import Disk

assert runs

OPERATIONS = ("make_folder", "write", "sync_file", "rename", "sync_folder", "remove")
MARKS = {CONFIG: "begun", RESULT: "finished"}
counts = Counter()


def install(fault):
    """Wrap what is counted; `fault` has an event, a number `at` and a list of signals."""
    training.PAUSE = -1.0

    def happens(event):
        counts[event] += 1
        return fault.get("event") == event and fault["at"] == counts[event] - 1

    def strike():
        for number in fault.get("signals", [signal.SIGKILL]):
            os.kill(os.getpid(), number)

    def counted(name, do):
        def wrapped(self, path, *arguments):
            final = path.name.removeprefix(".").partition(".tmp-")[0]
            events = ["record", f"{name} {final}"]
            if CHECKPOINTS in (path.name, path.parent.name, path.parent.parent.name):
                begun = f".tmp-{os.getpid()}" in str(path) and name not in ("make_folder", "remove")
                events = ["checkpoint", "half"] if begun else ["checkpoint"]
            if any([happens(event) for event in events]):
                if name == "write":
                    path.write_bytes(arguments[0][: len(arguments[0]) // 2])
                strike()
                if name == "write":  # after signals that do not end the process
                    path.unlink()
            do(self, path, *arguments)
            if name == "rename" and final in MARKS:
                counts[MARKS[final]] = counts["record"]

        return wrapped

    for name in OPERATIONS:
        setattr(Disk, name, counted(name, getattr(Disk, name)))
    step = Optimizer.step

    def counted_step(self, rate):
        if happens("step"):
            strike()
        step(self, rate)

    Optimizer.step = counted_step


def child(job, printed, counted):
    """Never returns."""
    code = 99
    try:
        os.dup2(printed, 1)
        os.dup2(printed, 2)
        install(job.get("fault", {}))
        code = main.main(job["arguments"])
        sys.stdout.flush()
        sys.stderr.flush()
        Path(counted).write_text(json.dumps(counts))
    except BaseException:
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
    finally:
        os._exit(code)


def serve():
    for line in sys.stdin:
        job = json.loads(line)
        with tempfile.TemporaryFile() as printed, tempfile.NamedTemporaryFile() as counted:
            sys.stdout.flush()
            process = os.fork()
            if not process:
                child(job, printed.fileno(), counted.name)
            status = os.waitpid(process, 0)[1]
            printed.seek(0)
            answer = {
                "code": os.waitstatus_to_exitcode(status),
                "text": printed.read().decode(),
                "counts": json.loads(counted.read() or b"{}"),
            }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    assert sys.argv[1:] == ["serve"], __doc__
    serve()
