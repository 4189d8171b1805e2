"""What pages load: `/assets`."""

from typing import Final

from fastapi import APIRouter, Request, Response

from api.console.html import ASSETS, asset_bytes, digest_of
from tasks.refusal import Refusal

router = APIRouter(prefix="/assets", include_in_schema=False)

TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
"""The types of files that pages load."""
FILES: Final = {path.name: path for path in ASSETS.iterdir() if path.suffix in TYPES}
"""The files that there are."""
KEPT: Final = "public, max-age=31536000, immutable"


@router.get("/{name}")
async def get_asset(request: Request) -> Response:
    """A file that pages load. One with its digest in `v` is kept by browsers for a year."""
    name = request.path_params["name"]
    if name not in FILES:
        raise Refusal("not_found", "This page has no such file.")
    is_known = request.query_params.get("v") == digest_of(name)
    headers = {"Cache-Control": KEPT if is_known else "no-cache"}
    return Response(asset_bytes(name), media_type=TYPES[FILES[name].suffix], headers=headers)
