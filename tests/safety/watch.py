"""An audit hook that ends a process which does what no file may make it do.

Allowed: files below `folders` and of the interpreter, its own decoding processes, and the names in
`IMPORTS`. Everything else that the interpreter tells of is written to `report` and stopped.
"""

import json
import os
import sys
import sysconfig

LIBRARIES = tuple(
    {
        os.path.realpath(path)
        for path in (*sysconfig.get_paths().values(), sys.prefix, sys.base_prefix, sys.exec_prefix)
        if len(path) > 1
    }
)
SYSTEM = (  # read by libraries, whatever a file says
    "/dev/null", "/dev/zero", "/dev/urandom", "/dev/fd", "/proc/cpuinfo", "/proc/meminfo",
    "/proc/self", "/proc/sys/kernel/random/boot_id", "/sys/", "/etc/mime.types", "/etc/localtime",
    "/usr/share/zoneinfo", "/usr/share/mime", "/etc/ssl", "/usr/lib", "/lib",
    "/usr/share/locale", "/usr/share/fonts",
)  # fmt: skip
NEVER = (  # whatever the arguments
    "pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile",
    "socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto", "urllib.Request",
    "ftplib.connect", "smtplib.connect", "webbrowser.open", "ctypes.dlopen", "sys.setprofile",
    "code.__new__", "function.__new__", "pty.spawn", "cpython.run_command", "cpython.run_file",
)  # fmt: skip
PATHS = {  # event: how many of its first arguments are paths
    "open": 1, "os.remove": 1, "os.rename": 2, "os.mkdir": 1, "os.rmdir": 1, "os.link": 2,
    "os.symlink": 2, "os.truncate": 1, "os.chmod": 1, "os.chown": 1, "os.utime": 1,
    "os.listdir": 1, "os.scandir": 1, "shutil.rmtree": 1, "shutil.move": 2, "shutil.copyfile": 2,
    "sqlite3.connect": 1, "os.chdir": 1,
}  # fmt: skip
OPTIONAL = (
    "brotli",
    "brotlicffi",
    "zstandard",
    "h2",
    "simplejson",
    "chardet",
    "socks",
    "socksio",
    "olefile",
    "backports",
    "defusedxml",
    "trio",
    "sniffio",
    "outcome",
)
BAIT = ("antigravity", "this", "kenspeckle_canary")  # modules that only hostile files name
OWN_PROCESSES = (["-m", "kenspeckle.data.decoder_process"],)
COMPILERS = (  # that compile what a library wrote, or only parse
    "dataclasses", "collections", "ast", "jinja2.environment", "jinja2.compiler", "enum", "typing",
    "anyio._lazyimport", "importlib._bootstrap", "importlib._bootstrap_external", "attr._make",
    "inspect", "linecache", "runpy", "traceback", "namedtuple", "functools",
    "numpy._core._methods", "zipimport",
)  # fmt: skip


class Forbidden(BaseException):
    """Stops what must not happen; no `except Exception` may hide it."""


def watch(report: str, folders: list[str], *, imports: bool) -> None:
    """Watch this process to its end; with `imports`, also modules of no library are refused."""
    roots = tuple(os.path.realpath(folder) for folder in (*folders, *filter(None, sys.path)))
    file = os.open(report, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def told(event: str, detail: object) -> None:
        os.write(file, f"{event}: {detail}\n"[:500].encode(errors="replace"))
        raise Forbidden(f"{event}: {detail}")

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in NEVER and arguments[:1] != (None,):
            told(event, arguments)
        elif event in PATHS:
            for path in arguments[: PATHS[event]]:
                # renaming and removing are about the link itself, the rest is about what it is to
                place = _itself(path) if event in ("os.rename", "os.remove") else path
                if not _is_below(place, (*roots, *LIBRARIES, *SYSTEM)):
                    told(event, path)
        elif event == "subprocess.Popen":
            command = list(arguments[1])
            is_ours = command[0] == sys.executable and command[1:] in OWN_PROCESSES
            if not is_ours and command[:2] != ["git", "-C"]:
                told(event, command)
        elif event == "import":
            name = str(arguments[0])
            if name in BAIT or (imports and not _is_known(name)):
                told(event, name)
        elif event in ("exec", "compile"):
            caller = sys._getframe(1).f_globals.get("__name__", "?")
            if caller not in COMPILERS and not caller.startswith(
                ("importlib", "_frozen_importlib")
            ):
                told(event, f"by {caller}: {str(arguments[0])[:200]}")

    sys.addaudithook(hook)


def _is_known(name: str) -> bool:
    """Whether a library of this name is installed, or ours."""
    top = name.partition(".")[0]
    if (
        top == "kenspeckle"
        or top in sys.modules
        or top in sys.stdlib_module_names
        or top in OPTIONAL
    ):
        return True
    return any(os.path.exists(os.path.join(root, top)) for root in LIBRARIES)


def _itself(path: object) -> object:
    text = os.fsdecode(path)
    return os.path.join(os.path.realpath(os.path.dirname(text) or "."), os.path.basename(text))


def _is_below(path: object, roots: tuple[str, ...]) -> bool:
    if isinstance(path, int) or path is None or path == ":memory:":
        return True
    text = os.fsdecode(path)
    if text.startswith("file:"):  # of sqlite
        text = text.removeprefix("file:").partition("?")[0]
    real = os.path.realpath(text)
    return any(real == root or real.startswith(root.rstrip("/") + "/") for root in roots)


def watch_decoder() -> None:
    """For a decoding process, which is told by its environment where it may be."""
    told = os.environ.get("KENSPECKLE_WATCH")
    if told:
        where = json.loads(told)
        watch(where["report"], where["folders"], imports=False)  # it is not warm
