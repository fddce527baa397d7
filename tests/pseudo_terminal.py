"""Run a command in a terminal of so many columns, and see what stands on its screen."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

_TOKEN = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])|\x1b[^\[]|[\r\n]|[^\x1b\r\n]+")


class Screen:
    """As much of a terminal as programs here use; remembers every line that it has shown."""

    def __init__(self, columns):
        self.columns = columns
        self.lines = [""]
        self.row = self.column = 0
        self.shown = []  # lines that were there when they were wiped, and those that are left
        self.overflows = []  # what did not fit into its line
        self.cursor_is_visible = True

    def feed(self, text):
        for match in _TOKEN.finditer(text):
            parameters, letter = match.group(1), match.group(2)
            if letter:
                self._control(parameters, letter)
            elif match.group() == "\r":
                self.column = 0
            elif match.group() == "\n":
                self.row += 1
                self.column = 0
                self.lines += [""] * (self.row + 1 - len(self.lines))
            else:
                self._write(match.group())
        return self

    def _control(self, parameters, letter):
        if letter == "A":
            self.row = max(0, self.row - int(parameters or 1))
        elif letter == "K":
            self.shown.append(self.lines[self.row])
            self.lines[self.row] = ""
        elif parameters == "?25":
            self.cursor_is_visible = letter == "h"
        else:
            assert letter == "m", (parameters, letter)

    def _write(self, text):
        line = self.lines[self.row].ljust(self.column)
        line = line[: self.column] + text + line[self.column + len(text) :]
        self.column += len(text)
        self.lines[self.row] = line
        if len(line.rstrip()) > self.columns:
            self.overflows.append(line)


class Terminal:
    """A process whose input and output are a terminal."""

    def __init__(self, arguments, *, columns, cwd, **environment):
        self.master, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        unset = ("NO_COLOR", "COLUMNS", "LINES", "FORCE_COLOR")
        inherited = {name: value for name, value in os.environ.items() if name not in unset}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kenspeckle.cli.main", *map(str, arguments)],
            stdin=side,
            stdout=side,
            stderr=side,
            cwd=cwd,
            env=inherited | {"TERM": "xterm-256color", "PYTHONUTF8": "1"} | environment,
            start_new_session=True,
        )
        os.close(side)
        self.screen = Screen(columns)
        self.raw = ""
        self.began = time.monotonic()
        self.at = {}  # seconds after which a text was first there
        self._bytes = b""

    def read(self, until="", *, seconds=120):
        """Take in what is printed until `until` is there, or the end."""
        while time.monotonic() - self.began < seconds:
            if not select.select([self.master], [], [], 0.2)[0]:
                continue
            try:
                part = os.read(self.master, 65536)
            except OSError:  # the other side is closed
                break
            self._bytes += part
            text = self._bytes.decode(errors="ignore")
            # sequences that came in part wait for their rest
            end = len(text) - (len(text) - text.rfind("\x1b") if "\x1b" in text[-12:] else 0)
            fresh = text[len(self.raw) : end]
            self.raw += fresh
            self.screen.feed(fresh)
            if until and until in self.raw:
                return self
        self.screen.feed(self._bytes.decode(errors="ignore")[len(self.raw) :])
        self.raw = self._bytes.decode(errors="ignore")
        self.code = self.process.wait(20)
        self.screen.shown += self.screen.lines
        return self

    def interrupt(self):
        os.kill(self.process.pid, signal.SIGINT)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
