"""A PostgreSQL server of the tests' own, in a folder that is deleted afterwards."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

USER, PASSWORD = "ken", "s3cret%word"
OPTIONS = {"listen_addresses": "127.0.0.1", "fsync": "off", "shared_buffers": "16MB"}


def missing():
    """Why no server can be started here; empty where one can."""
    if binaries() is None:
        return "postgres and initdb are neither in PATH nor in /usr/lib/postgresql/*/bin"
    try:
        import psycopg2  # noqa: F401
    except ImportError:
        return "psycopg2 is not installed; pip install psycopg2-binary"
    if os.name != "posix":
        return "the server is stopped with signals of POSIX"
    if os.geteuid() == 0 and unprivileged() is None:
        return "the server does not run as root, and there is no user postgres or nobody"
    return ""


def binaries():
    """The folder of the newest server's programs."""
    places = [Path(place) for place in os.get_exec_path()]
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name)
    )
    for place in [*places, *reversed(found)]:
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place
    return None


def unprivileged():
    """Who runs the server where the tests run as root."""
    import pwd

    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    return None


class Server:
    """Listens on 127.0.0.1 while used as a context; may be stopped and started meanwhile."""

    def __init__(self):
        self._folder = Path(tempfile.mkdtemp(prefix="kenspeckle-postgresql-"))
        self._process = None
        self._as = {}
        if os.geteuid() == 0:
            user = unprivileged()
            os.chown(self._folder, user.pw_uid, user.pw_gid)
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def __enter__(self):
        (self._folder / "password").write_text(PASSWORD)
        (self._folder / "password").chmod(0o644)  # within a folder that is closed to others
        done = subprocess.run(
            [binaries() / "initdb", "-D", self._folder / "data", "-U", USER, "-A", "scram-sha-256",
             f"--pwfile={self._folder / 'password'}", "--no-sync", "--locale=C", "-E", "UTF8"],
            cwd=self._folder, capture_output=True, text=True, **self._as,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self._folder)

    def start(self):
        """Return when it answers."""
        options = {**OPTIONS, "port": self.port, "unix_socket_directories": self._folder}
        settings = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        with open(self._folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                [binaries() / "postgres", "-D", self._folder / "data", *settings],
                cwd=self._folder, stdout=log, stderr=log, **self._as,
            )  # fmt: skip
        import psycopg2

        end = time.monotonic() + 30
        while True:
            try:
                psycopg2.connect(self.url("postgres")).close()
                return
            except psycopg2.OperationalError:
                assert self._process.poll() is None, (self._folder / "log").read_text()
                assert time.monotonic() < end, (self._folder / "log").read_text()
                time.sleep(0.05)

    def stop(self):
        """At once, as when its machine loses power, but for what is on the disk."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
        self._process.wait(timeout=30)

    def url(self, database, *, user=USER, password=PASSWORD, host="127.0.0.1", port=None):
        """As a user writes it."""
        password = password.replace("%", "%25")
        return f"postgresql://{user}:{password}@{host}:{port or self.port}/{database}"

    def run(self, statement, *values, database="postgres"):
        """The rows that an SQL statement gives."""
        import psycopg2

        connection = psycopg2.connect(self.url(database))
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, values or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def states(self, url):
        """How many trials are in each state of the database."""
        import psycopg2

        statement = "SELECT state::text, count(*) FROM trials GROUP BY 1"
        try:
            return dict(self.run(statement, database=url.rpartition("/")[2]))
        except psycopg2.errors.UndefinedTable:
            return {}

    def wait_for(self, url, **least):
        """Until there are at least so many trials in each state."""
        end = time.monotonic() + 200
        while any(self.states(url).get(state, 0) < count for state, count in least.items()):
            assert time.monotonic() < end
            time.sleep(0.02)
