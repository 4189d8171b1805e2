"""`GET /version`: what runs here."""

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api.http.access.known import is_known
from api.http.answers import json_of
from api.http.context import process_context
from tasks.outbound.client import VERSION

ENGINES: Final = {
    "libvips": "pyvips-binary",
    "pillow": "pillow",
    "heif": "pillow-heif",
    "svg": "resvg-py",
    "pdf": "reportlab",
    "pdf_passwords": "pikepdf",
    "pdf_preview": "pypdfium2",
}
"""What draws and reads, and the package that has it. Nothing is imported: the web process loads none of them."""

router = APIRouter(tags=["health"])


class Version(BaseModel):
    """What runs here. Everything but `version` is for those who send an API key."""

    version: str = Field(description="The version of Pressroom.", examples=["0.1.0"])
    commit: str | None = Field(None, description="The commit that was deployed, where the platform names it.")
    python: str | None = Field(None, description="The version of Python.", examples=["3.13.1"])
    engines: dict[str, str] | None = Field(
        None, description="The versions of the libraries that draw and read files, by what they are for."
    )


@router.get("/version", operation_id="get_version", summary="Get the version", response_model=Version)
async def get_version(request: Request) -> Response:
    """Needs no key. With an API key the answer says more: commit, Python, and the versions of the engines."""
    context = process_context(request)
    found = Version(version=VERSION)
    if await is_known(context, request):
        found.commit, found.python, found.engines = context.settings.commit, platform.python_version(), engines()
    return Response(
        json_of(found), headers={"Cache-Control": "no-store", "Vary": "Authorization"}, media_type="application/json"
    )


@cache
def engines() -> dict[str, str]:
    """The versions of the engines that are installed."""
    found = {}
    for name, package in ENGINES.items():
        try:
            found[name] = version(package)
        except PackageNotFoundError:
            continue
    return found
