"""What every endpoint is given: the resources that the lifespan opened, and who asks."""

from dataclasses import dataclass

from arq.connections import ArqRedis
from starlette.requests import Request

from api.addresses import Addresses
from api.keys import Keys
from tasks.endpoints import Endpoints
from tasks.queue.enqueue import Intake
from tasks.queue.reopen import Reopener
from tasks.queue.watch import Watch
from tasks.settings import Settings
from tasks.storage import Storage
from tasks.webhook.secret_box import SecretBox


@dataclass(frozen=True, slots=True)
class Context:
    """One per process, handed down in the request's state."""

    settings: Settings
    keys: Keys
    redis: ArqRedis
    intake: Intake
    watch: Watch
    storage: Storage
    box: SecretBox
    addresses: Addresses
    endpoints: Endpoints
    reopener: Reopener


# Called by the endpoints, not declared as dependencies: what FastAPI does to resolve one shows in requests per second.
def context_of(request: Request) -> Context:
    context: Context = request.scope["state"]["context"]
    return context


def owner_of(request: Request) -> str:
    """Who asks, as `api.auth` has found. For addresses under `/v1` only."""
    owner: str = request.scope["owner"]
    return owner


def request_id_of(request: Request) -> str:
    """The request's id, as `api.edge` has given it."""
    request_id: str = request.scope["request_id"]
    return request_id
