"""A process that decodes what nobody should trust and reports the worst that happened.

`tried` runs it. It ends by a signal where a picture takes too long, so that nothing can hang.
"""

import importlib
import json
import resource
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

SECONDS = 2.0  # of processor time for a picture
MEGABYTES = 256  # beyond what the process has at its start


def tried(module, *arguments, decoder="ours", seconds=SECONDS):
    """The report on all pictures that `module.pictures(*arguments)` yields, as a dict."""
    command = [sys.executable, __file__, module, decoder, str(seconds), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    lines = done.stdout.splitlines()
    if done.returncode:
        last = json.loads(lines[-1])["name"] if lines else done.stderr[-500:]
        return {"ended": done.returncode, "name": last}
    return json.loads(lines[-1])  # what libtiff says on stderr is not ours to silence


def ours(data, max_pixels):
    from kenspeckle.data.decode import decode

    return decode(data, name="x.png", max_pixels=max_pixels)


def raises(data, max_pixels):
    raise RuntimeError("of nobody's list")


def hangs(data, max_pixels):
    while True:
        pass


def hoards(data, max_pixels):
    return ours(data, max_pixels) if b"\1" * (400 << 20) else None


def warns(data, max_pixels):
    warnings.warn("odd", stacklevel=1)
    return ours(data, max_pixels)


DECODERS = {"ours": ours, "raises": raises, "hangs": hangs, "hoards": hoards, "warns": warns}


def main():
    name, decoder, seconds, *arguments = sys.argv[1:]
    sys.path.insert(0, str(Path(__file__).parents[1]))
    pictures = importlib.import_module(name).pictures(*map(int, arguments))
    decode = DECODERS[decoder]
    warnings.simplefilter("error")
    report = {"count": 0, "decoded": 0, "reasons": {}, "faults": []}
    slowest, largest = (0.0, ""), (0, "")
    for name, data, max_pixels in pictures:
        print(json.dumps({"name": name}), flush=True)
        before = _megabytes_at_most(since_now=True)
        signal.setitimer(signal.ITIMER_PROF, float(seconds))
        started = time.process_time()
        fault = _fault(decode, data, max_pixels, report)
        slowest = max(slowest, (time.process_time() - started, name))
        signal.setitimer(signal.ITIMER_PROF, 0)
        grown = _megabytes_at_most() - before
        largest = max(largest, (grown, name))
        if grown > MEGABYTES:
            fault = f"{grown} MB"
        report["count"] += 1
        if fault:
            report["faults"].append(f"{name}: {fault}")
    report |= {"slowest": slowest, "largest": largest}
    print(json.dumps(report))


def _megabytes_at_most(*, since_now=False):
    """The peak of the memory; `since_now` forgets what was before, where the system can do so."""
    if sys.platform != "linux":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    if since_now:
        Path("/proc/self/clear_refs").write_text("5")
    (line,) = (
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM:")
    )
    return int(line.split()[1]) // 1024


def _fault(decode, data, max_pixels, report):
    """What is wrong with the outcome; nothing where it is a picture or a known reason."""
    from kenspeckle.data.listing import REASONS
    from kenspeckle.errors import PictureError

    try:
        found = decode(data, max_pixels)
    except PictureError as error:
        report["reasons"][error.reason] = report["reasons"].get(error.reason, 0) + 1
        is_one_line = str(error).startswith("x.png: ") and str(error).isprintable()
        return "" if error.reason in REASONS and is_one_line else f"message {error}"
    except Exception as error:  # which is the point of the trial
        return f"{type(error).__name__}: {error}"
    report["decoded"] += 1
    if found.ndim != 3 or found.shape[2] not in (1, 3) or not found.size or found.dtype != "uint8":
        return f"an array of {found.shape}"
    return ""


if __name__ == "__main__":
    main()
