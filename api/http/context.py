"""What every endpoint is given: the resources that the lifespan opened, and who asks."""

from dataclasses import dataclass

from arq.connections import ArqRedis
from starlette.requests import Request

from api.http.keys import Keys
from api.webhooks.url_policy import Addresses
from tasks.queue.jobs.batches import Batches
from tasks.queue.jobs.cancel import Canceller
from tasks.queue.jobs.delete import Deleter
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.reopen import Reopener
from tasks.queue.records.list import Listing
from tasks.queue.watch.watch import Watch
from tasks.refusal import Refusal
from tasks.schedule.scheduler import Scheduler
from tasks.schedule.store import ScheduleStore
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from tasks.webhook.endpoints import Endpoints
from tasks.webhook.secret_box import SecretBox


@dataclass(frozen=True, slots=True)
class Context:
    """One per process, handed down in the request's state."""

    settings: Settings
    keys: Keys
    redis: ArqRedis
    enqueuer: Enqueuer
    batches: Batches
    watch: Watch
    storage: Storage
    box: SecretBox
    addresses: Addresses
    endpoints: Endpoints
    reopener: Reopener
    canceller: Canceller
    deleter: Deleter
    listing: Listing
    schedule_store: ScheduleStore
    scheduler: Scheduler


# Called by the endpoints, not declared as dependencies: what FastAPI does to resolve one shows in requests per second.
def context_of(request: Request) -> Context:
    context: Context = request.scope["state"]["context"]
    return context


def owner_of(request: Request) -> str:
    """Who asks, as `api.http.auth` has found. For addresses under `/v1` only."""
    owner: str = request.scope["owner"]
    return owner


def is_admin(context: Context, owner: str) -> bool:
    """Whether this owner may see and stop everyone's jobs; in the open development mode, everyone may."""
    return owner in context.settings.operators


def context_for_admins(request: Request) -> Context:
    """As `context_of`. Raises: Refusal `forbidden`, unless an admin asks."""
    context = context_of(request)
    if not is_admin(context, owner_of(request)):
        raise Refusal("forbidden", "Only an admin (ADMINS) may see or do this.")
    return context


def request_id_of(request: Request) -> str:
    """The request's id, as `api.http.edge` has given it."""
    request_id: str = request.scope["request_id"]
    return request_id
