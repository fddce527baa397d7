"""What all pages share: the templates, their one style, and how text that nobody vouches for shows.

No page holds a script. Its policy lets a browser run none, load nothing, and use one style.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from kenspeckle.pages.text import duration

# controls, what changes the direction of text, what has no width, halves of letters, no letters
_HIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufdd0-\ufdef\ufeff\ufff0-\ufffb\ufffe\uffff"
    + "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(1, 17))
    + "]"
)


def environment() -> Environment:
    """Templates by their file names; everything that is put into them is escaped."""
    made = Environment(
        loader=FunctionLoader(_template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    made.filters["duration"] = duration
    made.filters["name"] = name
    style = _template("style.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    # no style attribute, no second style: shades and widths are classes and SVG attributes
    made.globals["style"] = Markup(style)
    made.globals["policy"] = Markup(
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return made


def visible(text: str) -> str:
    r"""`text` with an escape, such as \x00 or \u202e, for each letter that does not show."""
    return _HIDDEN.sub(_escaped, text)


def name(text: str) -> Markup:
    """The name of a class or file, in a box of its own that no direction of writing leaves."""
    one_line = visible(text).replace("\n", "\\n")
    return Markup("<bdi>") + escape(one_line) + Markup("</bdi>")


def data_uri(data: bytes, kind: str) -> str:
    """A file inside a page; `kind` such as "image/png"."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _shown(value: Any) -> Any:
    """Whatever a template puts out, before it is escaped."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )


@cache
def _template(file: str) -> str:
    source = files("kenspeckle.pages").joinpath("templates", file)
    return source.read_text(encoding="utf-8")
