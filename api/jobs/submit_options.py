"""What every submit accepts besides its work: when it runs, prerequisites, batch, notification, tags, metadata."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from api.http.caller import Caller, RequestedOptions
from api.http.checks import Checks
from api.http.query import documented_query
from api.jobs.notify import EXAMPLE_URL, MAX_NOTIFY_CHARS, Member, NotifyOption, checked_notify
from api.jobs.timed.attempt_limits import LimitQuery
from api.jobs.timing import PRIORITY, Delay, RunAt, Timing, timing_of
from api.labels import (
    LABEL_HEADERS,
    LabelFields,
    LabelQuery,
    Labels,
    check_once,
    documented_header,
    header_text,
    labels_of,
    labels_of_request,
    read_metadata,
    read_tags,
)
from api.unique.options import UniqueFields, UniqueQuery, add_unique
from tasks.kind import Kind
from tasks.queue.jobs.attempt_limits import NO_LIMITS
from tasks.queue.records.record import Priority, RunIf
from tasks.refusal import Refusal
from tasks.settings import Settings

MAX_AFTER = 100
"""The number of jobs that `after` may name."""
RUN_IF: Final = (
    "For which end of the jobs in `after` this one waits. `success`: all of them must succeed; if one does not, this "
    "job fails. `failure`: all of them must fail or be cancelled; if one succeeds, this job is not needed, and is "
    "cancelled with the code `not_needed`. `any`: all of them must have ended."
)

MAX_KEY_CHARS = 255
IDEMPOTENCY_KEY: Final = {
    "name": "idempotency-key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARS},
    "description": "A key of your choice. A second request with the same key and content returns the same job.",
}
"""`Caller.idempotency_key` in OpenAPI."""


NOTIFY_HEADER: Final = "Pressroom-Notify"
OPTION_HEADERS: Final = (
    documented_header(NOTIFY_HEADER, "The same as `notify`: for a secret that must be in no log of URLs.", EXAMPLE_URL),
    *LABEL_HEADERS,
)
"""Headers of every submit, in OpenAPI."""

SUBMIT_REFUSALS: Final = (
    *("unauthorized", "invalid_request", "params_too_large", "not_found", "expired", "prerequisite_failed"),
    *("batch_open", "batch_sealed", "invalid_url", "address_refused", "invalid_secret", "key_reused", "not_unique"),
    *("queue_full", "owner_queue_full", "redis_full"),
)
"""What any submit may be refused with, for the options here."""


def documented_submit(query: type[BaseModel] | None = None) -> dict[str, Any]:
    """The parameters of an endpoint that submits, for its `openapi_extra`.

    Args:
        query: The model of its query, if it has one.
    """
    return {"parameters": [IDEMPOTENCY_KEY, *OPTION_HEADERS, *(documented_query(query)["parameters"] if query else ())]}


def check_key(idempotency_key: str | None) -> None:
    """Check the length of an Idempotency-Key; here, so that it is told together with what else is wrong.

    Raises:
        Refusal: `invalid_request`.
    """
    if idempotency_key is not None and not 1 <= len(idempotency_key) <= MAX_KEY_CHARS:
        raise Refusal(
            "invalid_request",
            f"idempotency-key: The key has {len(idempotency_key)} characters. Send 1 to {MAX_KEY_CHARS}.",
            field="idempotency-key",
            limit=MAX_KEY_CHARS,
        )


def form_parsers(caller: Caller, submit_options: RequestedOptions) -> dict[str, Callable[[str], Any]]:
    """What reads the fields, by name. They are added to the options of the query and the headers.

    Args:
        caller: The sender.
        submit_options: The options so far.
    """
    settings = caller.context.settings
    return {
        "notify": lambda text: add_options(submit_options, notify=checked_notify(caller.context, text)),
        "tags": lambda text: add_options(submit_options, tags=read_tags(settings, text)),
        "metadata": lambda text: add_options(submit_options, metadata=read_metadata(settings, text)),
        **{name: partial(_add_unique_text, submit_options, settings, name) for name in UniqueQuery.model_fields},
    }


class BatchFields(LabelFields):
    """What the JSON body of any submit may say: that of a job, of a batch, of a workflow."""

    notify: Member | None = None

    def add_to(self, options: RequestedOptions, caller: Caller) -> None:
        """Put what is said here into the options of the request.

        Raises:
            Refusal: `invalid_request`, also for what the query or a header says too; what `checked_notify` raises.
        """
        checks = Checks()
        notify = checks.run(lambda: checked_notify(caller.context, self.notify))
        tags, metadata = checks.run(lambda: labels_of(caller.context.settings, self)) or Labels()
        checks.done()
        add_options(options, notify=notify, tags=tags, metadata=metadata)


class SubmitFields(BatchFields, UniqueFields):
    """What the JSON body of a submit of one job may say, instead of its query."""

    def add_to(self, options: RequestedOptions, caller: Caller) -> None:
        """As `BatchFields.add_to`, with the unique key."""
        super().add_to(options, caller)
        add_unique(options, caller.context.settings, self)


def _add_unique_text(options: RequestedOptions, settings: Settings, name: str, text: str) -> None:
    add_unique(options, settings, UniqueQuery(**{name: text}))


def add_options(options: RequestedOptions, **given: Any) -> None:
    """Add options that stand in the body of a request to those of its query and headers.

    Raises:
        Refusal: `invalid_request` for one that is there already, and differs.
    """
    checks = Checks()
    for name, value in given.items():
        if value:
            checks.run(partial(check_once, name, options.get(name), value))
            options[name] = value  # type: ignore[literal-required]
    checks.done()


class SubmitOptions(LabelQuery, LimitQuery, UniqueQuery):
    """Query parameters of every submit."""

    model_config = ConfigDict(extra="forbid")

    notify: NotifyOption = None
    delay: Delay = None
    run_at: RunAt = None
    priority: Annotated[Priority, Field(description=PRIORITY)] = Priority.NORMAL
    after: str | None = Field(
        None,
        max_length=40 * MAX_AFTER,
        description="Ids of jobs, separated by commas, that must end first; `run_if` says how.",
    )
    run_if: Annotated[RunIf, Field(description=RUN_IF)] = RunIf.SUCCESS
    batch: str | None = Field(None, max_length=64, description="The id of the open batch that the job joins.")

    @property
    def prerequisites(self) -> tuple[str, ...]:
        """The ids in `after`. Raises: Refusal `invalid_request`."""
        ids = tuple(filter(None, (part.strip() for part in (self.after or "").split(","))))
        if len(ids) > MAX_AFTER:
            raise Refusal(
                "invalid_request",
                f"The parameter 'after' names {len(ids)} jobs; at most {MAX_AFTER} are allowed.",
                field="after",
                limit=MAX_AFTER,
            )
        return ids

    def fields(self, caller: Caller, kind: Kind[Any] | None) -> RequestedOptions:
        """These options, and the Idempotency-Key, as `Caller.submit` takes them.

        Args:
            caller: The sender.
            kind: The kind of the job, for its limits; None if that is not known, or at fault.

        Raises:
            Refusal: `invalid_request`, and what `checked_notify` raises.
        """
        checks = Checks()
        idempotency_key = caller.idempotency_key
        checks.run(lambda: check_key(idempotency_key))
        notify = checks.run(lambda: checked_notify(caller.context, self.notify))
        notify = checks.run(lambda: _notify_in_header(caller, notify)) or notify
        labels = checks.run(lambda: labels_of_request(caller.context.settings, caller.headers, self)) or Labels()
        timing = checks.run(lambda: timing_of(caller.context.settings, self.delay, self.run_at)) or Timing()
        limits = checks.run(lambda: self.limits(caller.context.settings, kind, timing)) or NO_LIMITS
        after = checks.run(lambda: self.prerequisites)
        checks.done()
        options: RequestedOptions = {
            "notify": notify,
            "tags": labels.tags,
            "metadata": labels.metadata,
            "delay_ms": timing.delay_ms,
            "run_at_ms": timing.run_at_ms,
            "limits": limits,
            "priority": self.priority,
            "after": after or (),
            "run_if": self.run_if,
            "batch": self.batch,
            "idempotency_key": idempotency_key,
        }
        add_unique(options, caller.context.settings, self)
        return options


def _notify_in_header(caller: Caller, before: str | None) -> str | None:
    """What the header says. before: what the query says.

    Raises:
        Refusal: `invalid_request`, and what `checked_notify` raises.
    """
    if (text := header_text(caller.headers, NOTIFY_HEADER)) is None:
        return None
    if len(text) > MAX_NOTIFY_CHARS:
        message = f"{NOTIFY_HEADER}: The text has {len(text)} characters. At most {MAX_NOTIFY_CHARS} are allowed."
        raise Refusal("invalid_request", message, field=NOTIFY_HEADER, limit=MAX_NOTIFY_CHARS)
    notify = checked_notify(caller.context, text)
    check_once("notify", before, notify)
    return notify
