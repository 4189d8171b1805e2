"""What a failed attempt at a delivery has sent and received: `GET /v1/deliveries/{id}/attempts/{number}/exchange`."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from api.http.access.scopes import requires
from api.http.answers import Links, uncached
from api.http.caller import Caller, caller_for_owner
from api.http.problems import documented
from api.http.query import OF_OWNER, OwnerQuery, documented_query
from api.jobs.views import attempts_of
from api.webhooks.deliveries import DeliveryId, find_delivery, unexpired
from api.webhooks.delivery_views import EXAMPLE_DELIVERY, DeliveryAttempt, attempt_of, exchange_url_of
from tasks.queue.records.record import Record
from tasks.refusal import Refusal
from tasks.webhook.exchanges.files import path_of

router = APIRouter(prefix="/v1/deliveries", tags=["webhooks"])

MAX_NUMBER = 1_000_000

AttemptNumber = Annotated[
    int, Path(ge=1, le=MAX_NUMBER, description="The attempt's `number`, counted from 1.", examples=[1])
]


class ExchangedBody(BaseModel):
    """The beginning of a body."""

    bytes: int | None = Field(
        None, description="Bytes of the whole body. Absent if a response did not say it.", examples=[512]
    )
    text: str | None = Field(
        None,
        description="Its first `KEEP_EXCHANGE_BYTES` bytes (4096) as text. Absent if it is empty, or no text.",
        examples=['{"error":"unknown order"}'],
    )
    truncated: bool = Field(description="Whether that is not all of it.")


class SentRequest(BaseModel):
    """The request of an attempt."""

    method: str = Field(description="Its method.", examples=["POST"])
    url: str = Field(
        description="Its URL, without the values of its query.", examples=["https://shop.example/hook?token=***"]
    )
    headers: dict[str, str] = Field(
        description="Its headers. Signatures, and the headers that the endpoint's owner added, are `***`.",
        examples=[{"content-type": "application/json", "webhook-signature": "***"}],
    )
    body: ExchangedBody = Field(description="Its body.")


class ReceivedResponse(BaseModel):
    """The response to an attempt."""

    status: int = Field(description="Its HTTP status.", examples=[503])
    headers: dict[str, str] = Field(
        description="Its headers. Cookies and others that may have secrets are `***`.",
        examples=[{"content-type": "application/json", "set-cookie": "***"}],
    )
    headers_truncated: bool = Field(description="Whether some headers, or parts of them, are not kept.")
    body: ExchangedBody = Field(description="Its body. What the request keeps secret is `***` there too.")


class DeliveryExchange(BaseModel):
    """What a failed attempt at a delivery has sent and received."""

    delivery: str = Field(description="The delivery's id.", examples=[EXAMPLE_DELIVERY])
    attempt: DeliveryAttempt = Field(description="The attempt, with its timing and its error.")
    request: SentRequest = Field(description="What was sent, or would have been, if no connection was made.")
    response: ReceivedResponse | None = Field(None, description="What came back. Absent if no status came.")
    links: Links = Field(description="The URL of this.")


@router.get(
    "/{delivery_id}/attempts/{number}/exchange",
    operation_id="get_delivery_exchange",
    summary="Get an attempt's exchange",
    response_model=DeliveryExchange,
    responses=documented(*OF_OWNER, "expired"),
    openapi_extra=documented_query(OwnerQuery),
)
@requires("webhooks")
async def get_delivery_exchange(request: Request, delivery_id: DeliveryId, number: AttemptNumber) -> Response:
    """Method, URL, headers and the beginning of both bodies, kept of attempts that failed, as long as their delivery
    is. Secrets are `***`.

    An attempt whose exchange is kept has its URL as `exchange`. Of others, this answers 404.
    """
    caller = caller_for_owner(request)
    return uncached(await exchange_of(caller, await find_delivery(caller, delivery_id), number))


async def exchange_of(caller: Caller, record: Record, number: int) -> DeliveryExchange:
    """What an attempt has sent and received.

    Args:
        caller: Who asks.
        record: Of the delivery.
        number: Of the attempt.

    Raises:
        Refusal: `not_found` if there is no such attempt, or nothing is kept of it; `expired` for the whole delivery.
        StorageUnavailable: The storage does not answer.
    """
    attempt = next((one for one in attempts_of(unexpired(record)) if one["number"] == number), None)
    if attempt is None:
        last = max((one["number"] for one in record.attempts), default=0)
        raise _not_found(
            f"Delivery {record.id!r} has no attempt {number}. Name one of its `attempts`; the last is {last}."
        )
    url = exchange_url_of(record, attempt, caller.base_url)
    content = await caller.context.storage.get_object(path_of(record.id, number)) if url else None
    if url is None or content is None:
        raise _not_found(_why_not(attempt))
    kept: Mapping[str, Any] = json.loads(content)
    return DeliveryExchange.model_validate(
        {**kept, "delivery": record.id, "attempt": attempt_of(attempt, url), "links": Links(self=url)}
    )


def _why_not(attempt: Mapping[str, Any]) -> str:
    number, outcome = attempt["number"], attempt["outcome"]
    if outcome == "running":
        return f"Attempt {number} is still running. Ask again when it has failed."
    if outcome not in ("failed", "retrying"):
        return f"Attempt {number} has not failed: it is {outcome}. Ask for one that has `exchange`."
    return (
        f"What attempt {number} sent and received was not kept: it sent nothing, KEEP_EXCHANGE_BYTES is 0, or the "
        "storage was away. Retry the delivery (redelivery), and ask for its next attempt."
    )


def _not_found(message: str) -> Refusal:
    return Refusal("not_found", message, field="number")
