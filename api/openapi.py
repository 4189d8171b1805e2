"""The OpenAPI document: FastAPI's, plus the models and the security that FastAPI cannot see."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.http.access.auth import PROTECTED
from api.http.components import add_components
from api.http.problems import MEDIA_TYPE

SUMMARY = (
    "Image thumbnails, PDF reports and webhooks as background jobs: submit a job, wait for it or get a webhook, and "
    "download the results."
)
FASTAPIS_DEFAULT = "Successful Response"
FASTAPIS_OWN = ("HTTPValidationError", "ValidationError")


def describe(app: FastAPI) -> None:
    """Make `app` serve this document. It is built once, at the first request for it."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title, version="1", summary=SUMMARY, routes=app.routes, webhooks=app.webhooks.routes
            )
            for path in (*document["paths"].values(), *document["webhooks"].values()):
                for operation in path.values():
                    _correct(operation["responses"])
            for name in FASTAPIS_OWN:
                document["components"]["schemas"].pop(name, None)
            add_components(document["components"]["schemas"])
            _lock(document)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _lock(document: dict[str, Any]) -> None:
    """Mark the operations that need an API key: FastAPI does not know the middleware that checks it."""
    about = "One of the keys in API_KEYS. Without keys, in development, every request runs as the owner `dev`."
    document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "description": about}}
    for place, path in document["paths"].items():
        if place.startswith(PROTECTED):
            for operation in path.values():
                operation["security"] = [{"key": []}]


def _correct(responses: dict[str, Any]) -> None:
    """Document errors as `application/problem+json`, and drop the 422 response that FastAPI adds by itself."""
    for status, response in list(responses.items()):
        if response["description"] == FASTAPIS_DEFAULT:
            response["description"] = "The request succeeded."
        if FASTAPIS_OWN[0] in str(response):
            del responses[status]
        elif int(status) >= 400 and (content := response.get("content")):
            content[MEDIA_TYPE] = content.pop("application/json")
