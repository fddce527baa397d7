"""Header fields that every answer carries, so that a browser does nothing that was not meant."""

from __future__ import annotations

from kenspeckle.serving.asgi import Fields

POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    b"connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY = [
    (b"content-security-policy", POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]


def with_security(headers: Fields) -> Fields:
    """`headers` and those of `SECURITY` that they do not set otherwise."""
    own = {name.lower() for name, _ in headers}
    return [*headers, *(field for field in SECURITY if field[0] not in own)]
