"""The token that a server asks for when others than this machine can reach it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections import OrderedDict
from pathlib import Path

from kenspeckle.errors import ServingError
from kenspeckle.serving.asgi import Message

LEAST = 16  # characters
_MOST = 4096
_GUESSES = 20  # wrong tokens of one address, before it has to wait
_ADDRESSES = 1024  # that are remembered
_PER_SECOND = 1.0  # guesses that come back
_OPEN = ("/v2/health/live", "/v2/health/ready")  # for what watches the server


def read_token(path: Path) -> bytes:
    """The token in a file; `ServingError` where it is missing, short or more than one line."""
    try:
        with open(path, "rb") as file:
            token = file.read(_MOST + 1).strip()
    except OSError as error:
        raise ServingError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(token) < LEAST or len(token) > _MOST or not token.isascii() or len(token.split()) != 1:
        raise ServingError(
            f"{path}: a token is one line of at least {LEAST} letters and digits; make one with "
            "`python -c 'import secrets; print(secrets.token_urlsafe())'`"
        )
    return token


class TokenGate:
    """Compares tokens; an address that guesses has to wait, whatever it sends then."""

    def __init__(self, token: bytes) -> None:
        self._token = hashlib.sha256(token).digest()
        self._wrong: OrderedDict[str, tuple[float, float]] = OrderedDict()  # guesses left, since

    def refusal(
        self, scope: Message, authorization: bytes
    ) -> tuple[int, str, list[tuple[bytes, bytes]]] | None:
        """Why a request must not be answered; None where it may."""
        if scope["path"] in _OPEN:
            return None
        address, now = (scope.get("client") or ("",))[0], time.monotonic()
        left, since = self._wrong.get(address, (_GUESSES, now))
        left = min(_GUESSES, left + (now - since) * _PER_SECOND)
        if left < 1:
            return 429, "too many wrong tokens; wait", [(b"retry-after", b"5")]
        given = _given(authorization)
        if given is None:
            return 401, "a token is needed: Authorization: Bearer TOKEN", _CHALLENGES
        # digests, because compare_digest tells lengths apart
        if hmac.compare_digest(hashlib.sha256(given).digest(), self._token):
            return None
        self._wrong[address] = (left - 1, now)
        self._wrong.move_to_end(address)
        if len(self._wrong) > _ADDRESSES:
            self._wrong.popitem(last=False)
        return 401, "this token is wrong", _CHALLENGES


def _given(authorization: bytes) -> bytes | None:
    """The token in a header field; as the password of Basic too, which browsers can ask for."""
    kind, _, given = authorization.partition(b" ")
    if kind.lower() == b"bearer" and given.strip():
        return given.strip()
    if kind.lower() == b"basic":
        try:
            return base64.b64decode(given, validate=True).partition(b":")[2]
        except ValueError:
            return b""
    return None


_CHALLENGES = [
    (b"www-authenticate", b"Bearer"),
    (b"www-authenticate", b'Basic realm="kenspeckle", charset="UTF-8"'),
]
