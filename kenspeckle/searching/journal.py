"""Where the trials of a search are kept: a file of one machine, or a database of several."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from sqlalchemy import URL, make_url
from sqlalchemy.exc import (
    IntegrityError,
    NoSuchModuleError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)

from kenspeckle.errors import ConfigError, KenspeckleError, StorageError

JOURNAL = "journal.log"  # in the folder of the search
DRIVERS = {"psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient"}  # module: what to install
POSTGRESQL = {"psycopg2": "postgresql+psycopg2", "psycopg": "postgresql+psycopg"}
CONNECT_SECONDS = 10  # the usual two minutes of a silent host look like a hang
_ATTEMPTS = 5


def open_journal(folder: Path, url: str) -> BaseStorage:
    """The database at `url`, or without one the journal in `folder`."""
    return _database(url) if url else _file(folder / JOURNAL)


@contextmanager
def explained(folder: Path, url: str) -> Iterator[None]:
    """Turn failing reads and writes of the journal into one line, which shows no password."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on what is experimental in Optuna
            yield
    except KenspeckleError:
        raise
    except (SQLAlchemyError, optuna.exceptions.OptunaError, OSError, ValueError, KeyError) as error:
        if url:
            raise StorageError(_failure(make_url(url), error)) from error
        raise StorageError(
            f"{folder / JOURNAL}: the journal of the search cannot be used: {_reason(error)}; "
            "restore it, or choose another folder"
        ) from error


def _database(text: str) -> RDBStorage:
    url = _parsed(text)
    options: dict[str, Any] = {"pool_pre_ping": True}  # a restarted server is connected to again
    if url.drivername in POSTGRESQL.values() and "connect_timeout" not in url.query:
        options["connect_args"] = {"connect_timeout": CONNECT_SECONDS}
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return RDBStorage(url.render_as_string(hide_password=False), engine_kwargs=options)
        except ImportError as error:
            raise ConfigError(_missing_driver(url, error)) from error
        except RuntimeError as error:  # tables of another version of Optuna
            raise StorageError(_failure(url, error)) from error
        except (IntegrityError, OperationalError, ProgrammingError) as error:
            # machines that begin at once make the same tables, and all but one of them fail
            is_raced = "already exists" in str(error)
            if not is_raced or attempt == _ATTEMPTS:
                raise
            time.sleep(0.2 * attempt)
    raise AssertionError


def _parsed(text: str) -> URL:
    """With the driver that is installed; which is SQLAlchemy's usual one depends on its version."""
    name = text.partition(":")[0]
    try:
        url = make_url(text)
        if url.drivername == "postgresql":
            found = (name for module, name in POSTGRESQL.items() if find_spec(module))
            url = url.set(drivername=next(found, POSTGRESQL["psycopg2"]))
        url.get_dialect()
    except NoSuchModuleError as error:
        raise ConfigError(
            f"no database {name!r} is known; give a URL such as postgresql://user@host/name"
        ) from error
    except (SQLAlchemyError, ValueError) as error:
        # neither the URL nor what Python says of it, because a password may be in the wrong place
        raise ConfigError(
            f"the {name} URL of the storage cannot be read; expected {name}://user@host:port/name"
        ) from error
    return url


def _missing_driver(url: URL, error: ImportError) -> str:
    found = error if error.name else error.__cause__
    name = getattr(found, "name", None) or url.drivername.partition("+")[2] or "for it"
    return (
        f"the {url.get_backend_name()} storage needs the driver {name}, which is not installed; "
        f"pip install {DRIVERS.get(name, name)}"
    )


def _failure(url: URL, error: BaseException) -> str:
    reason = _reason(error)
    if url.password:
        reason = reason.replace(str(url.password), "***")
    expected = f"a file that can be written, such as {url.drivername}:////folder/trials.db"
    if url.get_backend_name() != "sqlite":
        expected = f"a running server at {_place(url)} that lets this user make tables"
    return (
        f"the {url.get_backend_name()} database of the search cannot be used: {reason}; expected "
        f"{expected}; mend that or --storage, and the same command goes on"
    )


def _place(url: URL) -> str:
    """Host, port and database, as the URL has them."""
    port = f":{url.port}" if url.port else ""
    return f"{url.host or 'localhost'}{port}/{url.database or ''}"


def _reason(error: BaseException) -> str:
    """The first line of what the driver said."""
    while isinstance(error.__cause__, Exception) and not isinstance(error, SQLAlchemyError):
        error = error.__cause__
    said = getattr(error, "orig", None) or error
    return next(iter(str(said).strip().splitlines()), type(said).__name__).strip()


def _file(journal: Path) -> JournalStorage:
    if journal.is_symlink():
        raise StorageError(f"{journal}: the journal is a link, which may lead anywhere; remove it")
    # whoever was killed in the middle of a line has told nobody that it was written
    if journal.is_file() and not (data := journal.read_bytes()).endswith(b"\n"):
        os.truncate(journal, data.rfind(b"\n") + 1)
    for leftover in journal.parent.glob(f"{JOURNAL}.*"):  # locks: we alone work here
        leftover.unlink()
    return JournalStorage(JournalFileBackend(str(journal)))
