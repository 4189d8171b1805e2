"""HTML pages: templates, and the headers with which a browser loads nothing but what is ours."""

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.console.formats import FILTERS

HERE: Final = Path(__file__).parent
ASSETS: Final = HERE / "assets"
POLICY: Final = "; ".join(
    (
        *("default-src 'none'", "style-src 'self'", "img-src 'self' blob:", "script-src 'self'", "connect-src 'self'"),
        *("form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'", "require-trusted-types-for 'script'"),
    )
)
"""The Content-Security-Policy of pages: nothing inline, and nothing from another site."""
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}

OWN_FILE: Final = re.compile(r'"\./([\w-]+\.js)"')
"""How a script names another one."""

_environment = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(template: str, **values: Any) -> str:
    """The text of a page.

    Args:
        template: A file in `templates/`.
        **values: What the template names. All text is escaped.
    """
    return _environment.get_template(template).render(**values)


def page(request: Request, text: str) -> Response:
    """A response with a page, or with status 304 for a browser that has it already.

    Args:
        request: The request.
        text: The page, from `render`.
    """
    body = text.encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    headers = {**HEADERS, "ETag": tag}
    known = request.headers.get("if-none-match", "")  # a proxy that compresses has made it W/"…"
    if tag in (one.strip().removeprefix("W/") for one in known.split(",")):
        return Response(status_code=304, headers=headers)
    return HTMLResponse(body, headers=headers)


@cache
def asset_url(name: str) -> str:
    """Where a file of `assets/` is. Its content is in the URL, so that browsers keep it."""
    return f"/assets/{name}?v={digest_of(name)}"


@cache
def digest_of(name: str) -> str:
    """What tells a version of a file of `assets/` from others."""
    return hashlib.sha256(asset_bytes(name)).hexdigest()[:12]


@cache
def asset_bytes(name: str) -> bytes:
    """A file of `assets/`. Scripts name each other by the URLs with their content in it: no circle is possible."""
    content = (ASSETS / name).read_bytes()
    if not name.endswith(".js"):
        return content
    return OWN_FILE.sub(lambda found: f'"{asset_url(found[1])}"', content.decode()).encode()


_environment.globals["asset"] = asset_url
_environment.filters |= FILTERS
