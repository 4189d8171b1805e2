"""Who sent a request, and what the request may use: the first line of an endpoint is `caller = caller_of(request)`."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, TypedDict, Unpack

from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.requests import Request

from api.http.access.access import Access
from api.http.access.account_cache import OwnerAccount
from api.http.access.scopes import READING
from api.http.context import Context
from api.http.query import OwnerQuery, query_of
from tasks.accounts.quotas import Quotas
from tasks.accounts.scopes import ADMIN
from tasks.kind import Kind
from tasks.public_files.urls import FileUrls, PublicFiles
from tasks.queue.actor import act_as
from tasks.queue.jobs.attempt_limits import AttemptLimits
from tasks.queue.jobs.submission import Submission, Submitted
from tasks.queue.jobs.uniqueness import Uniqueness
from tasks.queue.memory import memory_of, redis_full
from tasks.queue.records.record import Priority, RunIf
from tasks.refusal import Refusal
from tasks.webhook.notify_url import seal_notify


class RequestedOptions(TypedDict, total=False):
    """What a sender may say of any submit; each is explained at `Submission`.

    notify: JSON, not encrypted yet.
    """

    priority: Priority
    delay_ms: int
    run_at_ms: int | None
    limits: AttemptLimits
    after: tuple[str, ...]
    run_if: RunIf
    batch: str | None
    notify: str | None
    tags: tuple[str, ...]
    metadata: str | None
    idempotency_key: str | None
    urls: FileUrls | None
    keep_s: int | None
    destination: str | None
    unique: Uniqueness | None


class SubmissionOptions(RequestedOptions, total=False):
    """What a submission may say besides its kind and params; each is explained at `Submission`."""

    name: str | None
    blobs: tuple[str, ...]
    max_params_bytes: int
    event_type: str
    channel: str | None
    same_as: str | None
    job_id: str | None
    viewer: str | None
    minter: str | None
    upload_token: str | None
    token_upload: str | None
    received: Mapping[str, int]
    results: bool


class Caller:
    """The sender of one request under `/v1`.

    Attributes:
        context: The resources of this process.
        access: What the key or token of the request gives.
        owner: Whose things are meant: those of the key's owner, or of the one for whom an admin acts.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self.context: Context = request.scope["state"]["context"]
        self.access: Access = request.scope["access"]  # set by `api.http.access.auth`
        self.owner: str = self.access.owner
        self._account: OwnerAccount | None = request.scope.get("account")

    @property
    def quotas(self) -> Quotas | None:
        """The quotas of the owner, also of one for whom an admin acts; None, those of the settings, in open mode."""
        if self._account is not None and self.owner == self._request.scope["owner"]:
            return self._account.quotas
        name, account = self._request.scope.get("named_account", (None, None))
        return account.quotas if account is not None and name == self.owner else None

    @property
    def _quotas(self) -> Quotas | None:
        """As `quotas`; an admin may make queues."""
        if not self.is_admin:
            return self.quotas
        return replace(self.quotas or Quotas.of(self.context.settings), queues=None)

    @property
    def channel(self) -> str | None:
        """The one channel to which the caller is restricted; None for every caller but those of a portal."""
        return self.access.channel

    @property
    def is_admin(self) -> bool:
        """Whether the caller may see and stop everyone's jobs. In the open mode, everyone may."""
        return self.access.is_admin

    def acting_for(self, owner: str | None) -> "Caller":
        """This caller; for an admin who names another owner, one who has what that owner has, and nothing else.

        Raises:
            Refusal: `forbidden`.
        """
        if owner is None or owner == self.owner:
            return self
        if not self.is_admin:
            raise Refusal(
                "forbidden",
                "Only a key with the scope 'admin' may name another owner. Leave out 'owner'.",
                field="owner",
            )
        self.act_as_admin(owner)
        other = Caller(self._request)
        other.access = replace(self.access, owner=owner, scopes=self.access.scopes - {ADMIN})
        other.owner = owner
        return other

    def act_as_admin(self, owner: str | None) -> None:
        """Have this request in the audit log: it is for another owner, or for the service (None)."""
        self._request.scope["acting_for"] = owner
        if self._request.method not in READING:
            self.audit_changes()

    def audit_changes(self) -> None:
        """Let the scripts that change something from now on write this request's lines of the audit log."""
        act_as(self.context.auditor.actor_of(self._request.scope))

    async def check_again(self) -> None:
        """Check that the request would still be let in. A response that takes long asks before each of its parts.

        Raises:
            Refusal: `unauthorized`, `owner_suspended`, `unavailable`.
        """
        await self.context.accounts.check_again(self._request.scope["access"])

    @property
    def request_id(self) -> str:
        """The id of the request, which its job and its log lines carry."""
        request_id: str = self._request.scope["request_id"]
        return request_id

    @property
    def idempotency_key(self) -> str | None:
        """The Idempotency-Key header, unchecked."""
        return self._request.headers.get("idempotency-key")

    @property
    def headers(self) -> Headers:
        """The headers of the request."""
        return self._request.headers

    @cached_property
    def base_url(self) -> str:
        """What links for the caller begin with, without a slash at the end; see `HostPolicy.base_url`."""
        return self.context.host_policy.base_url(self._request)

    @property
    def public_files(self) -> PublicFiles:
        """Makes the URLs of files."""
        return self.context.public_files

    def submission(
        self, kind: Kind[Any], params: BaseModel | str, queue: str | None = None, **options: Unpack[SubmissionOptions]
    ) -> Submission:
        """A job of this caller, not submitted yet.

        Args:
            kind: What sort of work.
            params: The parameters of the job: the kind's model, or JSON text that the model accepts.
            queue: The queue that the sender has named; None is that of the kind.
            **options: When it runs, after what, under which key; see `SubmissionOptions`.
        """
        options["notify"] = seal_notify(options.get("notify"), self.context.box)
        return Submission(
            kind=kind.name,
            queue=queue or kind.queue,
            owner=self.owner,
            params=params if isinstance(params, str) else params.model_dump_json(by_alias=True),
            request_id=self.request_id,
            address=self.base_url,
            upkeep=kind.upkeep,
            quotas=self._quotas,
            **options,
        )

    async def check_bytes(self, size: str | int | None = None) -> None:
        """Refuse a request whose bytes, or those that its job makes, would be more than the owner may have, before its
        body is received and stored.

        Args:
            size: Bytes of the body, as its Content-Length says; None if that is not known.

        Raises:
            Refusal: `owner_storage_full`, `rate_limited`.
        """
        if self.quotas is not None:
            length = int(size) if isinstance(size, int) or (size or "").isdecimal() else 0  # type: ignore[arg-type]
            await self.context.byte_quotas.check(self.owner, self.quotas, length)

    def check_room(self) -> None:
        """Refuse a request that would add to a full Redis, before its body is received and stored.

        Raises:
            Refusal: `redis_full`.
        """
        if memory_of(self.context.redis).full:
            raise redis_full()

    async def submit(
        self, kind: Kind[Any], params: BaseModel | str, queue: str | None = None, **options: Unpack[SubmissionOptions]
    ) -> Submitted:
        """Submit one job.

        Args:
            kind: What sort of work.
            params: The parameters of the job: the kind's model, or JSON text that the model accepts.
            queue: As of `submission`.
            **options: When it runs, after what, under which key; see `SubmissionOptions`.

        Raises:
            Refusal: As `Enqueuer.enqueue`.
        """
        return await self.context.enqueuer.enqueue(self.submission(kind, params, queue, **options))


# Called by the endpoints, not declared as a dependency: FastAPI takes 12 µs to resolve one (of 60 for a small request).
def caller_of(request: Request) -> Caller:
    """The sender of a request under `/v1`."""
    return Caller(request)


def caller_for_owner(request: Request) -> Caller:
    """The sender of a request whose query may name an owner (`OwnerQuery`), or that owner.

    Raises:
        Refusal: `invalid_request`, `forbidden`.
    """
    return Caller(request).acting_for(query_of(request, OwnerQuery).owner)


def admin_of(request: Request) -> Caller:
    """The sender of a request that only admins may make.

    Raises:
        Refusal: `forbidden`.
    """
    caller = Caller(request)
    if not caller.is_admin:
        raise Refusal("forbidden", "Only a key with the scope 'admin' may do this.")
    caller.act_as_admin(None)
    return caller
