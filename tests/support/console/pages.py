"""The pages of the console: those that a signed-in browser can ask for without knowing an id, and the others."""

from typing import Final

from fastapi.routing import APIRoute

from api.app import app

OTHERS: Final = {"/console/live", "/console/login", "/console/{path:path}"}
"""A stream, the form that signs in, and what answers that a page is not there."""
ROUTES: Final = sorted(
    route.path
    for route in app.routes
    if isinstance(route, APIRoute)
    and route.path.startswith("/console")
    and "GET" in (route.methods or ())
    and route.path not in OTHERS
)
PAGES: Final = [path for path in ROUTES if "{" not in path]
WITH_PARAMETERS: Final = [path for path in ROUTES if "{" in path]
