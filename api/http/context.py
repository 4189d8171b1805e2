"""What every endpoint may use: the resources that the lifespan opened."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from arq.connections import ArqRedis
from starlette.requests import Request

from api.changes.broadcast import Broadcast
from api.http.access.account_cache import AccountCache
from api.http.access.auditor import Auditor
from api.http.access.cors import CorsPolicy
from api.http.access.forwarded import Forwarding
from api.http.access.hosts import HostPolicy
from api.http.access.keys import Keys
from api.http.access.sessions import Sessions
from api.http.access.throttle import Throttle
from api.http.body import LargeBodies
from api.http.kept_answers import KeptAnswers
from api.http.quotas.byte_quotas import ByteQuotas
from api.http.quotas.request_rates import RequestRates
from api.operations.http_counts import HttpCounts
from api.presets.known import KnownPreset
from api.public_files.live_files import LiveJobs
from api.reports.spec_process import SpecProcess
from api.server.connections import Connections
from api.server.shutdown import Shutdown
from api.webhooks.url_policy import UrlPolicy
from tasks.accounts.audit import AuditLog
from tasks.accounts.tokens.portal_links import PortalLinks
from tasks.accounts.tokens.upload_tokens import UploadTokens
from tasks.history.store import History
from tasks.kind import Kind
from tasks.public_files.urls import PublicFiles
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.lanes.stats import QueueStats
from tasks.queue.records.list import Listing
from tasks.queue.watch.watch import Watch
from tasks.schedule.scheduler import Scheduler
from tasks.schedule.store import ScheduleStore
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from tasks.telemetry.outage_log import OutageLog
from tasks.webhook.endpoints import Endpoints
from tasks.webhook.secret_box import SecretBox


@dataclass(frozen=True, slots=True)
class Context:
    """One per process, handed down in the request's state."""

    settings: Settings
    keys: Keys
    accounts: AccountCache
    request_rates: RequestRates
    byte_quotas: ByteQuotas
    host_policy: HostPolicy
    cors: CorsPolicy
    upload_tokens: UploadTokens
    portal_links: PortalLinks
    forwarding: Forwarding
    throttle: Throttle
    sessions: Sessions
    audit_log: AuditLog
    auditor: Auditor
    kept: KeptAnswers
    outages: Mapping[str, OutageLog]
    http_counts: HttpCounts
    redis: ArqRedis
    enqueuer: Enqueuer
    watch: Watch
    changes: Broadcast
    shutdown: Shutdown
    storage: Storage
    public_files: PublicFiles
    live_jobs: LiveJobs
    box: SecretBox
    url_policy: UrlPolicy
    endpoints: Endpoints
    job_store: JobStore
    queue_stats: QueueStats
    listing: Listing
    history: History
    schedule_store: ScheduleStore
    scheduler: Scheduler
    connections: Connections
    large_bodies: LargeBodies
    spec_process: SpecProcess
    kinds: Mapping[str, Kind[Any]]
    presets: Mapping[str, KnownPreset]


def process_context(request: Request) -> Context:
    """The resources, for a request that may come from anyone. Under `/v1`, `api.http.caller` has them."""
    context: Context = request.scope["state"]["context"]
    return context
