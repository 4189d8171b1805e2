"""What every endpoint is given: the resources that the lifespan opened, and who asks."""

from dataclasses import dataclass

from arq.connections import ArqRedis
from starlette.requests import Request

from api.addresses import Addresses
from api.keys import Keys
from tasks.endpoints import Endpoints
from tasks.firing import Firing
from tasks.queue.batches import Batches
from tasks.queue.cancel import Canceller
from tasks.queue.delete import Deleter
from tasks.queue.enqueue import Intake
from tasks.queue.read import Listing
from tasks.queue.reopen import Reopener
from tasks.queue.watch import Watch
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.storage import Storage
from tasks.timetable import Timetable
from tasks.webhook.secret_box import SecretBox


@dataclass(frozen=True, slots=True)
class Context:
    """One per process, handed down in the request's state."""

    settings: Settings
    keys: Keys
    redis: ArqRedis
    intake: Intake
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
    timetable: Timetable
    firing: Firing


# Called by the endpoints, not declared as dependencies: what FastAPI does to resolve one shows in requests per second.
def context_of(request: Request) -> Context:
    context: Context = request.scope["state"]["context"]
    return context


def owner_of(request: Request) -> str:
    """Who asks, as `api.auth` has found. For addresses under `/v1` only."""
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
    """The request's id, as `api.edge` has given it."""
    request_id: str = request.scope["request_id"]
    return request_id
