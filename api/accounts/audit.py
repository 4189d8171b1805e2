"""Who did what: `GET /v1/audit`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api.http.access.scopes import requires
from api.http.answers import uncached
from api.http.caller import Caller, caller_of
from api.http.problems import documented
from api.http.query import ListQuery, Page, TimeRange, documented_query, query_of
from tasks.accounts.audit import AuditLine, AuditSelection, Outcome
from tasks.accounts.scopes import ADMIN, KEYS
from tasks.clock import from_ms
from tasks.refusal import Refusal

router = APIRouter(prefix="/v1/audit", tags=["accounts"])

OPERATOR = "operator"
"""What owners see of an admin."""
FOR_OPERATORS = frozenset({"note", "reason"})
"""Fields of an owner's record that only admins see."""


class AuditQuery(ListQuery, TimeRange):
    """The query parameters of the audit log."""

    owner: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="Whose things were meant. Without it admins read all lines, and others their own.",
    )
    key: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="The id of the key that was used, or to which something was done.",
    )
    action: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="What was done: the id of an operation of this API, or `use_key`.",
        examples=["pause_queue"],
    )
    outcome: Outcome | None = Field(None, description="How it ended.", examples=["done"])
    reads: bool = Field(
        True,
        description="Whether lines whose outcome is `read` are listed too. With an `outcome` it does not count.",
    )


class AuditEntry(BaseModel):
    """A line of the audit log."""

    at: datetime = Field(description="When it was.")
    outcome: Outcome = Field(
        description="`done`: something was changed. `refused`: it was not allowed. `read`: an admin looked at what "
        "belongs to another owner, or to the service."
    )
    action: str = Field(
        description="The id of the operation of this API; `use_key` for a request whose key was not accepted.",
        examples=["pause_queue"],
    )
    owner: str | None = Field(None, description="Whose thing was meant.")
    id: str | None = Field(None, description="The id or name of the thing.", examples=["media"])
    code: str | None = Field(None, description="The code of the refusal.")
    by: str | None = Field(
        None,
        description="The owner of the key that was used; `cli` for the command line. To owners an admin is `operator`.",
    )
    key: str | None = Field(
        None,
        description="The public id of the key, or `portal:` and the id of a customer's portal link; absent for a key "
        "of the settings.",
    )
    address: str | None = Field(None, description="The IP address of the client.")
    request_id: str | None = Field(None, description="The id of the request, as in its answer's X-Request-Id.")
    before: dict[str, Any] | None = Field(None, description="The fields that changed, as they were.")
    after: dict[str, Any] | None = Field(None, description="The same fields, as they are now.")


class AuditPage(Page):
    """A page of the audit log."""

    lines: list[AuditEntry] = Field(description="The lines, newest first.")


@router.get(
    "",
    operation_id="list_audit",
    summary="List audit log lines",
    response_model=AuditPage,
    responses=documented("unauthorized", "forbidden", "invalid_request"),
    openapi_extra=documented_query(AuditQuery),
)
@requires(KEYS, ADMIN)
async def list_audit(request: Request) -> Response:
    """What was done to owners, keys and tokens, what admins did, and what was refused; newest first. A page can be
    short or empty although more pages follow; continue while there is a `next`.

    Admins read all lines, others those about their own things, without the notes of the operators.
    """
    caller, query = caller_of(request), query_of(request, AuditQuery)
    owner = query.owner if caller.is_admin else caller.owner
    if query.owner not in (None, owner):
        raise Refusal(
            "forbidden",
            "Only a key with the scope 'admin' may read the lines about another owner. Leave out 'owner'.",
            field="owner",
        )
    selection = AuditSelection(
        owner, query.key, query.action, query.outcome, query.since_ms, query.until_ms, query.reads
    )
    lines, following = await caller.context.audit_log.page(selection, limit=query.limit, cursor=query.cursor)
    return uncached(AuditPage(lines=[_entry(caller, line) for line in lines], next=following))


def _entry(caller: Caller, line: AuditLine) -> AuditEntry:
    is_visible = caller.is_admin or line.by == caller.owner
    return AuditEntry(
        at=from_ms(line.at_ms),
        outcome=line.outcome,
        action=line.action,
        owner=line.owner,
        id=line.thing,
        code=line.code,
        by=line.by if is_visible else OPERATOR,
        key=line.key if is_visible else None,
        address=line.address if is_visible else None,
        request_id=line.request if is_visible else None,
        before=_shown(caller, line.before),
        after=_shown(caller, line.after),
    )


def _shown(caller: Caller, values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if values is None:
        return None
    return {name: value for name, value in values.items() if caller.is_admin or name not in FOR_OPERATORS}
