"""The Prometheus endpoint `/metrics`. All values come from Redis, so every web process returns the same."""

import hmac

from fastapi import APIRouter, Request, Response

from api.http.access.auth import bearer_of
from api.http.access.token_kinds import authenticate
from api.http.context import Context, process_context
from api.http.problems import documented
from api.operations.prometheus import collect, exposition
from tasks.refusal import Refusal

router = APIRouter(tags=["operations"])

PATH = "/metrics"
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text"
OPENMETRICS_TYPE = f"{OPENMETRICS}; version=1.0.0; charset=utf-8"
ANSWER = {
    "description": "The text format of Prometheus, 0.0.4; of OpenMetrics, 1.0.0, where `Accept` names it.",
    "content": {"text/plain": {"schema": {"type": "string"}}, OPENMETRICS: {"schema": {"type": "string"}}},
}


@router.get(
    PATH,
    operation_id="get_metrics",
    summary="Get Prometheus metrics",
    response_class=Response,
    responses={200: ANSWER, **documented("unauthorized", "forbidden", "owner_suspended", "rate_limited")},
)
async def get_metrics(request: Request) -> Response:
    """Needs METRICS_KEY or an admin's API key as `Authorization: Bearer`; in the open mode, nothing.
    Scale the workers by `pressroom_queue_oldest_due_seconds`.
    """
    context = process_context(request)
    await _check(context, request)
    openmetrics = OPENMETRICS in request.headers.get("accept", "")
    text = exposition(await collect(context.redis, context.settings, context.kinds), openmetrics=openmetrics)
    media_type = OPENMETRICS_TYPE if openmetrics else MEDIA_TYPE
    return Response(text, headers={"Cache-Control": "no-store", "Vary": "Accept"}, media_type=media_type)


async def _check(context: Context, request: Request) -> None:
    """Raises: Refusal `unauthorized`, `forbidden`, `owner_suspended`, `unavailable`."""
    key = bearer_of(request.headers)
    own = context.settings.metrics_key
    if key is not None and own is not None and hmac.compare_digest(key.encode(), own.get_secret_value().encode()):
        return
    # No client IP address is trusted instead: behind a router, a client can forge it.
    if not (await authenticate(context, request.scope, key)).is_admin:
        raise Refusal(
            "forbidden",
            "This key may not read metrics. Send METRICS_KEY or an admin's API key as `Authorization: Bearer <key>`.",
        )
