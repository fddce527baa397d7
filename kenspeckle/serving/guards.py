"""Who may ask: no page of another site, no name that somebody else's DNS gave this machine.

A browser on this machine reaches 127.0.0.1 for any page that it shows. So the Host must be ours
(else a foreign name was pointed here), and what acts must come from our own page or from no page.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from kenspeckle.serving.asgi import Application, Fields, Message, Receive, Send, error_answer
from kenspeckle.serving.headers import with_security
from kenspeckle.serving.tokens import TokenGate

_LOCAL = ("127.0.0.1", "localhost", "[::1]")
_SAFE = ("GET", "HEAD")

Refusal = tuple[int, str, Fields]


def hosts(host: str, port: int) -> frozenset[bytes] | None:
    """The values of the Host field under which a server at `host` answers; None = any.

    Who listens at every address cannot know its names; there the token keeps strangers out.
    """
    if host in ("0.0.0.0", "::"):
        return None
    names = {*_LOCAL, f"[{host}]" if ":" in host else host}
    found = {f"{name}:{port}" for name in names}
    return frozenset(name.encode() for name in (found | names if port == 80 else found))


class Guard:
    """An ASGI application that lets through to `inside` what may be asked."""

    def __init__(
        self, inside: Application, *, hosts: frozenset[bytes] | None, gate: TokenGate | None = None
    ) -> None:
        self._inside = inside
        self._hosts = hosts
        self._gate = gate

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer, or refuse with one line of why."""
        if scope["type"] != "http":
            await self._inside(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = with_security(list(message.get("headers", ())))
            await send(message)

        refusal = self.refusal(scope)
        if refusal is None:
            await self._inside(scope, receive, guarded)
            return
        for message in error_answer(*refusal):
            await guarded(message)

    def refusal(self, scope: Message) -> Refusal | None:
        """Status, reason and header fields where the request must not be answered."""
        host = origin = site = mode = authorization = b""
        for name, value in scope["headers"]:
            if name == b"host":
                host = value
            elif name == b"origin":
                origin = value
            elif name == b"sec-fetch-site":
                site = value
            elif name == b"sec-fetch-mode":
                mode = value
            elif name == b"authorization":
                authorization = value
        if self._hosts is not None and host.lower() not in self._hosts:
            return 403, "this Host is not ours; use the address that the server printed", []
        if origin and not self._is_ours(origin, host):
            return 403, "requests from pages of other sites are refused", []
        if site and site != b"same-origin":
            # the address bar may read; a link on another site may open a page, and nothing else
            reads = scope["method"] in _SAFE
            if not (reads and (site == b"none" or mode == b"navigate")):
                return 403, "requests from pages of other sites are refused", []
        if self._gate is not None:
            return self._gate.refusal(scope, authorization)
        return None

    def _is_ours(self, origin: bytes, host: bytes) -> bool:
        parts = urlsplit(origin.decode("latin-1"))
        return parts.scheme in ("http", "https") and parts.netloc.encode("latin-1") == host
